//! Starts an execution of a state machine, and waits for its end.

use std::time::Duration;

use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::Error;

use super::Operator;
use crate::arguments::Waiting;
use crate::failure::{Failure, Result};
use crate::fields;
use crate::screen::Screen;
use crate::watch::{self, Followed, Observer, Outcome, Passage};

/// Pause between two looks at an execution.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

impl Observer for Screen {
    fn passage(&mut self, execution: &Followed, passage: &Passage) {
        Screen::passage(self, &execution.label, passage);
    }

    fn waiting(&mut self, execution: &Followed, states: &str) {
        self.live(&format!("{}  {states}", execution.label));
    }
}

impl Operator<'_> {
    /// Starts a state machine and answers with its output; or, with `--no-wait`, with the execution's name. `label` is
    /// the beginning of its name: the tenant's id.
    pub(super) async fn execute(
        &mut self,
        machine: &str,
        label: &str,
        input: &Value,
        waiting: &Waiting,
        title: impl FnOnce(&Outcome) -> String,
    ) -> Result<()> {
        self.screen.progress(&self.environment.place());
        // With a name, a start that the SDK repeats after a lost answer starts nothing twice.
        let name = waiting.name.clone().map_or_else(|| name_for(label), Ok)?;
        let arn = self.environment.machine(machine);
        let execution = watch::start(&self.environment.sfn, &arn, label, Some(&name), input).await?;
        self.screen.progress(&format!("started {machine}: {}", self.environment.console(&execution.arn)));
        if waiting.no_wait {
            let console = self.environment.console(&execution.arn);
            let answer = json!({
                "execution_arn": execution.arn, "name": name, "machine": machine, "status": "RUNNING", "console": console,
            });
            self.screen.answer(&answer, || fields::lines("Started", &answer));
            self.screen.remark(&format!("To follow it: {}", self.to_follow(&name)));
            return Ok(());
        }
        let outcome = self.follow(&execution, &name, waiting.timeout).await?;
        self.conclude(&execution, outcome, title)
    }

    /// Follows an execution to its end.
    pub(super) async fn follow(
        &mut self,
        execution: &Followed,
        name: &str,
        bound: Option<Duration>,
    ) -> Result<Outcome> {
        let to_follow = self.to_follow(name);
        let goes_on = format!(
            "the execution goes on. To follow it: {to_follow}. To stop it: aws stepfunctions stop-execution \
             --execution-arn {}",
            execution.arn
        );
        let executions = [execution.clone()];
        let Self { environment, screen } = self;
        let followed = tokio::select! {
            followed = watch::follow(&environment.sfn, &executions, bound, PAUSE, *screen) => followed,
            interrupted = tokio::signal::ctrl_c() => Err(match interrupted {
                Ok(()) => Failure::new("Interrupted", "you pressed Ctrl-C"),
                Err(error) => Failure::new("Internal", format!("waiting for Ctrl-C: {error}")),
            }),
        };
        let outcomes = followed.map_err(|failure| failure.with_remedy(&goes_on).of_execution(&execution.arn))?;
        outcomes.into_iter().next().ok_or_else(|| Failure::new("Internal", "an execution without an outcome"))
    }

    /// Answers with the output of an execution that has succeeded.
    pub(super) fn conclude(
        &mut self,
        execution: &Followed,
        outcome: Outcome,
        title: impl FnOnce(&Outcome) -> String,
    ) -> Result<()> {
        if outcome.status == ExecutionStatus::Succeeded {
            let title = title(&outcome);
            self.screen.answer(&outcome.output, || fields::lines(&title, &outcome.output));
            return Ok(());
        }
        let failure = failure(&execution.arn, outcome);
        if let Some(cause) = &failure.cause {
            self.screen.remark(&fields::lines("The execution has failed", cause));
        }
        self.screen.remark(&format!("The execution: {}", self.environment.console(&execution.arn)));
        Err(failure)
    }

    fn to_follow(&self, name: &str) -> String {
        format!("tenantctl --env {} watch {name}", self.environment.name)
    }
}

/// The failure of an execution that has not succeeded.
fn failure(arn: &str, outcome: Outcome) -> Failure {
    let error = match outcome.error.as_str() {
        "" => outcome.status.as_str().to_owned(),
        error => error.to_owned(),
    };
    let message = match &outcome.cause {
        Value::String(cause) if !cause.is_empty() => cause.clone(),
        cause => cause
            .get("message")
            .and_then(Value::as_str)
            .map_or_else(|| format!("the execution ended {}", outcome.status), str::to_owned),
    };
    let cause = Some(outcome.cause).filter(Value::is_object).map(Box::new);
    Failure { cause, ..Failure::new(error, message).of_execution(arn) }
}

/// A new name for an execution: label, time and a random number.
fn name_for(label: &str) -> Result<String> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| Error::internal(format!("drawing a random number: {error}")))?;
    let time = Timestamp::now().strftime("%Y%m%d-%H%M%S");
    // An execution's name of other characters may lack logs. Source: API reference of StartExecution.
    let label: String = label.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(40).collect();
    Ok(format!("{label}-{time}-{:04x}", u16::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: ExecutionStatus, error: &str, cause: Value) -> Failure {
        let error = error.to_owned();
        failure("arn:x", Outcome { status, output: Value::Null, error, cause, took: Duration::ZERO })
    }

    #[test]
    fn a_name_has_only_characters_that_a_log_takes_and_leaves_room_for_the_owners_mark() {
        let name = name_for("signup/1 ä\"").unwrap();
        assert!(name.starts_with("signup1-2") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        assert!(name_for(&"x".repeat(100)).unwrap().len() <= 68);
        assert_ne!(name_for("1").unwrap(), name_for("2").unwrap());
    }

    #[test]
    fn a_failure_has_the_errors_name_its_message_and_the_whole_cause() {
        let cause = json!({"error": "DeploymentFailed", "message": "no image", "rolled_back": true});
        let failure = ended(ExecutionStatus::Failed, "DeploymentFailed", cause.clone());
        assert_eq!((failure.error.as_str(), failure.message.as_str()), ("DeploymentFailed", "no image"));
        assert_eq!((failure.cause.as_deref(), failure.execution_arn.as_deref()), (Some(&cause), Some("arn:x")));
    }

    #[test]
    fn a_failure_without_a_cause_says_how_the_execution_ended() {
        let failure = ended(ExecutionStatus::Aborted, "", Value::Null);
        assert_eq!((failure.error.as_str(), failure.message.as_str()), ("ABORTED", "the execution ended ABORTED"));
        let failure = ended(ExecutionStatus::Aborted, "", json!("wrong tenant"));
        assert_eq!(failure.message, "wrong tenant");
    }
}
