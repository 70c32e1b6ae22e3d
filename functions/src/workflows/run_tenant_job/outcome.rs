//! Interprets the end of a job.

use aws_sdk_cloudwatchlogs::Client as Logs;
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Names, Result, Settings};

use super::{Job, Request};
use crate::resources::database::is_version;
use crate::resources::task_definition::container::CONTAINER;
use crate::resources::task_definition::job::{self, LOG_PREFIX};
use crate::workflows::ecs_task::{STOPPED, Task, last_lines, not_run, quoted};
use crate::workflows::failure::Failure;

/// What the line begins with that a job reports its result in.
const REPORT: &str = "tenant-management: {";

/// Number of lines of the log that are read.
const LINES: usize = 50;
/// Number of lines of the log in an error, when none of them says why.
const LINES_OF_A_FAILURE: usize = 5;
/// What a line contains that says why a job failed. What PHP called follows such a line.
const REASONS: [&str; 2] = ["PHP Fatal error", "tenant-management:"];

/// Input of read-tenant-job: either a task that has ended, or the reason why there is none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The request of the job.
    pub request: Request,
    /// The task, as ECS describes it.
    pub task: Option<Task>,
    /// The error of RunTask.
    pub failure: Option<Failure>,
}

/// Output of read-tenant-job.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    /// The job is done.
    Done(Done),
    /// The job may succeed when it is run again. The content is the reason.
    Again(String),
}

/// Output of run-tenant-job.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The job.
    pub job: &'static str,
    /// What upgrade-database did. Absent when the job's log does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Upgrade>,
}

/// An upgrade of WordPress's tables.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Upgrade {
    /// The version of WordPress that changed the tables last; absent when nothing recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version of WordPress of the image.
    pub to: String,
    /// The tables were changed. Otherwise both versions have the same tables.
    pub upgraded: bool,
}

/// Interprets a job that has ended, or that could not be run.
///
/// # Errors
/// `DeploymentFailed` when the job failed, with the end of its log; `EnvironmentNotReady` when it cannot be run;
/// `AccessDenied`; `Internal`. A failure that may pass is [`Read::Again`], not an error.
pub async fn read(logs: &Logs, settings: &Settings, reading: Reading) -> Result<Read> {
    let names = reading.request.names(settings)?;
    let outcome = match (&reading.task, &reading.failure) {
        (Some(task), _) => ended(logs, &names, reading.request.job, task).await,
        (None, Some(failure)) => Err(not_run(&names.job_family(), failure)),
        (None, None) => Err(Error::internal("neither a task nor an error was given")),
    };
    match outcome {
        Err(error) if error.kind().is_passing() => Ok(Read::Again(error.chain())),
        outcome => outcome.map(Read::Done),
    }
}

async fn ended(logs: &Logs, names: &Names, what: Job, task: &Task) -> Result<Done> {
    let doing = format!("running job {} by task {}", what.name(), task.id());
    // Whoever has the lock now has stopped it, so it must not run again.
    if task.was_stopped_because(job::STOPPED) {
        let message = format!("{doing}: another execution has taken over the tenant, and stopped the job");
        return Err(Error::new(ErrorKind::ResourceConflict, message));
    }
    let exit = task.exit_status(CONTAINER, &doing)?;
    let stream = format!("{LOG_PREFIX}/{CONTAINER}/{}", task.id());
    let lines = last_lines(logs, &names.log_group(), &stream, LINES).await?;
    if exit != 0 {
        let kind = if STOPPED.contains(&exit) { ErrorKind::Transient } else { ErrorKind::DeploymentFailed };
        return Err(Error::new(kind, format!("{doing}: exit status {exit}; its log says: {}", quoted(reason(&lines)))));
    }
    let report = lines.iter().rev().find_map(|line| line.find(REPORT).map(|at| &line[at + REPORT.len() - 1..]));
    let upgrade = report.and_then(|report| serde_json::from_str::<Upgrade>(report).ok());
    Ok(Done { job: what.name(), database: upgrade.filter(is_credible) })
}

