//! Checks the state of a deprovisioning in another environment.

use aws_config::SdkConfig;
use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use aws_sdk_sts::Client as Sts;
use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Error, Result, Settings};

use crate::stack::peers::Peer;
use crate::workflows::deprovision_tenant::outcome::Outcome;
use crate::workflows::failure::Failure;

/// Maximum number of characters of a message and of a reason. The report about all environments has at most 32,768. What
/// is cut off is in the execution there.
const LONGEST_MESSAGE: usize = 1_000;
const LONGEST_REASON: usize = 200;

/// Input of check-peer-execution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The environment in which it runs.
    pub environment: EnvironmentName,
    /// The execution there, as returned by start-peer-execution.
    pub execution_arn: String,
}

/// Output of check-peer-execution.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The execution has ended.
    pub ended: bool,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Ended>,
}

/// How a deprovisioning in another environment ended.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    environment: EnvironmentName,
    account: String,
    region: String,
    execution_arn: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Checks whether a deprovisioning in another environment has ended, and how.
///
/// # Errors
/// `EnvironmentNotReady` when the environment is not a peer; `AccessDenied` when its role cannot be assumed.
pub async fn check(sts: &Sts, aws: &SdkConfig, settings: &Settings, request: Check) -> Result<Checked> {
    let peer = Peer::of(settings, request.environment)?;
    let machines = peer.step_functions(sts, aws).await?;
    check_with(&machines, peer, request.execution_arn).await
}

async fn check_with(machines: &StepFunctions, peer: Peer, execution_arn: String) -> Result<Checked> {
    let described = machines.describe_execution().execution_arn(&execution_arn).send().await;
    let described = described.map_err(|error| Error::aws(format!("reading execution ({execution_arn})"), error))?;
    let result = outcome(&described).map(|mut outcome| {
        outcome.shorten_texts(LONGEST_MESSAGE, LONGEST_REASON);
        Ended { environment: peer.environment, account: peer.account, region: peer.region, execution_arn, outcome }
    });
    Ok(Checked { ended: result.is_some(), result })
}

fn outcome(execution: &DescribeExecutionOutput) -> Option<Outcome> {
    match &execution.status {
        ExecutionStatus::Running | ExecutionStatus::PendingRedrive => None,
        ExecutionStatus::Succeeded => Some(Outcome::of_output(execution.output().unwrap_or_default())),
        status => {
            let error = execution.error().unwrap_or(status.as_str()).to_owned();
            Some(Outcome::of_failure(Failure { error, cause: execution.cause().unwrap_or_default().to_owned() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use serde_json::{Value, json};

    use super::*;

    async fn look(
        status: ExecutionStatus,
        output: Option<&'static str>,
        failure: Option<(&'static str, &'static str)>,
    ) -> Value {
        let described = mock!(StepFunctions::describe_execution).then_output(move || {
            DescribeExecutionOutput::builder()
                .execution_arn("arn")
                .state_machine_arn("machine")
                .start_date(DateTime::from_secs(0))
                .status(status.clone())
                .set_output(output.map(str::to_owned))
                .set_error(failure.map(|(error, _)| error.to_owned()))
                .set_cause(failure.map(|(_, cause)| cause.to_owned()))
                .build()
                .unwrap()
        });
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&described]);
        let peer = "prod:093646564004:af-south-1".parse().unwrap();
        serde_json::to_value(check_with(&machines, peer, "arn".to_owned()).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn an_execution_that_runs_has_not_ended() {
        assert_eq!(look(ExecutionStatus::Running, None, None).await, json!({"ended": false}));
    }

    #[tokio::test]
    async fn a_success_says_what_was_removed_and_where() {
        let output = r#"{"tenant_id": "1", "status": "deprovisioned", "removed": ["arn:x"], "absent": ["log-group"],
            "kept": [{"kind": "files", "identifier": "/wordpress/1", "reason": "not asked for"}], "leftovers": []}"#;
        let checked = look(ExecutionStatus::Succeeded, Some(output), None).await;
        assert_eq!(
            checked["result"],
            json!({
                "environment": "prod", "account": "093646564004", "region": "af-south-1", "execution_arn": "arn",
                "status": "deprovisioned", "removed": ["arn:x"],
                "kept": [{"kind": "files", "identifier": "/wordpress/1", "reason": "not asked for"}]
            })
        );
    }

    #[tokio::test]
    async fn a_tenant_that_is_not_there_is_a_result_and_a_failure_has_its_leftovers() {
        let absent = look(ExecutionStatus::Failed, None, Some(("TenantNotFound", r#"{"message": "nothing"}"#))).await;
        assert_eq!(absent["result"]["status"], "absent");
        let cause = r#"{"message": "left", "leftovers": [{"kind": "secret", "identifier": "arn:s", "reason": "no"}]}"#;
        let failed = look(ExecutionStatus::Failed, None, Some(("TeardownIncomplete", cause))).await;
        assert_eq!(
            (&failed["result"]["status"], &failed["result"]["error"], &failed["result"]["message"]),
            (&json!("failed"), &json!("TeardownIncomplete"), &json!("left"))
        );
        assert_eq!(failed["result"]["leftovers"][0]["identifier"], "arn:s");
        let stopped = look(ExecutionStatus::Aborted, None, None).await;
        assert_eq!(stopped["result"]["error"], "ABORTED");
    }
}
