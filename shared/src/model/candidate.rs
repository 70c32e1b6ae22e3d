//! Selects the only candidate where exactly one must exist.

use std::fmt;

use crate::{Error, Result};

/// Something that was found.
#[derive(Debug)]
pub struct Candidate {
    id: String,
    name: Option<String>,
}

impl Candidate {
    /// Named by its ID or ARN, and by its name.
    pub fn new(id: Option<&str>, name: Option<&str>) -> Self {
        Self { id: id.unwrap_or_default().to_owned(), name: name.map(str::to_owned) }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{} ({name})", self.id),
            None => formatter.write_str(&self.id),
        }
    }
}

/// The only candidate.
///
/// # Errors
/// `EnvironmentNotReady` when there is none or more than one, with the candidates.
pub fn exactly_one(what: &str, rule: &str, parameter: &str, mut candidates: Vec<Candidate>) -> Result<String> {
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).id);
    }
    let found = match candidates.len() {
        0 => format!("no {what} matches"),
        count => {
            let names: Vec<_> = candidates.iter().map(Candidate::to_string).collect();
            format!("{count} match as {what}: {}", names.join(", "))
        }
    };
    Err(Error::not_ready(format!("{found} (rule: {rule}): exactly one must, or set the stack parameter {parameter}")))
}
