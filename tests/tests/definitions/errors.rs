//! Each error is documented, and the state machines either handle it by name or have a reason not to.

use std::collections::BTreeSet;

use shared::ErrorKind;

use crate::{documentation, handled, states};

/// Why no state machine names the error in a Retry or Catch; none if one does. An error that is not named is caught by
/// `States.ALL`, which leads to a rollback or a report.
fn why_not_named(error: ErrorKind) -> Option<&'static str> {
    match error {
        ErrorKind::Throttled | ErrorKind::Transient => None,
        ErrorKind::InvalidRequest | ErrorKind::WrongEnvironment => None,
        ErrorKind::ConfirmationMismatch | ErrorKind::TenantAlreadyExists => None,
        ErrorKind::WrongAccount | ErrorKind::EnvironmentNotReady => Some("a person has to change the stack first"),
        ErrorKind::TenantNotFound => Some("a retry finds no tenant either"),
        ErrorKind::ResourceConflict => Some("what somebody else made stays, and a person has to look at it"),
        ErrorKind::QuotaExceeded => Some("a person has to make room first"),
        ErrorKind::DeploymentFailed => Some("the same tasks would fail again"),
        ErrorKind::ChecklistIncomplete => Some("a person has to correct the request first"),
        ErrorKind::TeardownIncomplete => Some("the teardown has tried several times itself"),
        ErrorKind::AccessDenied => Some("a retry has no more permissions"),
        ErrorKind::Internal => Some("nobody knows whether a retry would mend it"),
    }
}

#[test]
fn each_error_is_named_in_a_retry_or_catch_or_there_is_a_reason_why_not() {
    let states = states();
    let named: BTreeSet<_> = states.iter().flat_map(|(_, _, state)| handled(state)).collect();
    for error in ErrorKind::ALL {
        let reason = why_not_named(*error);
        assert_eq!(named.contains(error.name()), reason.is_none(), "{error}: {reason:?}");
    }
}

#[test]
fn each_error_has_a_row_in_the_documentation() {
    let documentation = documentation();
    for error in ErrorKind::ALL {
        let row = format!("| `{error}` | ");
        let is_there = documentation.iter().any(|(_, text)| text.lines().any(|line| line.starts_with(&row)));
        assert!(is_there, "no document has a row for {error}");
    }
}
