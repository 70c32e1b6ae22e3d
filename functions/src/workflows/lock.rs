//! A lock that an execution holds: an object in the stack's bucket that names the execution.
//!
//! Conditional writes of S3 make the lock exclusive: when several executions write at the same time, one succeeds. A
//! lock whose execution has ended without releasing it is taken over some time later. Idempotent: a second call by the
//! same owner finds its own lock.
//! Source: the user guide of S3, "Conditional requests".

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client as S3;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::types::ExecutionStatus;
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Owner, Result, Settings, TenantId};

use crate::stack::bucket::Location;
use crate::workflows::SECONDS_OF_A_FUNCTION;

/// Maximum number of attempts to take a contended lock.
const ATTEMPTS: u32 = 5;

#[derive(Deserialize, Serialize)]
struct Content {
    execution: Owner,
}

struct Held {
    by: Owner,
    e_tag: String,
}

/// The lock of a tenant.
///
/// # Errors
/// `EnvironmentNotReady` when the bucket is not set.
pub fn of(settings: &Settings, tenant: &TenantId) -> Result<Location> {
    Ok(Location { bucket: settings.required("BUCKET")?.to_owned(), key: format!("update-tenant/{tenant}.json") })
}

/// How long after its execution's end a lock is not taken over.
///
/// # Errors
/// `EnvironmentNotReady` when the setting is not a number.
pub fn grace(settings: &Settings) -> Result<Duration> {
    let seconds = match settings.optional("LOCK_GRACE_SECONDS") {
        Some(_) => settings.parsed("LOCK_GRACE_SECONDS")?,
        None => u64::from(SECONDS_OF_A_FUNCTION),
    };
    Ok(Duration::from_secs(seconds))
}

/// Takes the lock for an execution. If the execution that has it ended at least `grace` ago, its lock is taken over.
/// Before that, a function that it started may still run, because Lambda does not stop it with the execution.
///
/// # Errors
/// `ResourceConflict` when another execution has it.
pub async fn take(s3: &S3, sfn: &StepFunctions, lock: &Location, owner: &Owner, grace: Duration) -> Result<()> {
    for _ in 0..ATTEMPTS {
        if put(s3, lock, owner, None).await? {
            return Ok(());
        }
        let Some(held) = read(s3, lock).await? else { continue };
        if &held.by == owner {
            return Ok(());
        }
        match ended(sfn, &held.by).await? {
            None => return Err(is_held(&held.by, "try again when that has ended")),
            Some(since) if since < grace => {
                let left = (grace - since).as_secs() + 1;
                let hint = format!("it has ended, but a function of it may still work: try again in {left} s");
                return Err(is_held(&held.by, &hint));
            }
            Some(_) => {}
        }
        if put(s3, lock, owner, Some(held.e_tag)).await? {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Transient, format!("taking lock ({lock}): others took it {ATTEMPTS} times meanwhile")))
}

/// Makes sure that an execution has the lock.
///
/// # Errors
/// `ResourceConflict` when it does not.
pub async fn check(s3: &S3, lock: &Location, owner: &Owner) -> Result<()> {
    let held = read(s3, lock).await?;
    if held.as_ref().is_some_and(|held| &held.by == owner) {
        return Ok(());
    }
    let by = held.map_or_else(|| "nobody".to_owned(), |held| held.by.to_string());
    Err(Error::new(
        ErrorKind::ResourceConflict,
        format!("lock_owner: {owner} does not have the tenant's lock, {by} has it: leave lock_owner out to take it"),
    ))
}

/// Releases the lock. `false` when the execution did not have it.
///
/// # Errors
/// When S3 refuses a call.
pub async fn release(s3: &S3, lock: &Location, owner: &Owner) -> Result<bool> {
    let Some(held) = read(s3, lock).await?.filter(|held| &held.by == owner) else { return Ok(false) };
    match s3.delete_object().bucket(&lock.bucket).key(&lock.key).if_match(held.e_tag).send().await {
        Ok(_) => Ok(true),
        Err(error) if is_lost(error.code()) => Ok(false),
        Err(error) => Err(Error::aws(format!("giving back lock ({lock})"), error)),
    }
}

