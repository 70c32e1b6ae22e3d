//! Starts a deprovisioning in another environment.
//!
//! The execution's name is made from the execution that starts it and from the environment. Idempotent: a second start
//! finds the execution of the first, whether it still runs or has ended.

use aws_config::SdkConfig;
use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sts::Client as Sts;
use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Error, Owner, Result, Settings};

use super::MACHINE;
use crate::stack::peers::Peer;
use crate::workflows::deprovision_tenant::DeletionRequest;

/// Input of start-peer-execution.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// The execution that starts it.
    pub execution: Owner,
    /// The environment in which to start it.
    pub environment: EnvironmentName,
    /// The input of deprovision-tenant there.
    pub request: DeletionRequest,
}

/// Output of start-peer-execution.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Started {
    /// ARN of the execution there.
    pub execution_arn: String,
}

/// Starts deprovision-tenant in another environment.
///
/// # Errors
/// `EnvironmentNotReady` when the environment is not a peer; `AccessDenied` when its role cannot be assumed.
pub async fn start(sts: &Sts, aws: &SdkConfig, settings: &Settings, request: Start) -> Result<Started> {
    let peer = Peer::of(settings, request.environment)?;
    let machines = peer.step_functions(sts, aws).await?;
    start_with(&machines, &peer, &request).await
}

async fn start_with(machines: &StepFunctions, peer: &Peer, request: &Start) -> Result<Started> {
    let name = request.execution.idempotency_token(peer.environment.as_str());
    let doing = || format!("starting {}", peer.state_machine_arn(MACHINE));
    let input = serde_json::to_string(&request.request).map_err(|error| Error::internal(doing()).with_source(error))?;
    let start = machines.start_execution().state_machine_arn(peer.state_machine_arn(MACHINE)).name(&name).input(input);
    match start.send().await {
        Ok(started) => Ok(Started { execution_arn: started.execution_arn }),
        Err(error) if error.code() == Some("ExecutionAlreadyExists") => {
            Ok(Started { execution_arn: peer.execution_arn(MACHINE, &name) })
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
    use serde_json::json;
    use shared::{ErrorKind, input};

    use super::*;
    use crate::testing::owner;

    fn request() -> Start {
        input::parse(json!({
            "execution": owner().as_str(), "environment": "sit",
            "request": {"tenant_id": "123456789012", "environment": "sit", "approved_by": "Ada"}
        }))
        .unwrap()
    }

    fn peer() -> Peer {
        "sit:815856636111:eu-west-1".parse().unwrap()
    }

    #[tokio::test]
    async fn a_repeat_asks_for_the_same_name_and_input() {
        let started = mock!(StepFunctions::start_execution)
            .match_requests(|request| {
                let input = serde_json::to_string(&self::request().request).unwrap();
                request.name() == Some(owner().idempotency_token("sit").as_str()) && request.input() == Some(&input)
            })
            .then_output(|| {
                StartExecutionOutput::builder().execution_arn("arn").start_date(DateTime::from_secs(0)).build().unwrap()
            });
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&started]);
        for _ in 0..2 {
            assert_eq!(start_with(&machines, &peer(), &request()).await.unwrap().execution_arn, "arn");
        }
    }

    fn refusing(code: &'static str) -> StepFunctions {
        let refused = mock!(StepFunctions::start_execution)
            .then_error(move || StartExecutionError::generic(ErrorMetadata::builder().code(code).build()));
        mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&refused])
    }

    #[tokio::test]
    async fn an_execution_of_an_earlier_start_is_returned_even_when_it_has_ended() {
        let started = start_with(&refusing("ExecutionAlreadyExists"), &peer(), &request()).await.unwrap();
        let name = owner().idempotency_token("sit");
        assert_eq!(
            started.execution_arn,
            format!("arn:aws:states:eu-west-1:815856636111:execution:sit-deprovision-tenant:{name}")
        );
    }

    #[tokio::test]
    async fn a_refusal_names_what_was_to_be_started() {
        let error = start_with(&refusing("AccessDeniedException"), &peer(), &request()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(error.chain().contains("sit-deprovision-tenant"), "{}", error.chain());
    }
}
