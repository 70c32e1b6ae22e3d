//! Follows executions, and tells how they pass from state to state.
//!
//! Everything that is told comes from the execution's history, so it works the same on the local stack. Whoever follows
//! only reads: an execution goes on when nobody follows it any more.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;
use shared::Error;

use crate::failure::{Failure, Result};

const CAUSE_SHOWN: usize = 300;
/// How much longer than a look at all executions the pause after it lasts. Many executions are thus looked at less
/// often, because GetExecutionHistory and DescribeExecution are limited to some calls per second and account.
const PAUSES_PER_LOOK: u32 = 4;
/// Number of looks in a row that may fail by a fault that passes.
const FAULTS: u32 = 20;

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

/// What an execution has done since the last look.
#[derive(Clone, Debug, PartialEq)]
pub enum Passage {
    /// It has left a state.
    Passed {
        /// Name of the state.
        state: String,
        /// Time in it.
        seconds: f64,
    },
    /// It has left a state whose task has failed: the error is caught.
    Caught {
        /// Name of the state.
        state: String,
        /// Time in it.
        seconds: f64,
    },
    /// A task of a state has failed. It may be retried.
    Failed {
        /// Name of the state.
        state: String,
        /// Name of the error.
        error: String,
        /// The beginning of its message.
        message: String,
    },
}

impl fmt::Display for Passage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { state, seconds } => write!(formatter, "✓ {state}  {seconds:.1} s"),
            Self::Caught { state, seconds } => write!(formatter, "↷ {state}  {seconds:.1} s, the error is caught"),
            Self::Failed { state, error, message } => write!(formatter, "✗ {state}: {error}: {message}"),
        }
    }
}

/// Whoever is told what executions do.
pub trait Observer {
    /// An execution has passed on.
    fn passage(&mut self, execution: &Followed, passage: &Passage);
    /// Nothing has happened: `states` are the states that it is in.
    fn waiting(&mut self, _execution: &Followed, _states: &str) {}
}

/// Starts an execution. A start that is repeated with the same name and input is the same execution, as long as it runs.
///
/// # Errors
/// `ResourceConflict` when the name is taken by another execution, `EnvironmentNotReady` when there is no such state
/// machine, and when AWS refuses.
pub async fn start(client: &Client, machine: &str, label: &str, name: Option<&str>, input: &Value) -> Result<Followed> {
    let started = client.start_execution().state_machine_arn(machine).set_name(name.map(str::to_owned));
    match started.input(input.to_string()).send().await {
        Ok(started) => Ok(Followed { label: label.to_owned(), arn: started.execution_arn }),
        Err(error) => {
            let code = error.code().map(str::to_owned);
            let failure = Failure::from(Error::aws(format!("starting {machine}"), error));
            Err(match code.as_deref() {
                Some("ExecutionAlreadyExists") => Failure { error: "ResourceConflict".to_owned(), ..failure }
                    .with_remedy("look at the execution of that name, or take another name"),
                Some("StateMachineDoesNotExist") => Failure { error: "EnvironmentNotReady".to_owned(), ..failure }
                    .with_remedy("is the stack up to date, and is this its account and region?"),
                Some("InvalidName") => Failure { error: "InvalidCommand".to_owned(), ..failure },
                _ => failure,
            })
        }
    }
}

