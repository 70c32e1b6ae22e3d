//! The event for every kind of end.

use aws_sdk_sfn::types::HistoryEvent;
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use serde_json::json;

use super::history::tests::{chose, ended, entered, history};
use super::*;
use crate::testing::{owner, settings, tenant};

/// An execution that took 61.5 seconds.
struct Execution {
    machine: &'static str,
    status: ExecutionStatus,
    input: Value,
    output: Option<Value>,
    error: Option<&'static str>,
    cause: Option<String>,
    history: Vec<HistoryEvent>,
}

impl Execution {
    fn of(machine: &'static str, status: ExecutionStatus) -> Self {
        let input = json!({"signup_id": "signup-7"});
        Self { machine, status, input, output: None, error: None, cause: None, history: Vec::new() }
    }

    fn failed(machine: &'static str, error: &'static str, cause: Value) -> Self {
        let cause = Some(cause.to_string());
        Self { error: Some(error), cause, ..Self::of(machine, ExecutionStatus::Failed) }
    }

    async fn read(self) -> Result<Value> {
        self.read_with(&[]).await
    }

    async fn read_with(self, parameters: &[(&str, &str)]) -> Result<Value> {
        let arn = owner().as_str().replace("provision-tenant", self.machine);
        let request = Read { execution_arn: ExecutionArn::try_from(arn.clone()).unwrap() };
        let history = history(self.history.clone());
        let described = mock!(StepFunctions::describe_execution).then_output(move || {
            DescribeExecutionOutput::builder()
                .execution_arn(&arn)
                .state_machine_arn("arn")
                .status(self.status.clone())
                .start_date(DateTime::from_secs(1_795_601_782))
                .stop_date(DateTime::from_fractional_secs(1_795_601_843, 0.5))
                .input(self.input.to_string())
                .set_output(self.output.as_ref().map(Value::to_string))
                .set_error(self.error.map(str::to_owned))
                .set_cause(self.cause.clone())
                .build()
                .unwrap()
        });
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&described, &history]);
        Ok(serde_json::to_value(super::read(&machines, &settings(parameters), request).await?).unwrap())
    }
}

fn report(fields: Value) -> Value {
    let mut report = json!({"error": "DeploymentFailed", "message": "no", "step": "check-service-deployment"});
    report.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    report
}

#[tokio::test]
async fn a_success_is_reported_with_the_tenant_and_its_url() {
    let output = json!({"tenant_id": tenant(), "signup_id": "signup-7", "url": "https://x", "secret_arn": "arn"});
    let execution = Execution { output: Some(output), ..Execution::of("provision-tenant", ExecutionStatus::Succeeded) };
    assert_eq!(
        execution.read().await.unwrap(),
        json!({"detail_type": "TenantProvisioned", "detail": {
            "tenant_id": tenant(), "environment": "dev", "signup_id": "signup-7", "url": "https://x",
            "execution_arn": owner().as_str(), "status": "SUCCEEDED", "started_at": "2026-11-25T10:16:22Z",
            "stopped_at": "2026-11-25T10:17:23.5Z", "duration_seconds": 61.5
        }})
    );
}

#[tokio::test]
async fn a_failure_that_was_rolled_back_needs_no_clean_up() {
    let cause = report(json!({"tenant_id": tenant(), "rolled_back": true, "removed": ["arn"], "leftovers": []}));
    let read = Execution::failed("provision-tenant", "DeploymentFailed", cause).read().await.unwrap();
    assert_eq!(read["detail_type"], "TenantProvisioningFailed");
    let detail = &read["detail"];
    assert_eq!((&detail["error"], &detail["step"]), (&json!("DeploymentFailed"), &json!("check-service-deployment")));
    assert_eq!((&detail["rolled_back"], &detail["leftovers"]), (&json!(true), &json!([])));
    assert_eq!((&detail["signup_id"], detail.get("removed")), (&json!("signup-7"), None));
    assert_eq!(read.get("clean_up"), None);
}

