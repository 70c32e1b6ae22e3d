//! How a deprovision-tenant ended, for those who started it: in bulk, or in another environment.

use serde::{Deserialize, Serialize};
use shared::ErrorKind;

/// How it ended, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// In a word.
    pub status: Status,
    /// The error's name, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was wrong, with which value, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// What is kept on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Remaining>,
    /// What should not be there any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Remaining>,
}

/// How it ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something is left, or nothing was touched for an error.
    Failed,
    /// There was no such tenant.
    Absent,
    /// The tenant is gone.
    Deprovisioned,
}

/// A resource that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Remaining {
    kind: String,
    identifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What a success and a failure say, as JSON. They say more.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    message: Option<String>,
    removed: Vec<String>,
    kept: Vec<Remaining>,
    leftovers: Vec<Remaining>,
}

/// What Step Functions says in the cause of a task whose nested execution failed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Nested {
    error: String,
    #[serde(default)]
    cause: String,
}

impl Outcome {
    /// Of an execution that succeeded with this output.
    pub fn of_output(output: &str) -> Self {
        Self::new(Status::Deprovisioned, None, serde_json::from_str(output).unwrap_or_default())
    }

    /// Of an execution that failed with this error and cause, or of the task that ran it. A cause that is no JSON
    /// (cut off, or Step Functions' own) is the message.
    pub fn of_failure(error: &str, cause: &str) -> Self {
        if let Ok(nested) = serde_json::from_str::<Nested>(cause) {
            return Self::of_failure(&nested.error, &nested.cause);
        }
        let status = if error == ErrorKind::TenantNotFound.name() { Status::Absent } else { Status::Failed };
        let text = || Told { message: Some(cause.to_owned()).filter(|text| !text.is_empty()), ..Told::default() };
        let told = serde_json::from_str(cause).unwrap_or_else(|_| text());
        Self::new(status, Some(error.to_owned()), told)
    }

    fn new(status: Status, error: Option<String>, told: Told) -> Self {
        let Told { message, removed, kept, leftovers } = told;
        Self { status, error, message, removed, kept, leftovers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_of_a_nested_execution_is_unwrapped() {
        let inner = r#"{"error": "TeardownIncomplete", "message": "left", "leftovers": [{"kind": "secret", "identifier": "arn"}]}"#;
        let cause = serde_json::json!({"Error": "TeardownIncomplete", "Cause": inner, "Status": "FAILED"}).to_string();
        let outcome = Outcome::of_failure("States.TaskFailed", &cause);
        assert_eq!(outcome, Outcome::of_failure("TeardownIncomplete", inner));
        assert_eq!((outcome.status, outcome.message.as_deref()), (Status::Failed, Some("left")));
        assert_eq!(outcome.leftovers.len(), 1);
    }

    #[test]
    fn a_cause_that_is_no_json_is_the_message() {
        let outcome = Outcome::of_failure("States.Timeout", r#"{"cut": "of"#);
        assert_eq!(
            (outcome.error.as_deref(), outcome.message.as_deref()),
            (Some("States.Timeout"), Some(r#"{"cut": "of"#))
        );
        assert_eq!(Outcome::of_failure("ABORTED", "").message, None);
    }

    #[test]
    fn a_tenant_that_is_not_there_is_absent() {
        assert_eq!(Outcome::of_failure("TenantNotFound", "").status, Status::Absent);
    }
}
