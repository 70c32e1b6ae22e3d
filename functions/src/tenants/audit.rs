//! A look at every tenant, now and then: which of them lack something for longer than a provisioning or a deletion takes.
//!
//! What a run finds partial is remembered in the stack's bucket, and told once the next run finds it again. Nothing of a
//! tenant is touched. A run that is repeated by the same execution compares with the same run before it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::metrics;
use shared::{EnvironmentName, ErrorKind, Owner, Result, Settings, TenantId};

use super::Status;
use super::list::{self, Seen};
use crate::bus;
use crate::inventory::Clients;
use crate::resource::Kind;
use crate::storage::{self, Location};

/// The event that tells of tenants that stay partial.
const DETAIL_TYPE: &str = "TenantsIncomplete";
/// As many as the event tells of by name. EventBridge takes 256 KiB.
const TOLD: usize = 500;
/// Room for 10,000 tenants twice.
const LONGEST_MEMORY: i64 = 4 << 20;

/// Input of audit-tenants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The execution that looks.
    pub execution: Owner,
}

/// Output of audit-tenants, and what the event tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// The environment.
    pub environment: EnvironmentName,
    /// The execution that looked.
    pub execution_arn: Owner,
    /// Number of tenants.
    pub total: usize,
    /// Number of tenants of each status.
    pub statuses: BTreeMap<Status, usize>,
    /// Those that lack something in this run and lacked something in the run before: 500 at most.
    pub incomplete: Vec<Incomplete>,
    /// How many more there are of them.
    pub more: usize,
}

/// A tenant that lacks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incomplete {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The kinds of resource that are missing.
    pub lacks: BTreeSet<Kind>,
}

/// What is remembered from run to run.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Memory {
    execution: Option<Owner>,
    found: BTreeSet<TenantId>,
    found_before: BTreeSet<TenantId>,
}

impl Memory {
    /// What the run before this execution found.
    fn before(&self, execution: &Owner) -> &BTreeSet<TenantId> {
        if self.execution.as_ref() == Some(execution) { &self.found_before } else { &self.found }
    }
}

/// Looks at every tenant; tells of those that stay partial by an event, and of all by metrics.
///
/// # Errors
/// When one of the services cannot be asked, or the bucket or the bus refuses.
pub async fn audit(
    clients: &Clients,
    s3: &aws_sdk_s3::Client,
    events: &aws_sdk_eventbridge::Client,
    settings: &Settings,
    request: Audit,
) -> Result<Audited> {
    let memory =
        Location { bucket: settings.required("BUCKET")?.to_owned(), key: "audit-tenants/found.json".to_owned() };
    let before = remembered(s3, &memory).await?;
    let seen = list::see_all(clients, settings).await?;
    let audited = told(settings.environment(), &request.execution, &seen, before.before(&request.execution));
    let counts = audited.statuses.iter().map(|(status, count)| (status.name(), *count));
    metrics::tenants_by_status(settings.environment(), counts).iter().for_each(metrics::Line::write);
    metrics::tenants_incomplete(settings.environment(), audited.incomplete.len() + audited.more).write();
    if !audited.incomplete.is_empty() {
        bus::put(events, settings, DETAIL_TYPE, &audited, request.execution.as_str()).await?;
    }
    let found_before = before.before(&request.execution).clone();
    let found = seen.into_iter().filter(is_partial).map(|seen| seen.tenant_id).collect();
    storage::write(s3, &memory, &Memory { execution: Some(request.execution), found, found_before }).await?;
    Ok(audited)
}

async fn remembered(s3: &aws_sdk_s3::Client, memory: &Location) -> Result<Memory> {
    match storage::read(s3, memory, LONGEST_MEMORY, ErrorKind::TenantNotFound).await {
        // The first run, or a memory that nobody can read any more: this run begins a new one.
        Err(error) if error.kind() == ErrorKind::TenantNotFound => Ok(Memory::default()),
        Err(error) => Err(error),
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
    }
}

fn told(environment: EnvironmentName, execution: &Owner, seen: &[Seen], before: &BTreeSet<TenantId>) -> Audited {
    // One of which there are none stays 0, or its last number would stay in sight.
    let mut statuses: BTreeMap<_, _> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
    for seen in seen {
        *statuses.entry(seen.status).or_default() += 1;
    }
    let incomplete = seen.iter().filter(|seen| is_partial(seen) && before.contains(&seen.tenant_id));
    let mut incomplete: Vec<_> =
        incomplete.map(|seen| Incomplete { tenant_id: seen.tenant_id.clone(), lacks: seen.lacks.clone() }).collect();
    let more = incomplete.len().saturating_sub(TOLD);
    incomplete.truncate(TOLD);
    Audited { environment, execution_arn: execution.clone(), total: seen.len(), statuses, incomplete, more }
}

fn is_partial(seen: &Seen) -> bool {
    seen.status == Status::Partial
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::Client as S3;
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner};

    fn id(number: usize) -> TenantId {
        TenantId::try_from(format!("{number:012}")).unwrap()
    }

    fn audited(numbers: std::ops::Range<usize>, before: std::ops::Range<usize>) -> Audited {
        let lacks = BTreeSet::from([Kind::Service]);
        let partial = |number| Seen { tenant_id: id(number), status: Status::Partial, lacks: lacks.clone() };
        let mut seen: Vec<_> = numbers.map(partial).collect();
        seen.push(Seen { tenant_id: id(999_999), status: Status::Active, lacks: BTreeSet::new() });
        told(EnvironmentName::Dev, &owner(), &seen, &before.map(id).collect())
    }

    #[test]
    fn only_those_are_told_that_were_partial_in_the_run_before() {
        let audited = audited(1..4, 3..9);
        let told: Vec<_> = audited.incomplete.iter().map(|incomplete| incomplete.tenant_id.clone()).collect();
        assert_eq!((told, audited.more, audited.total), (vec![id(3)], 0, 4));
        let counts = [Status::Active, Status::Partial, Status::Degraded].map(|status| audited.statuses[&status]);
        assert_eq!(counts, [1, 3, 0]);
    }

    #[test]
    fn an_event_names_500_and_counts_the_rest() {
        let audited = audited(0..700, 0..700);
        assert_eq!((audited.incomplete.len(), audited.more), (500, 200));
        assert!(serde_json::to_vec(&audited).unwrap().len() < 128 << 10);
    }

    #[test]
    fn a_run_that_is_repeated_compares_with_the_run_before_it() {
        let memory = Memory { execution: Some(owner()), found: [id(2)].into(), found_before: [id(1)].into() };
        assert_eq!(memory.before(&owner()), &BTreeSet::from([id(1)]));
        assert_eq!(memory.before(&other_owner()), &BTreeSet::from([id(2)]));
    }

    #[tokio::test]
    async fn the_first_run_and_one_whose_memory_is_broken_begin_anew() {
        let missing = mock!(S3::get_object)
            .then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("NoSuchKey").build()));
        let broken = mock!(S3::get_object)
            .then_output(|| GetObjectOutput::builder().body(b"{".to_vec().into()).content_length(1).build());
        for answer in [missing, broken] {
            let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&answer]);
            let memory = Location { bucket: "bucket".to_owned(), key: "audit-tenants/found.json".to_owned() };
            assert!(remembered(&s3, &memory).await.unwrap().found.is_empty());
        }
    }
}
