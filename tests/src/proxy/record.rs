//! Which function has called what, over all tests.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Mutex;

use super::locked;

/// Each call of a function once, in the file that `CALLS` names, if it does: `create-secret secretsmanager:CreateSecret`.
#[derive(Debug)]
pub(super) struct Record {
    file: Option<File>,
    seen: Mutex<BTreeSet<String>>,
}

impl Record {
    /// Continues the file.
    pub(super) fn from_process() -> Self {
        let open = |path| OpenOptions::new().create(true).append(true).open(path).expect("CALLS");
        Self { file: std::env::var_os("CALLS").map(open), seen: Mutex::default() }
    }

    /// Notes a call.
    pub(super) fn note(&self, function: &str, operation: &str) {
        let Some(mut file) = self.file.as_ref() else { return };
        let call = format!("{function} {operation}\n");
        if locked(&self.seen).insert(call.clone()) {
            file.write_all(call.as_bytes()).expect("a line");
        }
    }
}
