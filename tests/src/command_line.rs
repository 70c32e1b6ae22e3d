//! The operators' command line, as `make up` has built it, run as a program of its own.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};

use local::settings::Settings;
use serde_json::Value;

use crate::stack::Stack;

/// How a command has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: i32,
    /// What it has written to standard output.
    pub answer: String,
    /// What it has written to standard error.
    pub errors: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        Self {
            status: code(output.status),
            answer: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The answer as JSON, of a command that must have succeeded and written nothing else.
    ///
    /// # Panics
    /// When it has failed.
    pub fn json(&self) -> Value {
        assert_eq!((self.status, self.errors.as_str()), (0, ""), "{self:#?}");
        serde_json::from_str(&self.answer).expect("JSON")
    }

    /// The error as JSON, of a command that must have failed with this status and written nothing else.
    ///
    /// # Panics
    /// When it has succeeded, or failed otherwise.
    pub fn failure(&self, status: i32) -> Value {
        assert_eq!((self.status, self.answer.as_str()), (status, ""), "{self:#?}");
        serde_json::from_str(&self.errors).expect("JSON")
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().expect("an exit status")
}

/// The program.
///
/// # Panics
/// Outside the checkout.
pub fn program() -> PathBuf {
    let program = Settings::from_process().expect("a checkout").path("bin/tenantctl");
    assert!(program.is_file(), "{} is not there: run `make up`", program.display());
    program
}

impl Stack {
    /// A command of the command line, with the credentials of this environment's operators. Nobody is at a terminal.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(words)
            .env("TENANTCTL_ENV", self.environment)
            .env("AWS_ACCESS_KEY_ID", &self.account)
            .env("AWS_REGION", &self.region)
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn tenantctl(&self, words: &[&str]) -> Ended {
        ended(self.command(words)).await
    }
}

/// Runs a program to its end, beside whatever else the test does.
///
/// # Panics
/// When it does not start.
pub async fn ended(mut command: Command) -> Ended {
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
    Ended::of(&output.expect("a program"))
}
