//! An error, as Step Functions passes it to the state that catches it.

use serde::{Deserialize, Serialize};

/// An error: its name, and its cause, which may be JSON.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Failure {
    /// The error's name.
    pub error: String,
    /// The cause. Some errors have none.
    #[serde(default)]
    pub cause: String,
}

/// The cause of a task whose nested execution failed. An execution that was stopped or timed out may have no error of
/// its own.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NestedExecution {
    execution_arn: String,
    status: String,
    error: Option<String>,
    #[serde(default)]
    cause: String,
}

impl Failure {
    /// The error of the nested execution, if this is the error of the task that ran it; otherwise this error.
    #[must_use]
    pub fn innermost(self) -> Self {
        match serde_json::from_str::<NestedExecution>(&self.cause) {
            Ok(NestedExecution { error: Some(error), cause, .. }) => Self { error, cause }.innermost(),
            Ok(NestedExecution { execution_arn, status, .. }) => {
                Self { cause: format!("{execution_arn} ended {status}"), error: status }
            }
            Err(_) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(fields: serde_json::Value) -> Failure {
        let mut cause = json!({"ExecutionArn": "arn:x", "Name": "x"});
        for (name, value) in fields.as_object().unwrap() {
            cause[name] = value.clone();
        }
        Failure { error: "States.TaskFailed".to_owned(), cause: cause.to_string() }
    }

    #[test]
    fn the_error_of_a_nested_execution_is_unwrapped() {
        let failure = nested(json!({"Status": "FAILED", "Error": "TeardownIncomplete", "Cause": "{}"}));
        let inner = Failure { error: "TeardownIncomplete".to_owned(), cause: "{}".to_owned() };
        assert_eq!(failure.innermost(), inner);
        assert_eq!(inner.clone().innermost(), inner);
    }

    #[test]
    fn a_nested_execution_that_was_stopped_says_so() {
        let failure = nested(json!({"Status": "ABORTED"})).innermost();
        assert_eq!((failure.error.as_str(), failure.cause.as_str()), ("ABORTED", "arn:x ended ABORTED"));
    }
}
