//! Follows executions, and shows how they pass from state to state.
//!
//! Everything that is shown comes from the execution's history, so it works the same in a real account.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;

use crate::failure::{Doing, Result};
use crate::say;

const POLL: Duration = Duration::from_millis(150);
const CAUSE_SHOWN: usize = 300;

/// An execution to follow.
#[derive(Clone, Debug)]
pub struct Followed {
    /// The text at the beginning of each of its lines.
    pub label: String,
    /// Its ARN.
    pub arn: String,
}

/// How an execution ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
    pub status: ExecutionStatus,
    /// Its output, if it succeeded.
    pub output: Value,
    /// The error's name, if it failed.
    pub error: String,
    /// The error's cause: parsed if it is JSON, otherwise a string.
    pub cause: Value,
    /// From start to end.
    pub took: Duration,
}

/// Starts an execution.
///
/// # Errors
/// When it is refused.
pub async fn start(client: &Client, machine: &str, label: &str, input: &Value) -> Result<Followed> {
    let started = client.start_execution().state_machine_arn(machine).input(input.to_string()).send().await;
    let started = started.map_err(SdkError::into_service_error).map_err(shown).doing(format!("starting {machine}"))?;
    Ok(Followed { label: label.to_owned(), arn: started.execution_arn })
}

/// Waits for an execution that something else starts. Its name begins with the label and a hyphen.
///
/// # Errors
/// When it does not appear within `bound`, or executions cannot be listed.
pub async fn appearing(client: &Client, machine: &str, label: &str, bound: Duration) -> Result<Followed> {
    let start = Instant::now();
    loop {
        let listed = client.list_executions().state_machine_arn(machine).into_paginator().items().send();
        let listed: std::result::Result<Vec<_>, _> = listed.collect().await;
        let listed = listed.map_err(SdkError::into_service_error).map_err(shown);
        let listed = listed.doing(format!("listing the executions of {machine}"))?;
        let of_label = |name: &str| name.strip_prefix(label).is_some_and(|rest| rest.starts_with('-'));
        if let Some(found) = listed.into_iter().find(|execution| of_label(&execution.name)) {
            return Ok(Followed { label: label.to_owned(), arn: found.execution_arn });
        }
        if start.elapsed() > bound {
            return Err(format!("no execution of {machine} for {label} within {} s", bound.as_secs()).into());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Shows executions until all have ended. Returns their outcomes in the same order.
///
/// # Errors
/// When one does not end within `bound`, or cannot be described.
pub async fn follow(client: &Client, executions: &[Followed], bound: Duration) -> Result<Vec<Outcome>> {
    let start = Instant::now();
    let mut trackers: Vec<_> = executions.iter().map(|execution| (execution, Tracker::default(), None)).collect();
    loop {
        for (execution, tracker, outcome) in &mut trackers {
            if outcome.is_none() {
                // Described before the history is read: if the execution has ended, the history is then complete.
                *outcome = describe(client, &execution.arn).await?;
                for line in tracker.lines(&history(client, &execution.arn).await?) {
                    say::progress(format!("{}  {line}", execution.label));
                }
            }
        }
        if let Some(outcomes) = trackers.iter().map(|(_, _, outcome)| outcome.clone()).collect::<Option<Vec<_>>>() {
            return Ok(outcomes);
        }
        if start.elapsed() > bound {
            let late: Vec<_> = trackers
                .iter()
                .filter(|(_, _, outcome)| outcome.is_none())
                .map(|(execution, ..)| execution.arn.as_str())
                .collect();
            return Err(format!("still running after {} s: {}", bound.as_secs(), late.join(", ")).into());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until an execution has ended, without showing it.
///
/// # Errors
/// As [`follow`].
pub async fn ended(client: &Client, execution: &Followed, bound: Duration) -> Result<Outcome> {
    let start = Instant::now();
    loop {
        if let Some(outcome) = describe(client, &execution.arn).await? {
            return Ok(outcome);
        }
        if start.elapsed() > bound {
            return Err(format!("still running after {} s: {}", bound.as_secs(), execution.arn).into());
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn describe(client: &Client, arn: &str) -> Result<Option<Outcome>> {
    let answer = client.describe_execution().execution_arn(arn).send().await;
    let answer = answer.map_err(SdkError::into_service_error).map_err(shown).doing(format!("describing {arn}"))?;
    if answer.status == ExecutionStatus::Running {
        return Ok(None);
    }
    let seconds = |time: &aws_sdk_sfn::primitives::DateTime| time.as_secs_f64();
    let took = answer.stop_date().map_or(0.0, |stop| seconds(stop) - seconds(&answer.start_date));
    Ok(Some(Outcome {
        status: answer.status.clone(),
        output: answer.output().map(parsed).unwrap_or_default(),
        error: answer.error().unwrap_or_default().to_owned(),
        cause: answer.cause().map(parsed).unwrap_or_default(),
        took: Duration::from_secs_f64(took.max(0.0)),
    }))
}

/// An execution's history.
///
/// # Errors
/// When it cannot be read.
pub async fn history(client: &Client, arn: &str) -> Result<Vec<HistoryEvent>> {
    let pages = client.get_execution_history().execution_arn(arn).max_results(1000).into_paginator().items().send();
    let events: std::result::Result<Vec<_>, _> = pages.collect().await;
    events.map_err(SdkError::into_service_error).map_err(shown).doing(format!("reading the history of {arn}"))
}

/// The part of a cause that is for people. In a function's cause, which is JSON, it is the message.
fn message(cause: &str) -> String {
    let parsed = parsed(cause);
    let text = parsed.get("errorMessage").or(parsed.get("Cause")).and_then(Value::as_str).unwrap_or(cause);
    text.chars().take(CAUSE_SHOWN).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// An SDK error with its whole chain of sources, because its own text is only "service error".
fn shown(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// How much of an execution has been shown.
#[derive(Default)]
struct Tracker {
    seen: i64,
    /// The state that each event belongs to.
    states: HashMap<i64, Passage>,
}

/// A state that has been entered.
#[derive(Clone)]
struct Passage {
    name: String,
    entered: f64,
    /// Whether its last task has failed. If the state is left now, it has caught the error.
    failed: bool,
}

impl Tracker {
    /// The lines for the events that are new since the last call.
    fn lines(&mut self, events: &[HistoryEvent]) -> Vec<String> {
        let mut lines = Vec::new();
        for event in events.iter().filter(|event| event.id > self.seen) {
            let now = event.timestamp().as_secs_f64();
            if let Some(entered) = event.state_entered_event_details() {
                self.states.insert(event.id, Passage { name: entered.name().to_owned(), entered: now, failed: false });
                continue;
            }
            let Some(mut passage) = self.states.get(&event.previous_event_id).cloned() else { continue };
            if let Some(exited) = event.state_exited_event_details() {
                let took = if passage.name == exited.name() { now - passage.entered } else { 0.0 };
                match event.r#type().as_str() {
                    // Do not show states that only lead to the next one.
                    "ChoiceStateExited" | "PassStateExited" => {}
                    _ if passage.failed => lines.push(format!("↷ {}  {took:.1} s, the error is caught", exited.name())),
                    _ => lines.push(format!("✓ {}  {took:.1} s", exited.name())),
                }
            } else if let Some(failed) = event.task_failed_event_details() {
                passage.failed = true;
                let (error, cause) = (failed.error().unwrap_or_default(), message(failed.cause().unwrap_or_default()));
                lines.push(format!("✗ {}: {error}: {cause}", passage.name));
            } else {
                passage.failed = false;
            }
            self.states.insert(event.id, passage);
        }
        self.seen = events.iter().map(|event| event.id).max().unwrap_or(self.seen).max(self.seen);
        lines
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::{
        HistoryEventType, StateEnteredEventDetails, StateExitedEventDetails, TaskFailedEventDetails,
    };

    use super::*;

    fn event(
        id: i64,
        previous: i64,
        at: f64,
        kind: HistoryEventType,
    ) -> aws_sdk_sfn::types::builders::HistoryEventBuilder {
        HistoryEvent::builder().id(id).previous_event_id(previous).timestamp(DateTime::from_secs_f64(at)).r#type(kind)
    }

    fn entered(id: i64, previous: i64, at: f64, name: &str) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder().name(name).build().unwrap();
        event(id, previous, at, HistoryEventType::TaskStateEntered)
            .state_entered_event_details(details)
            .build()
            .unwrap()
    }

    fn exited(id: i64, previous: i64, at: f64, name: &str) -> HistoryEvent {
        let details = StateExitedEventDetails::builder().name(name).build().unwrap();
        event(id, previous, at, HistoryEventType::TaskStateExited).state_exited_event_details(details).build().unwrap()
    }

    #[test]
    fn branches_that_overlap_are_told_apart() {
        let failed = TaskFailedEventDetails::builder()
            .resource_type("lambda")
            .resource("invoke")
            .error("Transient")
            .cause(r#"{"errorMessage": "throttled"}"#)
            .build()
            .unwrap();
        let mut events = vec![
            entered(1, 0, 10.0, "Create secret"),
            entered(2, 0, 11.0, "Create database"),
            event(3, 1, 12.0, HistoryEventType::TaskFailed).task_failed_event_details(failed).build().unwrap(),
        ];
        let mut tracker = Tracker::default();
        assert_eq!(tracker.lines(&events), ["✗ Create secret: Transient: throttled"]);
        events.extend([exited(4, 2, 13.0, "Create database"), exited(5, 3, 14.0, "Create secret")]);
        assert_eq!(tracker.lines(&events), ["✓ Create database  2.0 s", "↷ Create secret  4.0 s, the error is caught"]);
        assert!(tracker.lines(&events).is_empty());
    }
}