fn is_held(by: &Owner, hint: &str) -> Error {
    Error::new(ErrorKind::ResourceConflict, format!("the tenant is being changed by {by}: {hint}"))
}

/// The time since an execution ended; `None` while it runs. An execution that Step Functions no longer knows ended long
/// ago.
///
/// # Errors
/// When a call to Step Functions fails.
pub async fn ended(sfn: &StepFunctions, execution: &Owner) -> Result<Option<Duration>> {
    let described = match sfn.describe_execution().execution_arn(execution.as_str()).send().await {
        Ok(described) => described,
        Err(error) if error.code() == Some("ExecutionDoesNotExist") => return Ok(Some(Duration::MAX)),
        Err(error) => return Err(Error::aws(format!("reading execution ({execution})"), error)),
    };
    if matches!(described.status(), ExecutionStatus::Running | ExecutionStatus::PendingRedrive) {
        return Ok(None);
    }
    let stopped = described.stop_date().map(|date| date.as_secs_f64()).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    Ok(Some(Duration::try_from_secs_f64(now - stopped).unwrap_or_default()))
}

/// Writes the lock if it does not exist, or if it still has this ETag. `false` when another write was faster.
async fn put(s3: &S3, lock: &Location, owner: &Owner, instead_of: Option<String>) -> Result<bool> {
    let doing = || format!("taking lock ({lock})");
    let content = serde_json::to_vec(&Content { execution: owner.clone() });
    let content = content.map_err(|error| Error::internal(doing()).with_source(error))?;
    let put = s3.put_object().bucket(&lock.bucket).key(&lock.key).content_type("application/json").body(content.into());
    let put = match instead_of {
        Some(e_tag) => put.if_match(e_tag),
        None => put.if_none_match("*"),
    };
    match put.send().await {
        Ok(_) => Ok(true),
        Err(error) if is_lost(error.code()) => Ok(false),
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

/// S3's errors when a condition is not met, the object does not exist, or another write happens at the same time.
fn is_lost(code: Option<&str>) -> bool {
    matches!(code, Some("PreconditionFailed" | "NoSuchKey" | "ConditionalRequestConflict"))
}

async fn read(s3: &S3, lock: &Location) -> Result<Option<Held>> {
    let doing = || format!("reading lock ({lock})");
    let object = match s3.get_object().bucket(&lock.bucket).key(&lock.key).send().await {
        Ok(object) => object,
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let e_tag = object.e_tag().unwrap_or_default().to_owned();
    let body =
        object.body.collect().await.map_err(|error| Error::new(ErrorKind::Transient, doing()).with_source(error))?;
    let content: Content =
        serde_json::from_slice(&body.into_bytes()).map_err(|error| Error::internal(doing()).with_source(error))?;
    Ok(Some(Held { by: content.execution, e_tag }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::delete_object::DeleteObjectOutput;
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
    use aws_sdk_sfn::operation::describe_execution::{DescribeExecutionError, DescribeExecutionOutput};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner};

    fn lock() -> Location {
        Location { bucket: "bucket".to_owned(), key: "update-tenant/123456789012.json".to_owned() }
    }

    fn written(instead_of: Option<&'static str>) -> Rule {
        mock!(S3::put_object)
            .match_requests(move |request| match instead_of {
                Some(e_tag) => request.if_match() == Some(e_tag) && request.if_none_match().is_none(),
                None => request.if_none_match() == Some("*") && request.if_match().is_none(),
            })
            .then_output(|| PutObjectOutput::builder().build())
    }

    fn not_written(code: &'static str) -> Rule {
        mock!(S3::put_object).then_error(move || PutObjectError::generic(ErrorMetadata::builder().code(code).build()))
    }

    fn held(by: Owner) -> Rule {
        mock!(S3::get_object).then_output(move || {
            let content = serde_json::to_vec(&Content { execution: by.clone() }).unwrap();
            GetObjectOutput::builder().e_tag("\"1\"").body(content.into()).build()
        })
    }

    fn nobodys() -> Rule {
        mock!(S3::get_object).then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("NoSuchKey").build()))
    }

    fn execution(status: Option<ExecutionStatus>) -> Rule {
        ended_at(status, 0)
    }

    fn ended_at(status: Option<ExecutionStatus>, stopped: i64) -> Rule {
        match status {
            Some(status) => mock!(StepFunctions::describe_execution).then_output(move || {
                let described = DescribeExecutionOutput::builder().execution_arn("arn").state_machine_arn("arn");
                described
                    .status(status.clone())
                    .start_date(DateTime::from_secs(0))
                    .stop_date(DateTime::from_secs(stopped))
                    .build()
                    .unwrap()
            }),
            None => mock!(StepFunctions::describe_execution).then_error(|| {
                DescribeExecutionError::generic(ErrorMetadata::builder().code("ExecutionDoesNotExist").build())
            }),
        }
    }

    async fn run(s3: &[&Rule], sfn: &[&Rule]) -> Result<()> {
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, s3);
        let sfn = mock_client!(aws_sdk_sfn, RuleMode::Sequential, sfn);
        take(&s3, &sfn, &lock(), &owner(), Duration::from_secs(75)).await
    }

    #[tokio::test]
    async fn a_free_lock_is_taken_and_a_second_call_by_the_same_owner_succeeds() {
        run(&[&written(None)], &[]).await.unwrap();
        run(&[&not_written("PreconditionFailed"), &held(owner())], &[]).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_whose_execution_runs_is_a_conflict_that_names_it() {
        let s3 = [&not_written("PreconditionFailed"), &held(other_owner())];
        let error = run(&s3, &[&execution(Some(ExecutionStatus::Running))]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        assert!(error.chain().contains(other_owner().as_str()), "{}", error.chain());
    }

    #[tokio::test]
    async fn a_lock_whose_execution_does_not_run_is_taken_over() {
        for status in [Some(ExecutionStatus::Aborted), Some(ExecutionStatus::TimedOut), None] {
            let s3 = [&not_written("PreconditionFailed"), &held(other_owner()), &written(Some("\"1\""))];
            run(&s3, &[&execution(status)]).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_lock_whose_execution_ended_a_moment_ago_is_not_taken_over_yet() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let stopped = ended_at(Some(ExecutionStatus::Aborted), i64::try_from(now).unwrap() - 10);
        let s3 = [&not_written("PreconditionFailed"), &held(other_owner())];
        let error = run(&s3, &[&stopped]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        assert!(error.chain().contains("try again in 6"), "{}", error.chain());
    }

    #[tokio::test]
    async fn a_lost_race_is_tried_again_a_limited_number_of_times() {
        let s3 = [&not_written("ConditionalRequestConflict"), &nobodys(), &written(None)];
        run(&s3, &[]).await.unwrap();
        let lost: Vec<_> = (0..ATTEMPTS).flat_map(|_| [not_written("PreconditionFailed"), nobodys()]).collect();
        assert_eq!(run(&lost.iter().collect::<Vec<_>>(), &[]).await.unwrap_err().kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn a_job_inherits_only_a_lock_that_is_held() {
        let check = async |held: Rule| {
            let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, [&held]);
            super::check(&s3, &lock(), &owner()).await
        };
        check(held(owner())).await.unwrap();
        for others in [held(other_owner()), nobodys()] {
            assert_eq!(check(others).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn only_the_executions_own_lock_is_released() {
        let deleted = mock!(S3::delete_object)
            .match_requests(|request| request.if_match() == Some("\"1\""))
            .then_output(|| DeleteObjectOutput::builder().build());
        let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, [&held(owner()), &deleted]);
        assert!(release(&s3, &lock(), &owner()).await.unwrap());
        for others in [held(other_owner()), nobodys()] {
            let s3 = mock_client!(aws_sdk_s3, RuleMode::Sequential, [&others]);
            assert!(!release(&s3, &lock(), &owner()).await.unwrap());
        }
    }
}
