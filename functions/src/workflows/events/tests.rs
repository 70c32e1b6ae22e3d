use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_sdk_sfn::operation::describe_execution::{DescribeExecutionError, DescribeExecutionOutput};
use aws_sdk_sfn::operation::start_execution::{StartExecutionError, StartExecutionOutput};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::ErrorMetadata;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::{ErrorKind, Settings, input};

use super::*;
use crate::testing::settings;
use crate::workflows::deprovision_tenant::{Checklist, DeletionRequest, cancellation};
use crate::workflows::provision_tenant::signup::{self, TenantSignedUp};

const MACHINE: &str = "arn:aws:states:eu-west-1:536580886816:stateMachine:dev-provision-tenant";

/// The status and input of executions, by their ARN.
type Executions = Arc<Mutex<BTreeMap<String, (ExecutionStatus, String)>>>;

/// A mock of Step Functions that knows these executions and starts others. It fails when a name is started successfully
/// twice.
fn machines(executions: &Executions) -> Client {
    let (starting, describing) = (Arc::clone(executions), Arc::clone(executions));
    let start = mock!(Client::start_execution).then_compute_response(move |request| {
        let machine = request.state_machine_arn().unwrap().replace(":stateMachine:", ":execution:");
        let arn = format!("{machine}:{}", request.name().unwrap());
        let mut executions = starting.lock().unwrap();
        if executions.contains_key(&arn) {
            let code = ErrorMetadata::builder().code("ExecutionAlreadyExists").build();
            return MockResponse::Error(StartExecutionError::generic(code));
        }
        executions.insert(arn.clone(), (ExecutionStatus::Running, request.input().unwrap().to_owned()));
        let started = StartExecutionOutput::builder().execution_arn(arn).start_date(DateTime::from_secs(0));
        MockResponse::Output(started.build().unwrap())
    });
    let describe = mock!(Client::describe_execution).then_compute_response(move |request| {
        let executions = describing.lock().unwrap();
        let Some((status, input)) = executions.get(request.execution_arn().unwrap()) else {
            let code = ErrorMetadata::builder().code("ExecutionDoesNotExist").build();
            return MockResponse::Error(DescribeExecutionError::generic(code));
        };
        let described = DescribeExecutionOutput::builder().execution_arn("arn").state_machine_arn(MACHINE);
        let described = described.start_date(DateTime::from_secs(0)).status(status.clone()).input(input);
        MockResponse::Output(described.build().unwrap())
    });
    mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&start, &describe])
}

fn dev() -> Settings {
    settings(&[
        ("DEFAULT_IMAGE", "wordpress:6"),
        ("DEFAULT_CPU", "256"),
        ("DEFAULT_MEMORY", "512"),
        ("PROVISION_TENANT_ARN", MACHINE),
        ("DEPROVISION_TENANT_ARN", &MACHINE.replace("provision", "deprovision")),
    ])
}

async fn signed_up(executions: &Executions, event: &str, detail: Value) -> Result<signup::Answer> {
    let event = input::parse(json!({"version": "0", "id": event, "source": "signup", "detail": detail}))?;
    signup::start(&machines(executions), &dev(), event).await
}

async fn cancelled(executions: &Executions, event: &str, detail: Value) -> Result<cancellation::Answer> {
    let event = input::parse(json!({"id": event, "detail": detail}))?;
    cancellation::start(&machines(executions), &dev(), event).await
}

fn end_all(executions: &Executions, status: &ExecutionStatus) {
    executions.lock().unwrap().values_mut().for_each(|execution| execution.0 = status.clone());
}

fn cancellation() -> Value {
    json!({
        "tenant_id": "123456789012", "approved_by": "Ada",
        "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
    })
}

