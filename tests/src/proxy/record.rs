//! The record of which function has called which operation, over all tests.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

use super::locked;

/// One line for each pair of function and operation, such as `create-secret secretsmanager:CreateSecret`, in the file
/// that the environment variable `CALLS` names. Without it nothing is recorded.
#[derive(Debug)]
pub(super) struct Record {
    file: Option<File>,
    seen: Mutex<BTreeSet<String>>,
}

impl Record {
    /// Opens the file, and keeps what earlier test processes have written.
    pub(super) fn from_process() -> Self {
        let open = |path| OpenOptions::new().create(true).append(true).open(path).expect("CALLS");
        Self { file: std::env::var_os("CALLS").map(open), seen: Mutex::default() }
    }

    /// Records a call.
    pub(super) fn note(&self, function: &str, operation: &str) {
        let Some(mut file) = self.file.as_ref() else { return };
        let call = format!("{function} {operation}\n");
        if locked(&self.seen).insert(call.clone()) {
            file.write_all(call.as_bytes()).expect("a line");
        }
    }
}
