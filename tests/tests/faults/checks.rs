//! Checks after each run, independent of the product.

use serde_json::{Value, json};
use shared::ErrorKind;
use tests::stack::text;
use tests::{Outcome, Stack};

const ERRORS_OF_AWS: [&str; 4] = ["States.", "Lambda.", "Runtime.", "Sandbox."];

/// The error and the cause of a failed execution. Checks that the error is a known one.
pub(crate) fn failed_under_a_known_name(outcome: Outcome) -> (String, Value) {
    let (error, cause) = outcome.failed();
    let known = ErrorKind::ALL.iter().any(|kind| kind.name() == error)
        || ERRORS_OF_AWS.iter().any(|prefix| error.starts_with(prefix));
    assert!(known, "{error}: {cause}");
    assert!(!text(&cause["message"]).is_empty() && !text(&cause["step"]).is_empty(), "{error}: {cause}");
    (error, cause)
}

/// Makes a foreign resource whose name begins like the tenant's. No job may touch it.
pub(crate) async fn make_a_namesake(stack: &Stack, tenant: &str) {
    let name = format!("/ecs/{}-backup", stack.named(tenant));
    stack.logs.create_log_group().log_group_name(name).send().await.expect("a log group");
}

/// What exists of the tenant, without its namesake. Checks that the namesake still exists.
pub(crate) async fn pieces(stack: &Stack, tenant: &str) -> Vec<String> {
    let name = format!("{}-backup", stack.named(tenant));
    let (namesake, own): (Vec<_>, Vec<_>) =
        stack.snapshot(tenant).await.into_iter().partition(|piece| piece.contains(&name));
    assert_eq!(namesake.len(), 1, "the namesake of {tenant} is untouched: {namesake:?}");
    own
}

/// What else is left beside the log that a failed deployment keeps. Removes the log.
pub(crate) async fn without_the_log(stack: &Stack, tenant: &str, left: Vec<String>) -> Vec<String> {
    let name = format!("/ecs/{}", stack.named(tenant));
    let (log, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|piece| piece.contains(&name));
    assert_eq!(log.len(), 1, "the log of {tenant} is kept: {rest:?}");
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await.succeeded();
    rest
}

/// Removes the namesake.
pub(crate) async fn remove_the_namesake(stack: &Stack, tenant: &str) {
    let name = format!("/ecs/{}-backup", stack.named(tenant));
    stack.logs.delete_log_group().log_group_name(name).send().await.expect("no log group");
}