/// The part of the log that says why a job failed.
fn reason(lines: &[String]) -> &[String] {
    let says_why = |line: &String| REASONS.iter().any(|reason| line.contains(reason));
    let from = lines.iter().rposition(says_why).unwrap_or(lines.len().saturating_sub(LINES_OF_A_FAILURE));
    &lines[from..]
}

/// The tenant's programs can write anything into the job's log, and people read it in their terminals.
fn is_credible(upgrade: &Upgrade) -> bool {
    upgrade.from.iter().chain([&upgrade.to]).all(|version| is_version(version))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
    use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::{Value, json};
    use shared::input;

    use super::*;
    use crate::testing::settings;

    async fn run(ended: Value, lines: &'static [&'static str]) -> Result<Value> {
        let log = mock!(Logs::get_log_events)
            .match_requests(|request| {
                request.log_group_name() == Some("/ecs/dev-123456789012")
                    && request.log_stream_name() == Some("job/wordpress/abc")
            })
            .then_output(|| {
                let event = |line: &&str| OutputLogEvent::builder().message(*line).build();
                GetLogEventsOutput::builder().set_events(Some(lines.iter().map(event).collect())).build()
            });
        let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&log]);
        let mut reading = json!({"request": {"tenant_id": "123456789012", "job": "upgrade-database"}});
        reading.as_object_mut().unwrap().extend(ended.as_object().unwrap().clone());
        read(&logs, &settings(&[]), input::parse(reading)?).await.map(|read| serde_json::to_value(read).unwrap())
    }

    fn exit(code: i32) -> Value {
        json!({"task": {"TaskArn": "arn:aws:ecs:eu-west-1:536580886816:task/dev-cluster/abc",
                        "Containers": [{"Name": "wordpress", "ExitCode": code}]}})
    }

    #[tokio::test]
    async fn the_last_report_of_the_log_is_the_result() {
        let report = r#"tenant-management: {"from":"6.8","to":"7.1","upgraded":true}"#;
        let lines: &'static [&'static str] = Box::leak(Box::new(["PHP Notice: x", report, "Deprecated: y"]));
        let done = run(exit(0), lines).await.unwrap();
        let database = json!({"from": "6.8", "to": "7.1", "upgraded": true});
        assert_eq!(done, json!({"done": {"job": "upgrade-database", "database": database}}));
    }

    #[tokio::test]
    async fn what_is_no_report_is_left_out() {
        for line in
            ["", "tenant-management: {", r#"tenant-management: {"from":null,"to":"\u001b[31m","upgraded":true}"#]
        {
            let lines: &'static [&'static str] = Box::leak(Box::new([line]));
            assert_eq!(run(exit(0), lines).await.unwrap(), json!({"done": {"job": "upgrade-database"}}), "{line}");
        }
    }

    #[tokio::test]
    async fn a_job_that_fails_says_why_and_one_that_was_stopped_runs_again() {
        let lines =
            &["PHP Notice:  x", "PHP Fatal error:  Uncaught Error in a.php", "#0", "#1", "#2", "#3", "#4", "#5"];
        let error = run(exit(255), lines).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeploymentFailed);
        assert!(error.chain().contains("exit status 255; its log says: PHP Fatal error"), "{}", error.chain());
        assert!(run(exit(137), &[]).await.unwrap()["again"].is_string());
        let mut taken_over = exit(137);
        taken_over["task"]["StoppedReason"] = json!(job::STOPPED);
        assert_eq!(run(taken_over, &[]).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        let refused = json!({"failure": {"Error": "ECS.ClientException", "Cause": "inactive"}});
        assert_eq!(run(refused, &[]).await.unwrap_err().kind(), ErrorKind::EnvironmentNotReady);
    }
}