#[tokio::test]
async fn leftovers_of_a_rollback_are_removed_without_waiting() {
    let leftovers = json!([{"kind": "target-group", "identifier": "arn:tg"}]);
    let cause = report(json!({"tenant_id": tenant(), "rolled_back": false, "leftovers": leftovers}));
    let read = Execution::failed("provision-tenant", "DeploymentFailed", cause).read().await.unwrap();
    assert_eq!(read["detail"]["leftovers"], leftovers);
    assert_eq!(read["clean_up"], json!({"tenant_id": tenant(), "owner": owner(), "quiet_seconds": 0}));
}

#[tokio::test]
async fn a_refused_request_is_reported_without_its_invalid_id_and_needs_no_clean_up() {
    for (given, told) in [(json!("12"), None), (json!(tenant()), Some(json!(tenant())))] {
        let cause = report(json!({"tenant_id": given, "rolled_back": false, "leftovers": []}));
        let mut execution = Execution::failed("provision-tenant", "InvalidRequest", cause);
        execution.input = json!({"tenant_id": given, "signup_id": "not one"});
        let read = execution.read().await.unwrap();
        assert_eq!(read["detail"].get("tenant_id"), told.as_ref());
        assert_eq!((read["detail"].get("signup_id"), read.get("clean_up")), (None, None));
    }
}

#[tokio::test]
async fn the_history_of_a_stopped_execution_has_its_id_and_state() {
    let mut execution = Execution::of("provision-tenant", ExecutionStatus::Aborted);
    execution.cause = Some("Ada thought better of it".to_owned());
    execution.history = vec![ended(), entered("Create the service"), chose(tenant().as_str())];
    let read = execution.read().await.unwrap();
    let detail = &read["detail"];
    assert_eq!((&detail["status"], &detail["error"]), (&json!("ABORTED"), &json!("ABORTED")));
    assert_eq!((&detail["step"], &detail["rolled_back"]), (&json!("Create the service"), &json!(false)));
    let message = "the execution was stopped in its state \"Create the service\": Ada thought better of it";
    assert_eq!(detail["message"], message);
    assert_eq!(read["clean_up"], json!({"tenant_id": tenant(), "owner": owner(), "quiet_seconds": 75}));
}

#[tokio::test]
async fn a_cause_written_by_a_person_cannot_prevent_the_clean_up() {
    let mut execution = Execution::of("provision-tenant", ExecutionStatus::Aborted);
    execution.cause = Some(report(json!({"rolled_back": true, "tenant_id": "999999999999"})).to_string());
    execution.history = vec![ended(), entered("Create the service"), chose(tenant().as_str())];
    assert_eq!(execution.read().await.unwrap()["clean_up"]["tenant_id"], tenant().as_str());
}

#[tokio::test]
async fn an_uncaught_error_is_cleaned_up_after_waiting_for_a_database_task() {
    for (status, message) in [
        (ExecutionStatus::TimedOut, "the execution took longer than it may in its state \"Claim the tenant id\""),
        (ExecutionStatus::Failed, "the execution failed in its state \"Claim the tenant id\": too large"),
    ] {
        let mut execution = Execution::of("provision-tenant", status.clone());
        if status == ExecutionStatus::Failed {
            (execution.error, execution.cause) = (Some("States.DataLimitExceeded"), Some("too large".to_owned()));
        }
        execution.history = vec![ended(), entered("Claim the tenant id"), chose(tenant().as_str())];
        let read = execution.read_with(&[("DATABASE_ACCESS", "ecs-task")]).await.unwrap();
        assert_eq!(read["detail"]["message"], message);
        assert_eq!(read["clean_up"]["quiet_seconds"], 300);
    }
}

#[tokio::test]
async fn an_execution_that_had_no_id_yet_has_made_nothing() {
    let mut execution = Execution::of("provision-tenant", ExecutionStatus::Aborted);
    execution.history = vec![ended(), entered("Resolve the environment")];
    let read = execution.read().await.unwrap();
    assert_eq!((read["detail"].get("tenant_id"), read.get("clean_up")), (None, None));
}

