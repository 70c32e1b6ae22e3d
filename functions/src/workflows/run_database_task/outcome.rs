//! Interprets the end of a task.

use aws_sdk_cloudwatchlogs::Client as Logs;
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Kind, Names, Result, Settings, mysql, names};

use super::{Action, CONTAINER, Request};
use crate::resources::database::{Created, unusable};
use crate::resources::{Left, Removal};
use crate::workflows::ecs_task::{STOPPED, Task, last_lines, not_run, quoted};
use crate::workflows::failure::Failure;

/// Number of lines of the log in an error.
const LINES_OF_A_FAILURE: usize = 5;

/// Exit statuses of `run.sh`, besides 0 and those of the programs that it runs.
mod status {
    pub(super) const ABSENT: i32 = 3;
    pub(super) const FOREIGN: i32 = 4;
    pub(super) const LOCKED: i32 = 5;
    pub(super) const LEFT: i32 = 6;
    /// The tenant's user cannot use the database that was created.
    pub(super) const UNUSABLE: i32 = 7;
    pub(super) const NOT_READY: i32 = 78;
}

/// Input of read-database-task: either a task that has ended, or the reason why there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The request of the task.
    pub request: Request,
    /// The task, as ECS describes it.
    pub task: Option<Task>,
    /// The error of RunTask.
    pub failure: Option<Failure>,
}

/// Output of read-database-task.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    /// The task succeeded. The content is the output of create-database.
    Created(Created),
    /// The task succeeded. The content is the output of drop-database.
    Removed(Removal),
    /// The task may succeed when it is run again. The content is the reason.
    Again(String),
}

/// Interprets a task that has ended, or that could not be run.
///
/// # Errors
/// `ResourceConflict` when another owner made the database that was to be created; `EnvironmentNotReady` when the task
/// cannot be run; `AccessDenied`; `Internal`. A failure that may pass is [`Read::Again`], not an error.
pub async fn read(logs: &Logs, settings: &Settings, reading: Reading) -> Result<Read> {
    let names = reading.request.names(settings)?;
    let outcome = match (&reading.task, &reading.failure) {
        (Some(task), _) => ended(logs, &names, &reading.request, task).await,
        (None, Some(failure)) => Err(not_run(&names::database_task(names.environment()), failure)),
        (None, None) => Err(Error::internal("neither a task nor an error was given")),
    };
    match outcome {
        Err(error) if error.kind().is_passing() => Ok(Read::Again(error.chain())),
        outcome => outcome,
    }
}

async fn ended(logs: &Logs, names: &Names, request: &Request, task: &Task) -> Result<Read> {
    let id = task.id();
    let doing = match request.action {
        Action::Create => format!("creating database ({}) by task {id}", names.database()),
        Action::Drop => format!("dropping database ({}) by task {id}", names.database()),
    };
    let exit = task.exit_status(CONTAINER, &doing)?;
    let mut removal = Removal::of(Kind::Database);
    match (request.action, exit) {
        (Action::Create, 0) => Ok(Read::Created(Created { database: names.database(), database_user: names.user() })),
        (Action::Drop, 0) => {
            removal.removed.extend([names.database(), names.user()]);
            Ok(Read::Removed(removal))
        }
        (Action::Drop, status::ABSENT) => Ok(Read::Removed(removal)),
        (action, status::FOREIGN) => {
            let lines = log_of(logs, names, id).await?;
            let reason = match lines.last().and_then(|line| line.strip_prefix("foreign")).map(str::trim) {
                Some("") => "not made by tenant management".to_owned(),
                Some(owner) => format!("made by {owner}"),
                None => "made by somebody else".to_owned(),
            };
            if action == Action::Create {
                let message = format!("database exists ({}) and it was {reason}", names.database());
                return Err(Error::new(ErrorKind::ResourceConflict, message));
            }
            removal.kept.push(Left { identifier: names.database(), reason });
            Ok(Read::Removed(removal))
        }
        (_, exit) => {
            let lines = log_of(logs, names, id).await?;
            let why = format!("{doing}: exit status {exit}: {}", quoted(&lines));
            match kind_of(exit, &lines) {
                // What a site's tasks cannot do is a fault of the server's settings, whatever code the server has for it.
                kind if exit == status::UNUSABLE && !kind.is_passing() => Err(unusable(names, &why)),
                kind => Err(Error::new(kind, why)),
            }
        }
    }
}

