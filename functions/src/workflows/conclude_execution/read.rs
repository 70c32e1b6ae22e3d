//! Tells what became of an execution, and what may be left of it.

use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{Error, ErrorKind, Owner, Result, Settings, TenantId};

use super::detail::{Detail, DetailType, Status};
use super::execution::{ExecutionArn, Machine};
use super::history::{self, LastSeen};
use crate::resources::database;
use crate::workflows::SECONDS_OF_A_FUNCTION;
use crate::workflows::deprovision_tenant::outcome::Remaining;

/// A database task reads the secret right before its statements, so one that runs on for longer finds none.
const SECONDS_OF_A_DATABASE_TASK: u32 = 300;

/// Input of read-execution, and of conclude-execution.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The execution that has ended.
    pub execution_arn: ExecutionArn,
}

/// Output of read-execution.
#[derive(Debug, Serialize)]
pub struct Conclusion {
    /// What has happened, in a word.
    pub detail_type: DetailType,
    /// What is to be said of it, unless the clean-up changes it.
    pub detail: Detail,
    /// How to remove what may be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_up: Option<CleanUp>,
}

/// How to remove what may be left of a provisioning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CleanUp {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution: what others made stays.
    pub owner: Owner,
    /// For how many seconds after the execution's end something may still run that it started. Stopping an execution
    /// does not stop a function.
    pub quiet_seconds: u32,
}

/// Tells what became of an execution.
///
/// # Errors
/// `InvalidRequest` when executions of that machine are not concluded; `Transient` while it seems to run.
pub async fn read(machines: &StepFunctions, settings: &Settings, request: Read) -> Result<Conclusion> {
    let Read { execution_arn } = request;
    let machine = execution_arn.machine(settings)?;
    let doing = || format!("reading execution ({execution_arn})");
    let described = machines.describe_execution().execution_arn(execution_arn.as_str()).send().await;
    let described = described.map_err(|error| Error::aws(doing(), error))?;
    // DescribeExecution is eventually consistent, and may not know the end yet. Source: its API reference.
    let status = status(&described.status).ok_or_else(|| {
        Error::new(ErrorKind::Transient, format!("{}: it has not ended, but is {}", doing(), described.status))
    })?;
    let told = Told::by(&described, status);
    let seen = if status == Status::Succeeded || told.is_ours() {
        LastSeen::default()
    } else {
        history::read(machines, &execution_arn).await?
    };
    let stopped = described.stop_date.ok_or_else(|| Error::internal(format!("{}: it has no end", doing())))?;
    let (started_at, stopped_at) = (timestamp(described.start_date)?, timestamp(stopped)?);
    let input = json(described.input());
    let tenant_id = told.field("tenant_id").or(seen.tenant_id).or_else(|| field(&input, "tenant_id"));
    let failed = status != Status::Succeeded;
    let leftovers: Vec<Remaining> = told.field("leftovers").unwrap_or_default();
    let rolled_back = told.field("rolled_back").unwrap_or(false);
    let clean_up = (machine == Machine::Provision && failed && !rolled_back)
        // Its own report of a failure without a rollback and without leftovers: it had made nothing.
        .then_some(())
        .filter(|()| !(told.is_ours() && leftovers.is_empty()))
        .and_then(|()| clean_up(settings, tenant_id.clone()?, &execution_arn, told.is_ours()));
    let detail = Detail {
        tenant_id,
        environment: settings.environment(),
        signup_id: told.field("signup_id").or_else(|| field(&input, "signup_id")),
        url: told.field("url"),
        started_at,
        stopped_at,
        duration_seconds: stopped_at.duration_since(started_at).as_secs_f64(),
        changes: told.field("changes"),
        previous: told.field("previous"),
        current: told.field("current"),
        error: failed.then(|| described.error().unwrap_or(status.name()).to_owned()),
        message: failed.then(|| told.message(status, seen.state.as_deref())),
        step: told.field("step").or(seen.state).filter(|_| failed),
        rolled_back: failed.then_some(rolled_back),
        leftovers: failed.then_some(leftovers),
        execution_arn,
        status,
    };
    Ok(Conclusion { detail_type: DetailType::of(machine, status), detail, clean_up })
}

fn status(status: &ExecutionStatus) -> Option<Status> {
    match status {
        ExecutionStatus::Succeeded => Some(Status::Succeeded),
        ExecutionStatus::Failed => Some(Status::Failed),
        ExecutionStatus::TimedOut => Some(Status::TimedOut),
        ExecutionStatus::Aborted => Some(Status::Aborted),
        _ => None,
    }
}

fn clean_up(settings: &Settings, tenant_id: TenantId, arn: &ExecutionArn, ended_by_itself: bool) -> Option<CleanUp> {
    // An execution whose ARN is no owner cannot have made anything: no step takes it.
    let owner = Owner::try_from(arn.to_string()).ok()?;
    let quiet_seconds = match (ended_by_itself, database::only_a_task_reaches_it(settings)) {
        (true, _) => 0,
        (false, true) => SECONDS_OF_A_DATABASE_TASK,
        (false, false) => SECONDS_OF_A_FUNCTION,
    };
    Some(CleanUp { tenant_id, owner, quiet_seconds })
}

/// What an execution says of itself: its output, or the cause of its failure. A person who stops it may write a cause
/// as well.
struct Told {
    text: String,
    fields: Value,
}

impl Told {
    fn by(execution: &DescribeExecutionOutput, status: Status) -> Self {
        let text = if status == Status::Succeeded { execution.output() } else { execution.cause() };
        // Only a machine's own words are taken for facts.
        let fields = if [Status::Succeeded, Status::Failed].contains(&status) { json(text) } else { Value::Null };
        Self { text: text.unwrap_or_default().trim().to_owned(), fields }
    }

    /// It is a report of one of our machines.
    fn is_ours(&self) -> bool {
        ["error", "message", "step"].iter().all(|name| self.fields[name].is_string())
    }

    /// A field that is there and makes sense. One that does not hides no other.
    fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        field(&self.fields, name)
    }

    fn message(&self, status: Status, state: Option<&str>) -> String {
        if let Some(message) = self.field("message") {
            return message;
        }
        let how = match status {
            Status::Aborted => "the execution was stopped",
            Status::TimedOut => "the execution took longer than it may",
            _ => "the execution failed",
        };
        let place = state.map(|state| format!(" in its state {state:?}")).unwrap_or_default();
        match self.text.as_str() {
            "" => format!("{how}{place}"),
            cause => format!("{how}{place}: {cause}"),
        }
    }
}

fn json(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn field<T: DeserializeOwned>(fields: &Value, name: &str) -> Option<T> {
    fields.get(name).filter(|value| !value.is_null()).and_then(|value| T::deserialize(value).ok())
}

fn timestamp(time: DateTime) -> Result<Timestamp> {
    let milliseconds = time.to_millis().map_err(|error| Error::internal("reading a time").with_source(error))?;
    Timestamp::from_millisecond(milliseconds).map_err(|error| Error::internal("reading a time").with_source(error))
}

#[cfg(test)]
mod tests;
