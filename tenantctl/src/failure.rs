//! Failures: an error's name, a message that says what was wrong and what to do, and the exit status that follows.

use std::fmt;

use serde_json::{Map, Value, json};
use shared::Error;

use crate::status;

/// `Result` with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// A failure.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The error's name: one of the project's errors, one of AWS's, or one of [`status::OF_THE_COMMAND`].
    pub error: String,
    /// What was wrong, with which value, and what to do.
    pub message: String,
    /// The execution that failed, or that goes on.
    pub execution_arn: Option<String>,
    /// The whole cause of an execution's failure.
    pub cause: Option<Box<Value>>,
}

impl Failure {
    /// A failure of that name.
    pub fn new(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error: error.into(), message: message.into(), execution_arn: None, cause: None }
    }

    /// A failure of an execution, or while one was followed.
    #[must_use]
    pub fn of_execution(mut self, arn: &str) -> Self {
        self.execution_arn = Some(arn.to_owned());
        self
    }

    /// Adds to the message what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: &str) -> Self {
        self.message = format!("{}: {remedy}", self.message);
        self
    }

    /// The status with which the program exits.
    pub fn exit_status(&self) -> u8 {
        status::of(&self.error)
    }

    /// Whether a later attempt may succeed.
    pub fn is_passing(&self) -> bool {
        self.exit_status() == status::PASSING
    }

    /// The failure for a program.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("error".to_owned(), json!(self.error));
        fields.insert("message".to_owned(), json!(self.message));
        fields.extend(self.execution_arn.iter().map(|arn| ("execution_arn".to_owned(), json!(arn))));
        fields.extend(self.cause.iter().map(|cause| ("cause".to_owned(), Value::clone(cause))));
        Value::Object(fields)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.error, self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.kind().name(), error.chain())
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        failure.to_string()
    }
}