/// The end of the task's log.
async fn log_of(logs: &Logs, names: &Names, id: &str) -> Result<Vec<String>> {
    let stream = format!("{}/{CONTAINER}/{id}", names::DATABASE_TASK);
    last_lines(logs, &names::database_task_log_group(names.environment()), &stream, LINES_OF_A_FAILURE).await
}

/// The kind of error for an exit status and the end of the log.
fn kind_of(exit: i32, lines: &[String]) -> ErrorKind {
    match exit {
        status::LOCKED => return ErrorKind::Transient,
        status::LEFT => return ErrorKind::Internal,
        status::NOT_READY => return ErrorKind::EnvironmentNotReady,
        exit if STOPPED.contains(&exit) => return ErrorKind::Transient,
        _ => {}
    }
    lines.iter().rev().find_map(|line| kind_of_line(line)).unwrap_or(ErrorKind::Internal)
}

/// The kind of error in a log line. Lines are those of the MySQL client, `ERROR 1045 (28000): …`, and of the AWS CLI,
/// `An error occurred (Code) when …`.
fn kind_of_line(line: &str) -> Option<ErrorKind> {
    if let Some((_, rest)) = line.split_once("ERROR ") {
        return rest.split(' ').next()?.parse().ok().map(mysql::kind_of_code);
    }
    if line.contains("Could not connect to the endpoint") || line.contains("timeout on endpoint") {
        return Some(ErrorKind::Transient);
    }
    let (code, _) = line.split_once("An error occurred (")?.1.split_once(')')?;
    // The tenant's secret is new and may not be visible yet.
    if code == "ResourceNotFoundException" {
        return Some(ErrorKind::Transient);
    }
    Some(ErrorKind::of_aws_code(code).unwrap_or(ErrorKind::Internal))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
    use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::{Value, json};
    use shared::input;

    use super::*;
    use crate::testing::{other_owner, owner, settings};

    async fn run(action: &str, ended: Value, lines: &'static [&'static str]) -> Result<Value> {
        let log = mock!(Logs::get_log_events)
            .match_requests(|request| {
                request.log_group_name() == Some("/ecs/dev-generic-db-init")
                    && request.log_stream_name() == Some("generic-db-init/mysql-client/abc")
            })
            .then_output(|| {
                let event = |line: &&str| OutputLogEvent::builder().message(*line).build();
                GetLogEventsOutput::builder().set_events(Some(lines.iter().map(event).collect())).build()
            });
        let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&log]);
        let mut reading =
            json!({"request": {"action": action, "tenant_id": "123456789012", "owner": owner().as_str()}});
        for (name, value) in ended.as_object().unwrap() {
            reading[name] = value.clone();
        }
        read(&logs, &settings(&[]), input::parse(reading)?).await.map(|read| serde_json::to_value(read).unwrap())
    }

    fn exit(code: i32) -> Value {
        json!({"task": {
            "TaskArn": "arn:aws:ecs:eu-west-1:536580886816:task/dev-cluster/abc", "StopCode": "EssentialContainerExited",
            "StoppedReason": "Essential container in task exited", "Containers": [{"Name": "mysql-client", "ExitCode": code}]
        }})
    }

    fn error(outcome: Result<Value>) -> (ErrorKind, String) {
        let error = outcome.unwrap_err();
        (error.kind(), error.chain())
    }

    #[tokio::test]
    async fn a_task_returns_the_same_output_as_the_function() {
        assert_eq!(
            run("create", exit(0), &[]).await.unwrap(),
            json!({"created": {"database": "123456789012_db", "database_user": "123456789012_user"}})
        );
        assert_eq!(
            run("drop", exit(0), &[]).await.unwrap(),
            json!({"removed": {"kind": "database", "removed": ["123456789012_db", "123456789012_user"]}})
        );
        assert_eq!(run("drop", exit(3), &[]).await.unwrap(), json!({"removed": {"kind": "database", "removed": []}}));
    }

    #[tokio::test]
    async fn what_another_owner_made_is_a_conflict_or_is_kept() {
        let line: &'static str = Box::leak(format!("foreign {}", other_owner()).into_boxed_str());
        let lines: &'static [&'static str] = Box::leak(Box::new([line]));
        let (kind, message) = error(run("create", exit(4), lines).await);
        assert_eq!(kind, ErrorKind::ResourceConflict);
        assert!(message.contains(other_owner().as_str()), "{message}");
        for (lines, reason) in [(&["foreign "][..], "not made by tenant management"), (&[], "made by somebody else")] {
            let kept = run("drop", exit(4), lines).await.unwrap();
            assert_eq!(kept["removed"]["kept"][0]["reason"], reason);
        }
    }

    #[tokio::test]
    async fn the_exit_status_and_the_end_of_the_log_decide_and_explain() {
        for (code, line, kind) in [
            (1, "ERROR 1045 (28000): Access denied for user 'admin'@'10.0.0.1'", ErrorKind::AccessDenied),
            (1, "ERROR 2026 (HY000): TLS/SSL error: certificate verify failed", ErrorKind::EnvironmentNotReady),
            (
                254,
                "An error occurred (AccessDeniedException) when calling the GetSecretValue operation",
                ErrorKind::AccessDenied,
            ),
            (78, "DATABASE_CA_BUNDLE is not set", ErrorKind::EnvironmentNotReady),
            (6, "left", ErrorKind::Internal),
            (7, "ERROR 1044 (42000): Access denied for user '123456789012_user'", ErrorKind::EnvironmentNotReady),
            (127, "sh: 1: mysql: not found", ErrorKind::Internal),
        ] {
            let lines: &'static [&'static str] = Box::leak(Box::new(["earlier", line]));
            let (found, message) = error(run("drop", exit(code), lines).await);
            assert_eq!(found, kind, "{message}");
            assert!(message.contains(line) && message.contains(&format!("exit status {code}")), "{message}");
        }
    }

    #[tokio::test]
    async fn a_failure_that_may_pass_is_no_error() {
        for (ended, lines) in [
            (exit(5), &["locked"][..]),
            (exit(7), &["created", "ERROR 2003 (HY000): Can't connect to server on 'db'"]),
            (exit(137), &[]),
            (exit(1), &["ERROR 2003 (HY000): Can't connect to server on 'db'"]),
            (exit(254), &["Could not connect to the endpoint URL: \"https://secretsmanager\""]),
            (json!({"failure": {"Error": "AmazonECS.Unknown", "Cause": "RESOURCE:CPU"}}), &[]),
            (json!({"failure": {"Error": "ECS.AmazonECSException", "Cause": "no room"}}), &[]),
            (json!({"failure": {"Error": "States.Timeout"}}), &[]),
            (
                json!({"task": {"TaskArn": "a/abc", "StoppedReason": "Capacity is unavailable at this time", "Containers": []}}),
                &[],
            ),
        ] {
            let answer = run("create", ended.clone(), lines).await.unwrap();
            assert!(answer["again"].is_string(), "{ended}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_task_that_cannot_be_run_says_what_the_environment_lacks() {
        let unstarted = json!({"task": {
            "TaskArn": "a/abc", "StopCode": "TaskFailedToStart", "StoppedReason": "ResourceInitializationError: no such log group",
            "Containers": [{"Name": "mysql-client"}]
        }});
        let (kind, message) = error(run("create", unstarted, &[]).await);
        assert_eq!(kind, ErrorKind::EnvironmentNotReady);
        assert!(message.contains("no such log group"), "{message}");
        let unknown = json!({"failure": {"Error": "ECS.ClientException", "Cause": "Unable to find task definition"}});
        let (kind, message) = error(run("create", unknown, &[]).await);
        assert_eq!(kind, ErrorKind::EnvironmentNotReady);
        assert!(message.contains("dev-generic-db-init") && message.contains("Unable to find"), "{message}");
        let refused = json!({"failure": {"Error": "ECS.AccessDeniedException", "Cause": "no"}});
        assert_eq!(error(run("create", refused, &[]).await).0, ErrorKind::AccessDenied);
    }
}
