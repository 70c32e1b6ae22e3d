//! Wrong input is refused with an error that names the field, the value and what is allowed. Nothing is touched.

use std::collections::BTreeSet;

use aws_sdk_sfn::types::StateEnteredEventDetails;
use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

/// The states of provision-tenant before anything is created, and the state that reports the failure.
const READING_STATES: [&str; 10] = [
    "Note what is asked for",
    "Look before anything is made",
    "Resolve the environment",
    "Keep the environment error",
    "Choose the tenant id",
    "Take the inventory",
    "Keep the inventory error",
    "Can the tenant be made?",
    "Note that the tenant exists",
    "Report the failure",
];

#[tokio::test]
async fn a_wrong_provisioning_request_is_refused() {
    let (stack, _together) = Stack::together().await;
    for (input, error, field, allowed) in [
        (json!({"tenant_id": "1234"}), "InvalidRequest", "tenant_id: \"1234\"", "12 digits"),
        (json!({"tenant_id": "12345678901x"}), "InvalidRequest", "tenant_id", "12 digits"),
        (json!({"tenant_id": 123_456_789_012_u64}), "InvalidRequest", "tenant_id: 123456789012", "a text"),
        (json!({"tenant": "123456789012"}), "InvalidRequest", "`tenant`", "`tenant_id`"),
        (json!({"image": "Not An Image"}), "InvalidRequest", "image: \"Not An Image\"", "repository[:tag]"),
        (json!({"cpu": 256, "memory": 8192}), "InvalidRequest", "memory: 8192", "512, 1024, 2048"),
        (json!({"cpu": 100}), "InvalidRequest", "cpu: 100", "256"),
        (json!({"desired_count": -1}), "InvalidRequest", "desired_count: -1", "1 to 50"),
        (json!({"desired_count": 1_000_000}), "InvalidRequest", "desired_count: 1000000", "1 to 50"),
        (
            json!({"environment_variables": {"WORDPRESS_DB_HOST": "x"}}),
            "InvalidRequest",
            "environment_variables: \"WORDPRESS_DB_HOST\"",
            "other than",
        ),
        (
            json!({"environment_variables": {"SMTP_PASSWORD": "x"}}),
            "InvalidRequest",
            "environment_variables: \"SMTP_PASSWORD\"",
            "Secrets Manager",
        ),
        (json!({"environment": "staging"}), "InvalidRequest", "environment: \"staging\"", "\"dev\""),
        (json!({"environment": "prod"}), "WrongEnvironment", "\"prod\"", "\"dev\""),
        (json!({}), "InvalidRequest", "input", "tenant_id"),
        (json!([]), "InvalidRequest", "an array", "object"),
        (json!("123456789012"), "InvalidRequest", "a string", "object"),
        (json!(null), "InvalidRequest", "null", "object"),
    ] {
        let outcome = stack.run("provision-tenant", input.clone()).await;
        let history = stack.history(&outcome.arn).await;
        let (name, cause) = outcome.failed();
        assert_eq!(name, error, "{input}: {cause}");
        let message = text(&cause["message"]);
        assert!(message.contains(field) && message.contains(allowed), "{input}: {message}");
        assert_eq!((&cause["step"], &cause["leftovers"]), (&json!("resolve-environment"), &json!([])), "{cause}");
        let entered = history.iter().filter_map(|event| event.state_entered_event_details());
        let entered: BTreeSet<_> = entered.map(StateEnteredEventDetails::name).collect();
        assert!(
            entered.contains("Report the failure") && entered.is_subset(&READING_STATES.into()),
            "{input}: {entered:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_teardown_request_is_refused() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    for input in [
        json!({}),
        json!({"tenant_id": "1"}),
        json!({"tenant_id": tenant, "force": true}),
        json!({"tenant_id": tenant, "owner": "me"}),
        json!({"tenant_id": tenant, "secret_recovery_days": 3}),
        json!([tenant]),
    ] {
        let (error, cause) = stack.run("teardown-tenant", input.clone()).await.failed();
        assert_eq!(error, "InvalidRequest", "{input}: {cause}");
        assert_eq!((&cause["error"], &cause["leftovers"]), (&json!("InvalidRequest"), &json!([])), "{input}: {cause}");
    }
    let elsewhere = json!({"tenant_id": tenant, "environment": "prod", "force_delete_secret": true});
    assert_eq!(stack.run("teardown-tenant", elsewhere.clone()).await.failed().0, "WrongEnvironment");
    assert_eq!(stack.invoke("delete-secret", &elsewhere).await.unwrap_err().0, "WrongEnvironment");
    assert_eq!(stack.snapshot(&tenant).await, before);
}

#[tokio::test]
async fn every_function_refuses_an_invalid_input() {
    let (stack, _together) = Stack::together().await;
    for function in tests::stack::functions() {
        for input in [json!([]), json!("x"), json!({"no_such_field": 1}), json!({"tenant_id": "x"}), Value::Null] {
            let answer = stack.invoke(&function, &input).await;
            assert_eq!(answer.expect_err(&function).0, "InvalidRequest", "{function} with {input}");
        }
    }
}