/// Waits for an execution that something else starts. Its name begins with the label and a hyphen.
///
/// # Errors
/// When it does not appear within `bound`, or executions cannot be listed.
pub async fn appearing(
    client: &Client,
    machine: &str,
    label: &str,
    bound: Duration,
    pause: Duration,
) -> Result<Followed> {
    let start = Instant::now();
    loop {
        let listed = client.list_executions().state_machine_arn(machine).into_paginator().items().send();
        let listed: std::result::Result<Vec<_>, _> = listed.collect().await;
        let listed = listed.map_err(|error| Error::aws(format!("listing the executions of {machine}"), error))?;
        let of_label = |name: &str| name.strip_prefix(label).is_some_and(|rest| rest.starts_with('-'));
        if let Some(found) = listed.into_iter().find(|execution| of_label(&execution.name)) {
            return Ok(Followed { label: label.to_owned(), arn: found.execution_arn });
        }
        if start.elapsed() > bound {
            let message = format!("no execution of {machine} for {label} within {} s", bound.as_secs());
            return Err(Failure::new("ExecutionNotFound", message));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Tells `observer` what executions do until all have ended. Returns their outcomes in the same order.
///
/// # Errors
/// `StillRunning` when one does not end within `bound`; and when one cannot be described.
pub async fn follow(
    client: &Client,
    executions: &[Followed],
    bound: Option<Duration>,
    pause: Duration,
    observer: &mut dyn Observer,
) -> Result<Vec<Outcome>> {
    let start = Instant::now();
    let mut all: Vec<_> = executions.iter().cloned().map(Following::new).collect();
    let mut faults = 0;
    loop {
        let looked = Instant::now();
        for following in all.iter_mut().filter(|following| following.outcome.is_none()) {
            match following.look(client, observer).await {
                Ok(()) => faults = 0,
                Err(failure) if failure.is_passing() && faults < FAULTS => faults += 1,
                Err(failure) => return Err(failure.of_execution(&following.execution.arn)),
            }
        }
        if let Some(outcomes) = all.iter().map(|following| following.outcome.clone()).collect::<Option<Vec<_>>>() {
            return Ok(outcomes);
        }
        if let Some(bound) = bound.filter(|bound| start.elapsed() > *bound) {
            let late = all.iter().filter(|following| following.outcome.is_none());
            let late: Vec<_> = late.map(|following| following.execution.arn.as_str()).collect();
            let message = format!("still running after {} s: {}", bound.as_secs(), late.join(", "));
            return Err(Failure::new("StillRunning", message));
        }
        tokio::time::sleep(pause_after(looked, pause)).await;
    }
}

/// Waits until an execution has ended, without telling anybody what it does.
///
/// # Errors
/// As [`follow`].
pub async fn ended(client: &Client, execution: &Followed, bound: Duration, pause: Duration) -> Result<Outcome> {
    let start = Instant::now();
    loop {
        if let Some(outcome) = describe(client, &execution.arn).await? {
            return Ok(outcome);
        }
        if start.elapsed() > bound {
            let message = format!("still running after {} s: {}", bound.as_secs(), execution.arn);
            return Err(Failure::new("StillRunning", message));
        }
        tokio::time::sleep(pause).await;
    }
}

/// How long to wait after a look that began then.
pub fn pause_after(look: Instant, least: Duration) -> Duration {
    least.max(look.elapsed() * PAUSES_PER_LOOK)
}

/// An execution that is followed.
#[derive(Debug)]
pub struct Following {
    /// The execution.
    pub execution: Followed,
    /// How it ended, as soon as it has.
    pub outcome: Option<Outcome>,
    tracker: Tracker,
}

impl Following {
    /// Follows an execution from its beginning.
    pub fn new(execution: Followed) -> Self {
        Self { execution, outcome: None, tracker: Tracker::default() }
    }

    /// Tells what is new since the last look.
    ///
    /// # Errors
    /// When it cannot be described, or its history cannot be read.
    pub async fn look(&mut self, client: &Client, observer: &mut dyn Observer) -> Result<()> {
        let Self { execution, outcome, tracker } = self;
        // Described before the history is read: if the execution has ended, the history is then complete.
        let ended = describe(client, &execution.arn).await?;
        for passage in tracker.passages(&history(client, &execution.arn).await?) {
            observer.passage(execution, &passage);
        }
        if ended.is_none() {
            observer.waiting(execution, &tracker.states_now());
        }
        *outcome = ended;
        Ok(())
    }
}

async fn describe(client: &Client, arn: &str) -> Result<Option<Outcome>> {
    let answer = client.describe_execution().execution_arn(arn).send().await;
    let answer = answer.map_err(|error| Error::aws(format!("describing {arn}"), error))?;
    if [ExecutionStatus::Running, ExecutionStatus::PendingRedrive].contains(&answer.status) {
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
    Ok(events.map_err(|error| Error::aws(format!("reading the history of {arn}"), error))?)
}

/// The part of a cause that is for people. In a function's cause, which is JSON, it is the message.
fn message(cause: &str) -> String {
    let parsed = parsed(cause);
    let text = parsed.get("errorMessage").or(parsed.get("Cause")).and_then(Value::as_str).unwrap_or(cause);
    text.chars().take(CAUSE_SHOWN).collect()
}

/// JSON, or the text itself.
pub fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// How much of an execution has been told.
#[derive(Debug, Default)]
struct Tracker {
    told: i64,
    /// The state that each event belongs to.
    states: HashMap<i64, Visit>,
    /// The states that have been entered and not left, in this order, with the time of the entry.
    open: Vec<(String, f64)>,
}

/// A state that has been entered.
#[derive(Clone, Debug)]
struct Visit {
    name: String,
    entered: f64,
    /// Whether its last task has failed. If the state is left now, it has caught the error.
    failed: bool,
}

impl Tracker {
    /// What is new since the last call.
    fn passages(&mut self, events: &[HistoryEvent]) -> Vec<Passage> {
        let mut passages = Vec::new();
        for event in events.iter().filter(|event| event.id > self.told) {
            let now = event.timestamp().as_secs_f64();
            if let Some(entered) = event.state_entered_event_details() {
                let name = entered.name().to_owned();
                self.open.push((name.clone(), now));
                self.states.insert(event.id, Visit { name, entered: now, failed: false });
                continue;
            }
            let Some(mut visit) = self.states.get(&event.previous_event_id).cloned() else { continue };
            if let Some(exited) = event.state_exited_event_details() {
                let opened = self.open.iter().position(|(name, _)| name == exited.name());
                let opened = opened.map(|position| self.open.remove(position).1);
                // The exit of a Parallel or Map follows an event of one of its branches.
                let entered = if visit.name == exited.name() { Some(visit.entered) } else { opened };
                let seconds = entered.map_or(0.0, |entered| now - entered);
                let state = exited.name().to_owned();
                match event.r#type().as_str() {
                    // Do not tell of states that only lead to the next one.
                    "ChoiceStateExited" | "PassStateExited" => {}
                    _ if visit.failed => passages.push(Passage::Caught { state, seconds }),
                    _ => passages.push(Passage::Passed { state, seconds }),
                }
            } else if let Some(failed) = event.task_failed_event_details() {
                visit.failed = true;
                passages.push(Passage::Failed {
                    state: visit.name.clone(),
                    error: failed.error().unwrap_or_default().to_owned(),
                    message: message(failed.cause().unwrap_or_default()),
                });
            } else {
                visit.failed = false;
            }
            self.states.insert(event.id, visit);
        }
        self.told = events.iter().map(|event| event.id).max().unwrap_or(self.told).max(self.told);
        passages
    }

    /// The states that have been entered and not left, as one text.
    fn states_now(&self) -> String {
        let mut names: Vec<_> = self.open.iter().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
    use aws_sdk_sfn::operation::get_execution_history::GetExecutionHistoryOutput;
    use aws_sdk_sfn::operation::start_execution::StartExecutionError;
    use aws_sdk_sfn::primitives::DateTime;
    use aws_sdk_sfn::types::{
        HistoryEventType, StateEnteredEventDetails, StateExitedEventDetails, TaskFailedEventDetails,
    };

    use aws_sdk_sfn::types::error::ExecutionAlreadyExists;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;

    struct Nobody;

    impl Observer for Nobody {
        fn passage(&mut self, _: &Followed, _: &Passage) {}
    }

    #[tokio::test]
    async fn waiting_ends_when_the_time_is_over_and_the_execution_goes_on() {
        let describe = mock!(Client::describe_execution).then_output(|| {
            DescribeExecutionOutput::builder()
                .execution_arn("arn:x")
                .state_machine_arn("arn:m")
                .status(ExecutionStatus::Running)
                .start_date(DateTime::from_secs(0))
                .build()
                .unwrap()
        });
        let history = mock!(Client::get_execution_history)
            .then_output(|| GetExecutionHistoryOutput::builder().set_events(Some(Vec::new())).build().unwrap());
        let client = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&describe, &history]);
        let followed = Followed { label: "x".to_owned(), arn: "arn:x".to_owned() };
        let bound = Some(Duration::ZERO);
        let failure = follow(&client, &[followed], bound, Duration::from_millis(1), &mut Nobody).await.unwrap_err();
        assert_eq!((failure.error.as_str(), failure.exit_status()), ("StillRunning", 12));
        assert!(failure.message.contains("arn:x"), "{failure}");
    }

    #[tokio::test]
    async fn a_name_that_another_execution_has_is_a_conflict() {
        let start = mock!(Client::start_execution).then_error(|| {
            let meta = aws_sdk_sfn::error::ErrorMetadata::builder().code("ExecutionAlreadyExists").build();
            StartExecutionError::ExecutionAlreadyExists(ExecutionAlreadyExists::builder().meta(meta).build())
        });
        let client = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&start]);
        let failure = start_of(&client).await.unwrap_err();
        assert_eq!((failure.error.as_str(), failure.exit_status()), ("ResourceConflict", 4));
    }

    async fn start_of(client: &Client) -> Result<Followed> {
        start(client, "arn:m", "x", Some("x"), &json!({})).await
    }

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

    fn told(tracker: &mut Tracker, events: &[HistoryEvent]) -> Vec<String> {
        tracker.passages(events).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_state_is_waited_for_until_it_is_left() {
        let mut tracker = Tracker::default();
        let mut events = vec![entered(1, 0, 10.0, "Create secret"), entered(2, 0, 11.0, "Create database")];
        tracker.passages(&events);
        assert_eq!(tracker.states_now(), "Create secret, Create database");
        events.push(exited(3, 1, 12.0, "Create secret"));
        tracker.passages(&events);
        assert_eq!(tracker.states_now(), "Create database");
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
        assert_eq!(told(&mut tracker, &events), ["✗ Create secret: Transient: throttled"]);
        events.extend([exited(4, 2, 13.0, "Create database"), exited(5, 3, 14.0, "Create secret")]);
        assert_eq!(
            told(&mut tracker, &events),
            ["✓ Create database  2.0 s", "↷ Create secret  4.0 s, the error is caught"]
        );
        assert!(told(&mut tracker, &events).is_empty());
    }
}
