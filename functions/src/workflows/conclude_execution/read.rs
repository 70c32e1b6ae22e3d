//! Finds out how an execution ended, and what may be left of it.

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

/// Seconds to wait for a database task. The task reads the tenant's secret right before its statements, so a task that
/// runs for longer than this finds no secret.
const SECONDS_OF_A_DATABASE_TASK: u32 = 300;

/// The states of a deprovisioning and an update before anything is touched.
const BEFORE_ANYTHING_IS_TOUCHED: [&str; 5] = [
    "Check the request",
    "Take the inventory",
    "Can there be anything to remove?",
    "Begin the update",
    "Is there anything to change?",
];

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
    /// The type of the event.
    pub detail_type: DetailType,
    /// The details of the event, which the clean-up may still change.
    pub detail: Detail,
    /// How to remove what may be left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clean_up: Option<CleanUp>,
    /// Where to look for what may be left, if it is not to be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
}

/// What to look at after a deprovisioning or an update that did not come to its end.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Look {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution was to remove the tenant: what there is is left of it.
    pub removes: bool,
    /// As in [`CleanUp`].
    pub quiet_seconds: u32,
    /// What a person has to do about what is left.
    pub remedy: String,
}

/// How to remove what may be left of a provisioning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct CleanUp {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution. Resources of other owners are kept.
    pub owner: Owner,
    /// Number of seconds after the execution's end in which something that it started may still run. Stopping an
    /// execution does not stop its functions.
    pub quiet_seconds: u32,
}

/// Finds out how an execution ended, and what may be left of it.
///
/// # Errors
/// `InvalidRequest` when executions of that machine are not concluded; `Transient` while Step Functions still reports
/// it as running.
pub async fn read(machines: &StepFunctions, settings: &Settings, request: Read) -> Result<Conclusion> {
    let Read { execution_arn } = request;
    let machine = execution_arn.machine(settings)?;
    let doing = || format!("reading execution ({execution_arn})");
    let described = machines.describe_execution().execution_arn(execution_arn.as_str()).send().await;
    let described = described.map_err(|error| Error::aws(doing(), error))?;
    // DescribeExecution is eventually consistent, and may not show the end yet. Source: its API reference.
    let status = status(&described.status).ok_or_else(|| {
        Error::new(ErrorKind::Transient, format!("{}: it has not ended, but is {}", doing(), described.status))
    })?;
    let reported = Reported::by(&described, status);
    let seen = if status == Status::Succeeded || reported.is_ours() {
        LastSeen::default()
    } else {
        history::read(machines, &execution_arn).await?
    };
    let stopped = described.stop_date.ok_or_else(|| Error::internal(format!("{}: it has no end", doing())))?;
    let (started_at, stopped_at) = (timestamp(described.start_date)?, timestamp(stopped)?);
    let input = json(described.input());
    let tenant_id = reported.field("tenant_id").or(seen.tenant_id).or_else(|| field(&input, "tenant_id"));
    let failed = status != Status::Succeeded;
    let leftovers: Vec<Remaining> = reported.field("leftovers").unwrap_or_default();
    let rolled_back = reported.field("rolled_back").unwrap_or(false);
    let clean_up = (machine == Machine::Provision && failed && !rolled_back)
        // The execution reported a failure without a rollback and without leftovers, so it had made nothing.
        .then_some(())
        .filter(|()| !(reported.is_ours() && leftovers.is_empty()))
        .and_then(|()| clean_up(settings, tenant_id.clone()?, &execution_arn, reported.is_ours()));
    let is_touched = !seen.state.as_deref().is_some_and(|state| BEFORE_ANYTHING_IS_TOUCHED.contains(&state));
    let look = look(settings, machine, tenant_id.clone(), reported.is_ours())
        .filter(|look| failed && is_touched && (!reported.is_ours() || (look.removes && !leftovers.is_empty())));
    let detail = Detail {
        tenant_id,
        environment: settings.environment(),
        signup_id: reported.field("signup_id").or_else(|| field(&input, "signup_id")),
        url: reported.field("url"),
        started_at,
        stopped_at,
        duration_seconds: stopped_at.duration_since(started_at).as_secs_f64(),
        changes: reported.field("changes"),
        previous: reported.field("previous"),
        current: reported.field("current"),
        error: failed.then(|| described.error().unwrap_or(status.name()).to_owned()),
        message: failed.then(|| reported.message(status, seen.state.as_deref())),
        step: reported.field("step").or(seen.state).filter(|_| failed),
        rolled_back: failed.then_some(rolled_back),
        leftovers: failed.then_some(leftovers),
        remedy: None,
        execution_arn,
        status,
    };
    Ok(Conclusion { detail_type: DetailType::of(machine, status), detail, clean_up, look })
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
    // An execution whose ARN cannot be an owner has made nothing, because every create step refuses such an ARN.
    let owner = Owner::try_from(arn.to_string()).ok()?;
    Some(CleanUp { tenant_id, owner, quiet_seconds: quiet_seconds(settings, ended_by_itself) })
}

/// How long something that the execution started may still run.
fn quiet_seconds(settings: &Settings, ended_by_itself: bool) -> u32 {
    match (ended_by_itself, database::only_a_task_reaches_it(settings)) {
        (true, _) => 0,
        (false, true) => SECONDS_OF_A_DATABASE_TASK,
        (false, false) => SECONDS_OF_A_FUNCTION,
    }
}

fn look(settings: &Settings, machine: Machine, tenant: Option<TenantId>, ended_by_itself: bool) -> Option<Look> {
    let (tenant_id, environment) = (tenant?, settings.environment());
    let (removes, remedy) = match machine {
        // What it made is removed instead.
        Machine::Provision => return None,
        Machine::Deprovision => (
            true,
            format!(
                "remove the reason, and start {environment}-deprovision-tenant again with the same input: what is gone \
                 stays gone"
            ),
        ),
        Machine::Update => (
            false,
            format!(
                "ask {environment}-describe-tenant what tenant {tenant_id} runs now, and start \
                 {environment}-update-tenant with what it is to be"
            ),
        ),
    };
    Some(Look { tenant_id, removes, quiet_seconds: quiet_seconds(settings, ended_by_itself), remedy })
}

/// What an execution reports: its output, or the cause of its failure. A person who stops an execution may also write a
/// cause.
struct Reported {
    text: String,
    fields: Value,
}

impl Reported {
    fn by(execution: &DescribeExecutionOutput, status: Status) -> Self {
        let text = if status == Status::Succeeded { execution.output() } else { execution.cause() };
        // Only the words of a state machine are read as data, not those of a person.
        let fields = if [Status::Succeeded, Status::Failed].contains(&status) { json(text) } else { Value::Null };
        Self { text: text.unwrap_or_default().trim().to_owned(), fields }
    }

    /// Whether it is a report of one of this project's state machines.
    fn is_ours(&self) -> bool {
        ["error", "message", "step"].iter().all(|name| self.fields[name].is_string())
    }

    /// A field with a valid value. An invalid field does not affect the others.
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
