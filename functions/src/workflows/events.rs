//! Events of the signup system, as EventBridge delivers them: at least once, possibly late, possibly several at the
//! same time.
//!
//! Each event is checked by the same code as the first step of its state machine. Then the state machine is started
//! under a name that is made from the event, so an event that is delivered again finds the execution of the first
//! delivery. After an error, nothing is started: Lambda retries, and an event that still fails is sent to the queue of
//! unhandled events, with the error.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Error, Result, Settings};

shared::checked_text! {
    /// The signup system's id of a signup.
    SignupId, |id| named_by_another_system("a signup id", id)
}

shared::checked_text! {
    /// EventBridge's id of an event. It is the same for every delivery of the event, and different when the event is
    /// sent again.
    EventId, |id| named_by_another_system("an event's id", id)
}

/// Checks an id that another system made. It may become part of an execution's name.
fn named_by_another_system(what: &str, id: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("{id:?} is not {what}: allowed are 1 to 64 letters, digits, hyphens, underscores and dots"))
    }
}

/// An event, without the parts of EventBridge's envelope that are not used. Unknown fields are accepted, because
/// EventBridge may add some; in the detail they are an error.
#[derive(Debug, Deserialize)]
pub struct Event<Detail> {
    /// EventBridge's id of the event.
    pub id: EventId,
    /// What the signup system sends.
    pub detail: Detail,
}

/// What was done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The event started an execution.
    Started,
    /// An execution that does what the event asks for is already running.
    Running,
    /// An execution has already provisioned the tenant.
    Provisioned,
    /// An execution has already deprovisioned the tenant.
    Deprovisioned,
    /// The event was delivered again, and the execution that it started has failed.
    Failed,
    /// The event is meant for another environment.
    Ignored,
}

/// The execution that belongs to an event.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) arn: String,
    pub(super) state: State,
    pub(super) input: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It was started by this delivery, or by another delivery with the same input and is still running.
    Started,
    Running,
    Succeeded,
    /// It failed with this error, or was stopped.
    Failed(String),
}

impl Execution {
    /// The status to report; `succeeded` is the one for a success.
    pub(super) fn status(&self, succeeded: Status) -> Status {
        match self.state {
            State::Started => Status::Started,
            State::Running => Status::Running,
            State::Succeeded => succeeded,
            State::Failed(_) => Status::Failed,
        }
    }

    /// Why the execution does not do what the event asks for, if it does not.
    pub(super) fn reason(&self) -> Option<String> {
        match &self.state {
            State::Failed(error) => Some(format!(
                "this event was delivered again, and the execution that it started ended with {error}: \
                 to try once more, send it as a new event"
            )),
            _ => None,
        }
    }
}

/// Starts a state machine under this name, or finds the execution with that name.
///
/// The start comes first because it is atomic on the name, and DescribeExecution may lag behind. Source: the API
/// reference of Step Functions, `StartExecution` and `DescribeExecution`.
pub(super) async fn start(machines: &Client, machine: &str, name: &str, input: &impl Serialize) -> Result<Execution> {
    let arn = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let doing = || format!("starting execution ({arn})");
    let input = serde_json::to_string(input).map_err(|error| Error::internal(doing()).with_source(error))?;
    let started = machines.start_execution().state_machine_arn(machine).name(name).input(&input).send().await;
    match started {
        Ok(_) => Ok(Execution { arn, state: State::Started, input }),
        Err(error) if error.code() == Some("ExecutionAlreadyExists") => find(machines, arn).await,
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

async fn find(machines: &Client, arn: String) -> Result<Execution> {
    let described = machines.describe_execution().execution_arn(&arn).send().await;
    let described = described.map_err(|error| Error::aws(format!("reading execution ({arn})"), error))?;
    let state = match &described.status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => State::Running,
        ExecutionStatus::Succeeded => State::Succeeded,
        status => State::Failed(described.error().unwrap_or(status.as_str()).to_owned()),
    };
    Ok(Execution { arn, state, input: described.input.unwrap_or_default() })
}

/// Why this stack ignores the event, if it does.
pub(super) fn foreign(named: Option<EnvironmentName>, settings: &Settings) -> Option<String> {
    let named = named.filter(|named| *named != settings.environment())?;
    Some(format!("the event is for {named}, and this is the stack of {}", settings.environment()))
}

#[cfg(test)]
mod tests;
