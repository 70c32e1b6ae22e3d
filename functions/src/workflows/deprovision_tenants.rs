//! The deprovisioning of many tenants: checked as a whole before it begins, and reported as a whole at its end.

use shared::Owner;

use crate::stack::bucket::Location;

pub mod check;
pub mod report;

/// Where the objects of an execution are, below `deprovision-tenants/<its name>/`.
fn location(bucket: &str, execution: &Owner, name: &str) -> Location {
    let execution = execution.as_str().rsplit(':').next().unwrap_or_default();
    Location { bucket: bucket.to_owned(), key: format!("deprovision-tenants/{execution}/{name}") }
}