#[tokio::test]
async fn a_signup_is_started_once_however_often_it_comes() {
    let executions = Executions::default();
    let detail = json!({"signup_id": "s-1", "image": "wordpress:7", "cpu": 512, "memory": 1024, "desired_count": 2});
    let first = signed_up(&executions, "e-1", detail.clone()).await.unwrap();
    assert_eq!((first.status, first.attempt), (Status::Started, Some(1)));
    let started: Value =
        serde_json::from_str(&executions.lock().unwrap()[&first.execution_arn.clone().unwrap()].1).unwrap();
    let mut expected = detail.clone();
    expected["event_id"] = json!("e-1");
    assert_eq!(started, expected);
    for (status, told) in [
        (ExecutionStatus::Running, Status::Running),
        (ExecutionStatus::PendingRedrive, Status::Running),
        (ExecutionStatus::Succeeded, Status::Provisioned),
    ] {
        end_all(&executions, &status);
        for event in ["e-1", "e-2"] {
            let again = signed_up(&executions, event, detail.clone()).await.unwrap();
            assert_eq!((again.status, &again.execution_arn), (told, &first.execution_arn), "{event} after {status}");
        }
    }
    assert_eq!(executions.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_failed_signup_is_tried_again_by_a_new_event_and_not_by_the_same_one() {
    for status in [ExecutionStatus::Failed, ExecutionStatus::TimedOut, ExecutionStatus::Aborted] {
        let executions = Executions::default();
        let detail = json!({"signup_id": "s-1"});
        signed_up(&executions, "e-1", detail.clone()).await.unwrap();
        end_all(&executions, &status);
        let again = signed_up(&executions, "e-1", detail.clone()).await.unwrap();
        assert_eq!((again.status, again.attempt), (Status::Failed, Some(1)), "{status}");
        assert!(again.reason.unwrap().contains(status.as_str()));

        let resent = signed_up(&executions, "e-2", detail.clone()).await.unwrap();
        assert_eq!((resent.status, resent.attempt), (Status::Started, Some(2)), "{status}");
        let late = signed_up(&executions, "e-1", detail.clone()).await.unwrap();
        assert_eq!((late.status, late.attempt), (Status::Failed, Some(1)), "{status}");
        let other = signed_up(&executions, "e-3", detail).await.unwrap();
        assert_eq!((other.status, other.attempt), (Status::Running, Some(2)), "{status}");
        assert_eq!(executions.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_signup_has_a_limited_number_of_attempts() {
    let executions = Executions::default();
    for number in 0..10 {
        signed_up(&executions, &format!("e-{number}"), json!({"signup_id": "s-1"})).await.unwrap();
        end_all(&executions, &ExecutionStatus::Failed);
    }
    let error = signed_up(&executions, "e-10", json!({"signup_id": "s-1"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.chain().contains("\"s-1\" was tried 10 times"), "{}", error.chain());
    assert_eq!(executions.lock().unwrap().len(), 10);
}

#[tokio::test]
async fn what_provision_tenant_would_refuse_is_refused_before_it_starts() {
    let executions = Executions::default();
    for (detail, named) in [
        (json!({}), "signup_id"),
        (json!({"signup_id": "a b"}), "detail.signup_id: \"a b\""),
        (json!({"signup_id": "s", "tenant_id": "123456789012"}), "`tenant_id`"),
        (json!({"signup_id": "s", "image": "no image"}), "detail.image"),
        (json!({"signup_id": "s", "cpu": 256, "memory": 8192}), "memory: 8192"),
        (json!({"signup_id": "s", "cpu": 512}), "memory: 512"),
        (json!({"signup_id": "s", "desired_count": 0}), "detail.desired_count"),
        (json!({"signup_id": "s", "environment": "staging"}), "detail.environment"),
        (json!([]), "detail"),
    ] {
        let error = signed_up(&executions, "e-1", detail.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.chain().contains(named), "{detail}: {}", error.chain());
    }
    assert!(executions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_event_for_another_environment_is_left_alone() {
    let executions = Executions::default();
    let answer = signed_up(&executions, "e-1", json!({"signup_id": "s-1", "environment": "prod"})).await.unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap(),
        json!({"status": "ignored", "signup_id": "s-1", "environment": "dev",
               "reason": "the event is for prod, and this is the stack of dev"})
    );
    let mut detail = cancellation();
    detail["environment"] = json!("prod");
    assert_eq!(cancelled(&executions, "e-1", detail).await.unwrap().status, Status::Ignored);
    assert!(executions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_cancellation_is_started_once_for_each_event() {
    let executions = Executions::default();
    let first = cancelled(&executions, "e-1", cancellation()).await.unwrap();
    assert_eq!(
        serde_json::to_value(&first).unwrap(),
        json!({"status": "started", "tenant_id": "123456789012", "environment": "dev",
               "execution_arn": "arn:aws:states:eu-west-1:536580886816:execution:dev-deprovision-tenant:123456789012-e-1"})
    );
    let started = executions.lock().unwrap()[&first.execution_arn.clone().unwrap()].1.clone();
    assert!(input::parse::<DeletionRequest>(serde_json::from_str(&started).unwrap()).is_ok(), "{started}");
    for (status, told) in [
        (ExecutionStatus::Running, Status::Running),
        (ExecutionStatus::Succeeded, Status::Deprovisioned),
        (ExecutionStatus::Failed, Status::Failed),
    ] {
        end_all(&executions, &status);
        let again = cancelled(&executions, "e-1", cancellation()).await.unwrap();
        assert_eq!((again.status, &again.execution_arn), (told, &first.execution_arn), "{status}");
    }
    assert_eq!(cancelled(&executions, "e-2", cancellation()).await.unwrap().status, Status::Started);
}

#[tokio::test]
async fn a_cancellation_with_open_items_or_a_wrong_confirmation_starts_nothing() {
    let executions = Executions::default();
    for (field, value, kind) in [
        ("checklist", json!({"owner_notified": true}), ErrorKind::ChecklistIncomplete),
        ("confirmation", json!("123456789013"), ErrorKind::ConfirmationMismatch),
        ("purge_files", json!(true), ErrorKind::EnvironmentNotReady),
        ("force", json!(true), ErrorKind::InvalidRequest),
    ] {
        let mut detail = cancellation();
        detail[field] = value;
        assert_eq!(cancelled(&executions, "e-1", detail).await.unwrap_err().kind(), kind, "{field}");
    }
    assert!(executions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_names_what_was_to_be_started() {
    let refused = mock!(Client::start_execution)
        .then_error(|| StartExecutionError::generic(ErrorMetadata::builder().code("AccessDeniedException").build()));
    let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&refused]);
    let event = input::parse(json!({"id": "e-1", "detail": {"signup_id": "s-1"}})).unwrap();
    let error = signup::start(&machines, &dev(), event).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    assert!(error.chain().contains("execution:dev-provision-tenant:s-1-"), "{}", error.chain());
}

/// The fields of a type, as serde lists them in its error about an unknown field.
fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let told = serde_json::from_value::<T>(json!({"no such field": 0})).err().unwrap().to_string();
    let fields: BTreeSet<_> = told.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(!fields.is_empty(), "{told}");
    fields
}

fn properties(schema: &Value) -> BTreeSet<String> {
    assert_eq!(schema["additionalProperties"], false);
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("../events/schemas/{name}.json")).unwrap()).unwrap()
}

#[test]
fn the_schemas_have_the_fields_that_the_functions_take() {
    assert_eq!(properties(&schema("TenantSignedUp")), fields::<TenantSignedUp>());
    assert_eq!(properties(&schema("TenantCancelled")["properties"]["checklist"]), fields::<Checklist>());
    let mut of_deletion = fields::<DeletionRequest>();
    // The field of Step Functions for nested executions.
    assert!(of_deletion.remove("AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"));
    assert_eq!(properties(&schema("TenantCancelled")), of_deletion);
}

#[test]
fn the_rest_of_the_envelope_does_not_matter() {
    let event = json!({"id": "e", "detail": {"signup_id": "s"}, "replay-name": "r"});
    assert!(input::parse::<Event<TenantSignedUp>>(event).is_ok());
    assert!(input::parse::<Event<TenantSignedUp>>(json!({"detail": {"signup_id": "s"}})).is_err());
}
