//! Starts the conclusion of an execution that has ended.

use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};
use shared::{Error, Result, Settings};

use super::execution::ExecutionArn;
use super::read::Read;

/// Input of start-conclusion: an event of Step Functions. AWS may add fields to it.
#[derive(Debug, Deserialize)]
pub struct StatusChange {
    /// The execution.
    pub detail: Changed,
}

/// The execution whose status has changed. How it ended is read from Step Functions, because an event may leave it out.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Its ARN.
    pub execution_arn: ExecutionArn,
    /// How many times it was redriven.
    pub redrive_count: Option<u32>,
}

/// Output of start-conclusion.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// The execution of conclude-execution.
    pub execution_arn: String,
}

/// Starts conclude-execution for an execution that has ended. Idempotent: a second event about the same end returns the
/// same execution.
///
/// # Errors
/// `InvalidRequest` when executions of that machine are not concluded.
pub async fn start(machines: &StepFunctions, settings: &Settings, event: StatusChange) -> Result<Started> {
    let Changed { execution_arn, redrive_count } = event.detail;
    execution_arn.machine(settings)?;
    let machine = settings.required("CONCLUDE_EXECUTION_ARN")?;
    let name = execution_arn.name_of_conclusion(redrive_count.unwrap_or_default());
    let doing = || format!("starting {machine} for {execution_arn}");
    let input = Read { execution_arn: execution_arn.clone() };
    let input = serde_json::to_string(&input).map_err(|error| Error::internal(doing()).with_source(error))?;
    match machines.start_execution().state_machine_arn(machine).name(&name).input(input).send().await {
        Ok(started) => Ok(Started { execution_arn: started.execution_arn }),
        // The conclusion has ended already: an event may be delivered again hours later.
        Err(error) if error.code() == Some("ExecutionAlreadyExists") => {
            Ok(Started { execution_arn: format!("{}:{name}", machine.replace(":stateMachine:", ":execution:")) })
        }
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::operation::start_execution::{StartExecutionError, StartExecutionOutput};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::{Value, json};
    use shared::{ErrorKind, input};

    use super::*;
    use crate::testing::{self, owner};

    const MACHINE: &str = "arn:aws:states:eu-west-1:536580886816:stateMachine:dev-conclude-execution";

    fn settings() -> Settings {
        testing::settings(&[("CONCLUDE_EXECUTION_ARN", MACHINE)])
    }

    fn event() -> Value {
        json!({
            "version": "0", "id": "315c1398-40ff-a850-213b-158f73e60175", "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change", "account": "536580886816",
            "detail": {"executionArn": owner().as_str(), "status": "ABORTED", "output": null, "redriveCount": 0}
        })
    }

    fn parsed(event: Value) -> StatusChange {
        input::parse(event).unwrap()
    }

    #[tokio::test]
    async fn an_event_that_comes_twice_asks_for_the_same_name_and_input() {
        let started = mock!(StepFunctions::start_execution)
            .match_requests(|request| {
                let arn = ExecutionArn::try_from(owner().to_string()).unwrap();
                request.state_machine_arn() == Some(MACHINE)
                    && request.name() == Some(arn.name_of_conclusion(0).as_str())
                    && request.input() == Some(&json!({"execution_arn": arn}).to_string())
            })
            .then_output(|| {
                StartExecutionOutput::builder().execution_arn("arn").start_date(DateTime::from_secs(0)).build().unwrap()
            });
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&started]);
        for _ in 0..2 {
            assert_eq!(start(&machines, &settings(), parsed(event())).await.unwrap().execution_arn, "arn");
        }
    }

    fn refusing(code: &'static str) -> StepFunctions {
        let refused = mock!(StepFunctions::start_execution)
            .then_error(move || StartExecutionError::generic(ErrorMetadata::builder().code(code).build()));
        mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&refused])
    }

    #[tokio::test]
    async fn a_conclusion_that_has_ended_is_the_answer() {
        let started = start(&refusing("ExecutionAlreadyExists"), &settings(), parsed(event())).await.unwrap();
        let prefix = "arn:aws:states:eu-west-1:536580886816:execution:dev-conclude-execution:";
        assert!(started.execution_arn.starts_with(prefix), "{}", started.execution_arn);
    }

    #[tokio::test]
    async fn a_refusal_names_the_execution_that_was_to_be_concluded() {
        let error = start(&refusing("AccessDeniedException"), &settings(), parsed(event())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(error.chain().contains(owner().as_str()), "{}", error.chain());
    }

    #[tokio::test]
    async fn an_event_of_another_machine_starts_nothing() {
        let mut event = event();
        event["detail"]["executionArn"] =
            json!("arn:aws:states:eu-west-1:536580886816:execution:dev-teardown-tenant:x");
        let error = start(&refusing("NotCalled"), &settings(), parsed(event)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}
