//! Reads every tenant on a schedule: the number of tenants of each status, the missing resources, and the directories of
//! files that belong to no tenant.
//!
//! Changes nothing. One audit cannot tell a tenant that stays partial from one that is being provisioned or removed.
//! [`report`] compares two audits.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::{Kind, Owner, Result, Settings, TenantId};

use super::Status;
use super::list::{self, Seen};
use crate::resources::files::{self, Directory};
use crate::resources::inventory::Clients;

pub mod report;

/// Maximum number of partial tenants that are named: the first by their ids. Step Functions passes at most 256 KiB from
/// step to step. Source: the developer guide of Step Functions, "Service quotas".
const NAMED: usize = 10_000;

/// Maximum number of directories without a tenant that are named: the first by their ids.
const NAMED_DIRECTORIES: usize = 100;

/// Input of audit-tenants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The execution that audits, for the log.
    pub execution: Owner,
}

/// Output of audit-tenants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audited {
    /// Number of tenants.
    pub total: usize,
    /// Number of tenants of each status.
    pub statuses: BTreeMap<Status, usize>,
    /// The partial tenants: at most the first 10,000.
    pub partial: Vec<Partial>,
    /// The directories of files that belong to no tenant: at most the first 100.
    #[serde(default)]
    pub abandoned_files: Vec<Directory>,
    /// How many more such directories there are.
    #[serde(default)]
    pub more_abandoned_files: usize,
}

/// Tenants that lack the same kinds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// The kinds of resource that are missing.
    pub lacks: BTreeSet<Kind>,
    /// The tenants.
    pub tenant_ids: BTreeSet<TenantId>,
}

/// Reads every tenant.
///
/// # Errors
/// When a call to one of the services, or to the file system, fails.
pub async fn audit(clients: &Clients, settings: &Settings, _: Audit) -> Result<Audited> {
    // Before the tenants: a tenant's secret is made before its directory, and deleted after it. So a tenant that is
    // being provisioned is seen if its directory is.
    let mut directories = files::list(settings).await?;
    let seen = list::see_all(clients, settings).await?;
    for seen in &seen {
        directories.remove(&seen.tenant_id);
    }
    let (abandoned_files, more_abandoned_files) = abandoned(settings, directories).await?;
    Ok(Audited { abandoned_files, more_abandoned_files, ..audited(seen) })
}

/// Reads the first of these directories that still exist; and the number of the others.
async fn abandoned(settings: &Settings, of: BTreeSet<TenantId>) -> Result<(Vec<Directory>, usize)> {
    let mut rest = of.into_iter();
    let mut named = Vec::new();
    while named.len() < NAMED_DIRECTORIES {
        let Some(tenant) = rest.next() else { break };
        named.extend(files::read(settings, &settings.names(&tenant)).await?);
    }
    Ok((named, rest.count()))
}

fn audited(seen: Vec<Seen>) -> Audited {
    let total = seen.len();
    // A status without tenants must be 0, or its metric would keep its last value.
    let mut statuses: BTreeMap<_, _> = Status::ALL.into_iter().map(|status| (status, 0)).collect();
    for seen in &seen {
        *statuses.entry(seen.status).or_default() += 1;
    }
    let mut partial: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for seen in seen.into_iter().filter(|seen| seen.status == Status::Partial).take(NAMED) {
        partial.entry(seen.lacks).or_default().insert(seen.tenant_id);
    }
    let partial = partial.into_iter().map(|(lacks, tenant_ids)| Partial { lacks, tenant_ids }).collect();
    Audited { total, statuses, partial, abandoned_files: Vec::new(), more_abandoned_files: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{owner, settings};

    #[tokio::test]
    async fn directories_of_no_tenant_are_named_and_the_rest_is_counted() {
        let mount = std::env::temp_dir().join(format!("abandoned-files-{}/wordpress", std::process::id()));
        for number in 0..NAMED_DIRECTORIES + 3 {
            std::fs::create_dir_all(mount.join(format!("{number:012}/wp-content"))).unwrap();
        }
        std::fs::remove_dir(mount.join("000000000000/wp-content")).unwrap();
        let settings = settings(&[("FILES_DIRECTORY", mount.to_str().unwrap())]);
        let listed = files::list(&settings).await.unwrap();
        let (named, more) = abandoned(&settings, listed).await.unwrap();
        std::fs::remove_dir_all(mount.parent().unwrap()).unwrap();
        assert_eq!((named.len(), more), (NAMED_DIRECTORIES, 2), "an empty directory does not count");
        assert_eq!((named[0].directory.as_str(), named[0].owner.as_ref()), ("/wordpress/000000000001", None));
    }

    fn id(number: usize) -> TenantId {
        TenantId::try_from(format!("{number:012}")).unwrap()
    }

    fn seen(number: usize, status: Status, lacks: BTreeSet<Kind>) -> Seen {
        Seen { tenant_id: id(number), status, lacks }
    }

    #[test]
    fn tenants_are_counted_by_status_and_partial_ones_grouped_by_missing_kinds() {
        let (service, rule) = (BTreeSet::from([Kind::Service]), BTreeSet::from([Kind::ListenerRule]));
        let audited = audited(vec![
            seen(1, Status::Partial, service.clone()),
            seen(2, Status::Active, BTreeSet::new()),
            seen(3, Status::Draining, rule.clone()),
            seen(4, Status::Partial, rule.clone()),
            seen(5, Status::Partial, service.clone()),
        ]);
        let counts = Status::ALL.map(|status| audited.statuses[&status]);
        assert_eq!((audited.total, counts), (5, [1, 0, 0, 0, 0, 1, 0, 3]));
        let named = audited.partial.into_iter().map(|partial| (partial.lacks, partial.tenant_ids));
        assert_eq!(named.collect::<Vec<_>>(), [(service, [id(1), id(5)].into()), (rule, [id(4)].into())]);
    }

    #[test]
    fn the_partial_tenants_fit_into_a_steps_output_however_many_there_are() {
        let never_lacking = [Kind::DnsRecord, Kind::TaskRole, Kind::SiteCredentials, Kind::Files];
        let kinds: Vec<_> = Kind::ALL.iter().filter(|kind| !never_lacking.contains(kind)).collect();
        let lacks = |number: usize| kinds.iter().enumerate().filter(move |(at, _)| number >> at & 1 == 1);
        let tenant = |number| seen(number, Status::Partial, lacks(number).map(|(_, kind)| **kind).collect());
        let mut audited = audited((0..20_000).map(tenant).collect());
        let longest = format!("{}{}", owner(), "x".repeat(256 - owner().as_str().len()));
        let directory = Directory {
            directory: "/wordpress/123456789012".to_owned(),
            owner: Some(Owner::try_from(longest).unwrap()),
            since: Some("2026-11-25T10:16:22.123456789Z".parse().unwrap()),
        };
        audited.abandoned_files = vec![directory; NAMED_DIRECTORIES];
        assert_eq!(audited.statuses[&Status::Partial], 20_000);
        assert_eq!(audited.partial.iter().map(|partial| partial.tenant_ids.len()).sum::<usize>(), 10_000);
        assert!(audited.partial.iter().flat_map(|partial| &partial.tenant_ids).all(|id| id.as_str() < "000000010000"));
        // The rest of 256 KiB is for what Lambda adds to the answer.
        assert!(serde_json::to_vec(&audited).unwrap().len() < 240 << 10);
    }
}
