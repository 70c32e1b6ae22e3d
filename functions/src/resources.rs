//! What all kinds of resource have in common: the description of a resource that was found, the check of its owner, and
//! the report of a deletion.

use serde::Serialize;
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

pub mod access_point;
pub mod database;
pub mod dns_record;
pub mod files;
pub mod inventory;
pub mod listener_rule;
pub mod log_group;
pub mod repair;
pub mod secret;
pub mod service;
pub mod site_credentials;
pub mod state;
pub(crate) mod taken;
pub mod target_group;
pub mod task_definition;
pub mod task_role;
pub mod teardown;
pub(crate) mod title;

/// A resource that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// ARN, or name where there is no ARN.
    pub identifier: String,
    /// The execution that made it; `None` when this project did not make it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// It is being deleted: draining, or scheduled for deletion.
    pub going: bool,
    /// What a person should know about it, for example until when it can be recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Found {
    /// A resource that exists.
    pub fn present(identifier: impl Into<String>, owner: Option<Owner>) -> Self {
        Self { identifier: identifier.into(), owner, going: false, detail: None }
    }

    /// A resource that is being deleted.
    pub fn going(identifier: impl Into<String>, owner: Option<Owner>, detail: impl Into<String>) -> Self {
        Self { going: true, detail: Some(detail.into()), ..Self::present(identifier, owner) }
    }

    /// Whether a teardown in the name of `scope` may remove it. Without a scope, a teardown removes everything of the
    /// tenant.
    pub fn is_in(&self, scope: Option<&Owner>) -> bool {
        scope.is_none_or(|owner| self.owner.as_ref() == Some(owner))
    }
}

/// The tenant whose resource has exactly this name. `name` gives the name that a tenant's resource of that kind has.
/// Longer names and resources of another environment are ignored.
pub(crate) fn tenant_named(settings: &Settings, text: &str, name: impl Fn(&Names) -> String) -> Option<TenantId> {
    // The names of environments contain no digit, so the first digits are those of the tenant's id.
    let not_a_digit = |letter: char| !letter.is_ascii_digit();
    let id = text.trim_start_matches(not_a_digit).split(not_a_digit).next()?;
    let id = TenantId::try_from(id.to_owned()).ok()?;
    (name(&settings.names(&id)) == text).then_some(id)
}

/// Decides what a create step does with the resources that it found under its name: `Some` is an earlier result of the
/// same execution, and `None` means that the name is free.
///
/// # Errors
/// `ResourceConflict` when another owner made it, or when it is being deleted and still blocks the name.
pub fn ours(what: &str, found: Vec<Found>, owner: &Owner) -> Result<Option<Found>> {
    let Some(first) = found.into_iter().next() else { return Ok(None) };
    if first.going {
        let detail = first.detail.as_deref().unwrap_or("going");
        return Err(conflict(what, &first.identifier, &format!("it is {detail}: wait until it is gone")));
    }
    match &first.owner {
        Some(other) if other == owner => Ok(Some(first)),
        Some(other) => Err(conflict(what, &first.identifier, &format!("it belongs to {other}"))),
        None => Err(conflict(what, &first.identifier, "it was not made by tenant management")),
    }
}

fn conflict(what: &str, identifier: &str, why: &str) -> Error {
    Error::new(ErrorKind::ResourceConflict, format!("{what} exists ({identifier}) and {why}"))
}

/// Output of a delete step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// The kind of resource.
    pub kind: Kind,
    /// What was removed by this call.
    pub removed: Vec<String>,
    /// What is being deleted and not gone yet, with the state of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub going: Vec<Left>,
    /// What was kept, with the reason for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Left>,
}

/// A resource that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// ARN, or name where there is no ARN.
    pub identifier: String,
    /// Why it is still there.
    pub reason: String,
}

impl Removal {
    /// A report in which nothing has been done yet.
    pub fn of(kind: Kind) -> Self {
        Self { kind, removed: Vec::new(), going: Vec::new(), kept: Vec::new() }
    }

    /// Removes from `found` what a teardown in the name of `scope` must keep, and reports it as kept. Returns the rest.
    pub fn keep_foreign(&mut self, found: Vec<Found>, scope: Option<&Owner>) -> Vec<Found> {
        let (ours, foreign): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.is_in(scope));
        self.kept.extend(foreign.into_iter().map(|found| Left {
            identifier: found.identifier,
            reason: match found.owner {
                Some(owner) => format!("made by {owner}"),
                None => "not made by tenant management".to_owned(),
            },
        }));
        ours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    #[test]
    fn only_the_exact_name_belongs_to_a_tenant() {
        let of = |text: &str, name: fn(&Names) -> String| tenant_named(&settings(&[]), text, name);
        assert_eq!(of("dev-123456789012-service", Names::service), Some(tenant()));
        assert_eq!(of("/ecs/dev-123456789012", Names::log_group), Some(tenant()));
        assert_eq!(of("123456789012_db", Names::database), Some(tenant()));
        for nobodys in [
            "dev-123456789012",
            "dev-123456789012-service-old",
            "dev-1234567890123-service",
            "dev-12345678901-service",
            "sit-123456789012-service",
            "x-dev-123456789012-service",
            "dev-generic-db-init",
            "",
        ] {
            assert_eq!(of(nobodys, Names::service), None, "{nobodys}");
        }
    }

    #[test]
    fn only_what_this_execution_made_is_ours() {
        let mine = Found::present("a", Some(owner()));
        assert_eq!(ours("secret", vec![mine.clone()], &owner()).unwrap(), Some(mine));
        assert_eq!(ours("secret", vec![], &owner()).unwrap(), None);
        for foreign in [
            Found::present("a", Some(other_owner())),
            Found::present("a", None),
            Found::going("a", Some(owner()), "draining"),
        ] {
            assert_eq!(ours("secret", vec![foreign], &owner()).unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
    }

    #[test]
    fn a_rollback_keeps_what_others_made_and_a_teardown_keeps_nothing() {
        let found = vec![
            Found::present("mine", Some(owner())),
            Found::present("theirs", Some(other_owner())),
            Found::present("runbook", None),
        ];
        let mut rollback = Removal::of(Kind::Secret);
        let going: Vec<_> =
            rollback.keep_foreign(found.clone(), Some(&owner())).into_iter().map(|found| found.identifier).collect();
        assert_eq!(going, ["mine"]);
        assert_eq!(rollback.kept.len(), 2);

        let mut teardown = Removal::of(Kind::Secret);
        assert_eq!(teardown.keep_foreign(found, None).len(), 3);
        assert!(teardown.kept.is_empty());
    }
}
