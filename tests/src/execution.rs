//! Executions of the state machines.

use std::time::{Duration, Instant};

use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use serde_json::Value;

use crate::proxy::Watch;
use crate::stack::Stack;

/// Longest duration of an execution in these tests. The slowest one deprovisions 200 tenants.
const BOUND: Duration = Duration::from_secs(600);

/// How an execution ended.
#[derive(Debug)]
pub struct Outcome {
    /// ARN of the execution.
    pub arn: String,
    /// SUCCEEDED, FAILED, ...
    pub status: ExecutionStatus,
    /// Its output.
    pub output: Value,
    /// Its error's name.
    pub error: String,
    /// Its cause.
    pub cause: Value,
    /// How long it ran, with a resolution of one millisecond.
    pub took: Duration,
}

impl Outcome {
    /// The output of an execution that must succeed.
    ///
    /// # Panics
    /// When it failed.
    pub fn succeeded(self) -> Value {
        assert_eq!(self.status, ExecutionStatus::Succeeded, "{self:#?}");
        self.output
    }

    /// The error's name and the cause of an execution that must fail.
    ///
    /// # Panics
    /// When it succeeded.
    pub fn failed(self) -> (String, Value) {
        assert_eq!(self.status, ExecutionStatus::Failed, "{self:#?}");
        (self.error, self.cause)
    }
}

impl Stack {
    /// The ARN of a state machine.
    pub fn machine_arn(&self, machine: &str) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{}", self.region, self.account, self.named(machine))
    }

    /// Starts a state machine; returns the execution's ARN.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn start(&self, machine: &str, input: &Value) -> String {
        let started = self
            .sfn
            .start_execution()
            .state_machine_arn(self.machine_arn(machine))
            .input(input.to_string())
            .send()
            .await;
        started.expect("a started execution").execution_arn
    }

    /// As [`Stack::start`], for an execution that `watch` observes.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn start_watched(&self, watch: &Watch, machine: &str, input: &Value) -> String {
        let start = self.sfn.start_execution().state_machine_arn(self.machine_arn(machine)).input(input.to_string());
        start.trace_header(watch.trace_header()).send().await.expect("a started execution").execution_arn
    }

    /// Waits until an execution has ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn ended(&self, arn: &str) -> Outcome {
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let execution = self.sfn.describe_execution().execution_arn(arn).send().await.expect("an execution");
            if execution.status != ExecutionStatus::Running {
                let parsed =
                    |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
                return Outcome {
                    arn: arn.to_owned(),
                    output: parsed(execution.output()),
                    error: execution.error().unwrap_or_default().to_owned(),
                    cause: parsed(execution.cause()),
                    took: took(&execution),
                    status: execution.status,
                };
            }
            assert!(start.elapsed() < BOUND, "{arn} did not end within {BOUND:?}");
        }
    }

    /// Starts a state machine and waits until it has ended.
    pub async fn run(&self, machine: &str, input: Value) -> Outcome {
        let arn = self.start(machine, &input).await;
        self.ended(&arn).await
    }

    /// All texts in the history of an execution: inputs, parameters, outputs, errors and causes. They have to be
    /// collected one by one, because the SDK leaves them out when it prints an event.
    pub async fn written(&self, arn: &str) -> Vec<String> {
        self.history(arn).await.iter().flat_map(texts).map(str::to_owned).collect()
    }

    /// The history of an execution.
    ///
    /// # Panics
    /// When it cannot be read.
    pub async fn history(&self, arn: &str) -> Vec<HistoryEvent> {
        let pages = self.sfn.get_execution_history().execution_arn(arn).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.expect("a history")
    }
}

/// The duration, from the dates that Step Functions reports.
fn took(execution: &DescribeExecutionOutput) -> Duration {
    let stop = execution.stop_date().expect("an ended execution");
    Duration::from_secs_f64(stop.as_secs_f64() - execution.start_date().as_secs_f64())
}

fn texts(event: &HistoryEvent) -> Vec<&str> {
    let mut texts = Vec::new();
    texts.extend(event.execution_started_event_details().and_then(|details| details.input()));
    texts.extend(event.execution_succeeded_event_details().and_then(|details| details.output()));
    if let Some(details) = event.execution_failed_event_details() {
        texts.extend(details.error().into_iter().chain(details.cause()));
    }
    texts.extend(event.state_entered_event_details().and_then(|details| details.input()));
    texts.extend(event.state_exited_event_details().and_then(|details| details.output()));
    texts.extend(event.task_scheduled_event_details().map(|details| details.parameters()));
    texts.extend(event.task_succeeded_event_details().and_then(|details| details.output()));
    if let Some(details) = event.task_failed_event_details() {
        texts.extend(details.error().into_iter().chain(details.cause()));
    }
    texts
}
