//! Failures: texts for the person at the terminal that say what went wrong, and what to do about it.

use std::fmt;

/// `Result` with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

/// A failure: a sentence, perhaps followed by lines of detail.
#[derive(Debug)]
pub struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<T: Into<String>> From<T> for Failure {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Adds to an error what was being done when it occurred.
pub trait Doing<T> {
    /// Turns an error into a [`Failure`] with the text "doing: cause".
    ///
    /// # Errors
    /// When there was an error.
    fn doing(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Doing<T> for std::result::Result<T, E> {
    fn doing(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure(format!("{doing}: {error}")))
    }
}