#[tokio::test]
async fn a_deprovisioning_that_was_stopped_is_looked_at_unless_it_had_not_begun_to_remove() {
    for (state, is_looked_at) in
        [("Tear the tenant down", true), ("Delete the files", true), ("Check the request", false)]
    {
        let mut stopped = Execution::of("deprovision-tenant", ExecutionStatus::Aborted);
        stopped.input = json!({"tenant_id": tenant()});
        stopped.history = vec![ended(), entered(state)];
        let read = stopped.read().await.unwrap();
        assert_eq!(read.get("look").is_some(), is_looked_at, "{state}");
        if is_looked_at {
            let look = &read["look"];
            assert_eq!((&look["tenant_id"], &look["removes"]), (&json!(tenant()), &json!(true)));
            assert_eq!(look["quiet_seconds"], 75, "a function may still run");
            assert!(look["remedy"].as_str().unwrap().contains("dev-deprovision-tenant again"), "{look}");
        }
    }
}

#[test]
fn the_states_before_anything_is_touched_are_those_of_the_machines() {
    let machine = |name: &str| std::fs::read_to_string(format!("../statemachines/{name}.asl.json")).unwrap();
    let both =
        ["deprovision-tenant", "update-tenant"].map(|name| serde_json::from_str::<Value>(&machine(name)).unwrap());
    for state in BEFORE_ANYTHING_IS_TOUCHED {
        assert!(both.iter().any(|machine| machine["States"][state].is_object()), "{state}");
    }
}

#[tokio::test]
async fn a_refused_deprovisioning_and_an_update_that_went_back_need_no_look() {
    for machine in ["deprovision-tenant", "update-tenant"] {
        let cause = report(json!({"tenant_id": tenant(), "leftovers": [], "rolled_back": true}));
        assert_eq!(Execution::failed(machine, "DeploymentFailed", cause).read().await.unwrap().get("look"), None);
    }
}

#[tokio::test]
async fn an_update_and_a_deprovisioning_are_reported_and_never_cleaned_up() {
    let output = json!({"tenant_id": tenant(), "changes": ["cpu"], "previous": {"cpu": 256}, "current": {"cpu": 512}});
    let updated = Execution { output: Some(output), ..Execution::of("update-tenant", ExecutionStatus::Succeeded) };
    let updated = updated.read().await.unwrap();
    assert_eq!((&updated["detail_type"], &updated["detail"]["changes"]), (&json!("TenantUpdated"), &json!(["cpu"])));
    assert_eq!(updated["detail"]["current"]["cpu"], 512);

    let mut stopped = Execution::of("update-tenant", ExecutionStatus::Aborted);
    stopped.input = json!({"tenant_id": tenant()});
    stopped.history = vec![ended(), entered("Update the service")];
    let stopped = stopped.read().await.unwrap();
    assert_eq!(
        (&stopped["detail_type"], &stopped["detail"]["tenant_id"]),
        (&json!("TenantUpdateFailed"), &json!(tenant()))
    );
    assert_eq!(stopped.get("clean_up"), None);
    assert_eq!((&stopped["look"]["removes"], &stopped["look"]["quiet_seconds"]), (&json!(false), &json!(75)));

    let left = json!([{"kind": "secret", "identifier": "arn:s", "reason": "no"}]);
    let cause = report(json!({"tenant_id": tenant(), "leftovers": left, "removed": []}));
    let left_over = Execution::failed("deprovision-tenant", "TeardownIncomplete", cause).read().await.unwrap();
    assert_eq!(left_over["detail_type"], "TenantDeprovisioningFailed");
    assert_eq!((&left_over["detail"]["leftovers"], left_over.get("clean_up")), (&left, None));
    assert_eq!(left_over["look"]["quiet_seconds"], 0, "it has ended by itself");
}

#[tokio::test]
async fn an_execution_that_seems_to_run_is_read_again_later() {
    for status in [ExecutionStatus::Running, ExecutionStatus::PendingRedrive] {
        let error = Execution::of("provision-tenant", status).read().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
    }
}

#[tokio::test]
async fn an_invalid_field_does_not_hide_the_others() {
    let output = json!({"tenant_id": 5, "changes": "cpu", "url": "https://x"});
    let execution = Execution { output: Some(output), ..Execution::of("update-tenant", ExecutionStatus::Succeeded) };
    let detail = &execution.read().await.unwrap()["detail"];
    assert_eq!((detail.get("tenant_id"), detail.get("changes"), &detail["url"]), (None, None, &json!("https://x")));
}
