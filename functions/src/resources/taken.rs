//! Why a tenant's id is taken, and what a person can do about it. Every message tells the same fact in these words.
//!
//! Nothing here leads to a deletion of what a customer has: of a tenant that lacks something, it says how that is made
//! again.

use shared::{Kind, Names, PerKind};

use super::Found;
use super::repair::advice;

/// How many missing kinds a message has advice for. describe-tenant has it for all.
const ADVISED: usize = 2;

/// That a secret is scheduled for deletion, and how the id is free at once. `detail` says until when it can be recovered.
pub(crate) fn scheduled_secret(secret: &str, detail: &str, names: &Names) -> String {
    let (tenant, environment) = (names.tenant(), names.environment());
    format!(
        "its secret {secret} is {detail}; to use the id now, start {environment}-teardown-tenant with \
         {{\"tenant_id\": \"{tenant}\", \"confirmation\": \"{tenant}\", \"force_delete_secret\": true}}, which deletes it for good"
    )
}

/// That there are files of an earlier tenant, and how they are deleted.
pub(crate) fn files_are_left(directory: &str, names: &Names) -> String {
    format!(
        "files of an earlier tenant are in {directory}; to use the id now, start {}-deprovision-tenant with \
         \"purge_files\": true, which deletes them for good",
        names.environment()
    )
}

/// Why the id is taken by these resources; `None` when there are none. `is_missing` says of which kinds nothing exists
/// although a tenant has them.
pub(crate) fn taken(names: &Names, found: &PerKind<Vec<&Found>>, is_missing: impl Fn(Kind) -> bool) -> Option<String> {
    let (tenant, environment) = (names.tenant(), names.environment());
    let all = || found.iter().flat_map(|(kind, found)| found.iter().map(move |found| (kind, *found)));
    let is_kept = |(kind, found): (Kind, &Found)| match kind {
        Kind::Files | Kind::LogGroup => true,
        Kind::Secret | Kind::SiteCredentials => found.going,
        _ => false,
    };
    all().next()?;
    if all().all(is_kept) {
        let told = all().filter_map(|(kind, found)| match kind {
            Kind::Secret => Some(scheduled_secret(
                &names.secret(),
                found.detail.as_deref().unwrap_or("scheduled for deletion"),
                names,
            )),
            Kind::Files => Some(files_are_left(&found.identifier, names)),
            Kind::LogGroup => Some(format!(
                "its log {} is left: read it if you need it, and remove it with {environment}-teardown-tenant",
                names.log_group()
            )),
            // It goes with the other secret.
            _ => None,
        });
        let told: Vec<_> = told.collect();
        return Some(format!("no tenant {tenant} runs in {environment}, but {}. Or take another id", told.join("; ")));
    }
    let lacks: Vec<_> = Kind::ALL.iter().copied().filter(|kind| is_missing(*kind)).collect();
    if lacks.is_empty() {
        return Some(format!(
            "tenant {tenant} exists in {environment}: take another id, or change it with update-tenant"
        ));
    }
    let kinds: Vec<_> = lacks.iter().map(|kind| kind.name()).collect();
    let repair = if lacks.len() > ADVISED {
        "It may be in the middle of its provisioning or its removal: look at the executions".to_owned()
    } else {
        let each = lacks.iter().map(|kind| format!("{}: {}", kind.name(), advice(*kind, names)));
        each.collect::<Vec<_>>().join(". ")
    };
    Some(format!(
        "tenant {tenant} exists in {environment}, and lacks: {}. {repair}. {environment}-describe-tenant says what there \
         is. For a new customer, take another id",
        kinds.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{settings, tenant};

    fn told(found: &[(Kind, Found)]) -> Option<String> {
        let names = settings(&[]).names(&tenant());
        let of = |kind: Kind| found.iter().filter(|(of, _)| *of == kind).map(|(_, found)| found).collect();
        taken(&names, &PerKind::from_fn(of), |kind| {
            !found.iter().any(|(of, _)| *of == kind)
                && ![Kind::DnsRecord, Kind::SiteCredentials, Kind::Files].contains(&kind)
        })
    }

    fn present(kind: Kind) -> (Kind, Found) {
        (kind, Found::present(kind.name(), None))
    }

    fn going(kind: Kind) -> (Kind, Found) {
        (kind, Found::going("arn", None, "scheduled for deletion, recoverable until 2027-01-15T08:00:00Z"))
    }

    #[test]
    fn nothing_takes_no_id() {
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn what_is_kept_of_a_removed_tenant_is_named_with_the_command_that_frees_the_id() {
        let told = told(&[going(Kind::Secret), going(Kind::SiteCredentials), present(Kind::Files)]).unwrap();
        for part in [
            "no tenant 123456789012 runs in dev",
            "until 2027-01-15",
            "dev-teardown-tenant",
            "force_delete_secret",
            "purge_files",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(told.matches("scheduled").count(), 1, "once: {told}");
    }

    #[test]
    fn a_log_alone_may_be_read_and_removed() {
        let told = told(&[present(Kind::LogGroup)]).unwrap();
        assert!(told.contains("/ecs/dev-123456789012 is left") && told.contains("dev-teardown-tenant"), "{told}");
    }

    #[test]
    fn a_tenant_that_lacks_something_is_repaired_and_never_removed() {
        let all = Kind::ALL.iter().copied();
        for (without, advised) in
            [(vec![Kind::ListenerRule], true), (vec![Kind::ListenerRule, Kind::Service, Kind::Secret], false)]
        {
            let found: Vec<_> = all.clone().filter(|kind| !without.contains(kind)).map(present).collect();
            let told = told(&found).unwrap();
            assert!(told.contains("lacks: ") && told.contains("listener-rule"), "{told}");
            assert_eq!(told.contains("dev-create-listener-rule"), advised, "{told}");
            assert!(
                !told.contains("teardown") && !told.contains("deprovision") && !told.contains("remove the"),
                "{told}"
            );
        }
        let whole: Vec<_> = all.map(present).collect();
        assert!(told(&whole).unwrap().contains("take another id"));
    }
}
