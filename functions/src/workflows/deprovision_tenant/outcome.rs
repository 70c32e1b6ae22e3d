//! How an execution of deprovision-tenant ended. This is read by the state machines that start it: in bulk, or in
//! another environment.

use serde::{Deserialize, Serialize};
use shared::ErrorKind;

use crate::workflows::failure::Failure;

/// How it ended, and its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its status.
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
    /// What was kept on purpose.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Remaining>,
    /// What should have been removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Remaining>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something is left, or an error came before anything was touched.
    Failed,
    /// The tenant did not exist.
    Absent,
    /// The tenant was removed.
    Deprovisioned,
}

/// A resource that is still there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Remaining {
    kind: String,
    identifier: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Remaining {
    /// Shortens the reason to `most` characters.
    pub(crate) fn shorten_reason(&mut self, most: usize) {
        self.reason = self.reason.take().map(|reason| reason.chars().take(most).collect());
    }
}

/// The fields that are read from the JSON of a success or a failure.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    message: Option<String>,
    removed: Vec<String>,
    kept: Vec<Remaining>,
    leftovers: Vec<Remaining>,
}

impl Report {
    fn in_words(message: String) -> Self {
        let message = if message.is_empty() { "no cause was given".to_owned() } else { message };
        Self { message: Some(message), ..Self::default() }
    }
}

impl Outcome {
    /// The outcome of an execution that succeeded with this output.
    pub fn of_output(output: &str) -> Self {
        let report = serde_json::from_str(output);
        let report = report.unwrap_or_else(|error| Report::in_words(format!("its output cannot be read: {error}")));
        Self::new(Status::Deprovisioned, None, report)
    }

    /// The outcome of an execution that failed, or of the task that ran it. A cause that is not JSON (cut off, or
    /// written by Step Functions) becomes the message.
    pub fn of_failure(failure: Failure) -> Self {
        let Failure { error, cause } = failure.innermost();
        let status = if error == ErrorKind::TenantNotFound.name() { Status::Absent } else { Status::Failed };
        let report = serde_json::from_str(&cause).unwrap_or_else(|_| Report::in_words(cause));
        Self::new(status, Some(error), report)
    }

    /// Removes the lists of what was removed and kept, and shortens the message to `most` characters.
    pub(crate) fn shorten(&mut self, most: usize) {
        self.removed.clear();
        self.kept.clear();
        self.shorten_message(most);
    }

    /// Shortens the message and the reasons to these numbers of characters.
    pub(crate) fn shorten_texts(&mut self, message: usize, reason: usize) {
        self.shorten_message(message);
        let remaining = self.kept.iter_mut().chain(&mut self.leftovers);
        remaining.for_each(|remaining| remaining.shorten_reason(reason));
    }

    fn shorten_message(&mut self, most: usize) {
        self.message = self.message.take().map(|message| message.chars().take(most).collect());
    }

    fn new(status: Status, error: Option<String>, report: Report) -> Self {
        let Report { message, removed, kept, leftovers } = report;
        Self { status, error, message, removed, kept, leftovers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str, cause: &str) -> Outcome {
        Outcome::of_failure(Failure { error: error.to_owned(), cause: cause.to_owned() })
    }

    #[test]
    fn a_cause_that_is_json_says_what_is_left() {
        let outcome =
            of("TeardownIncomplete", r#"{"message": "left", "leftovers": [{"kind": "secret", "identifier": "arn"}]}"#);
        assert_eq!((outcome.status, outcome.message.as_deref()), (Status::Failed, Some("left")));
        assert_eq!(outcome.leftovers.len(), 1);
    }

    #[test]
    fn a_cause_that_is_no_json_is_the_message_and_there_is_always_one() {
        assert_eq!(of("States.Timeout", r#"{"cut": "of"#).message.as_deref(), Some(r#"{"cut": "of"#));
        assert_eq!(of("ABORTED", "").message.as_deref(), Some("no cause was given"));
    }

    #[test]
    fn a_tenant_that_is_not_there_is_absent() {
        assert_eq!(of("TenantNotFound", "").status, Status::Absent);
    }

    #[test]
    fn a_field_missing_in_an_output_does_not_hide_the_others() {
        let outcome = Outcome::of_output(r#"{"removed": ["arn:a"], "kept": [{"kind": "secret"}]}"#);
        assert_eq!((outcome.removed.len(), outcome.kept.len()), (1, 1));
        assert!(Outcome::of_output("[").message.is_some());
    }
}
