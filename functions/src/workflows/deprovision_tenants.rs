//! The deprovisioning of many tenants: all requests are checked before it begins, and one report is written at its end.

use shared::Owner;

use crate::stack::bucket::Location;

pub mod check;
pub mod report;

/// The location of an execution's objects: below `deprovision-tenants/<its name>/`.
fn location(bucket: &str, execution: &Owner, name: &str) -> Location {
    let execution = execution.as_str().rsplit(':').next().unwrap_or_default();
    Location { bucket: bucket.to_owned(), key: format!("deprovision-tenants/{execution}/{name}") }
}
