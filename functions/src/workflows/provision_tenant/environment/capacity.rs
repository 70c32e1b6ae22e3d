//! How many more tenants fit into the environment.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::SummaryKeyType;
use serde::Serialize;
use shared::metrics::RoomLeft;
use shared::{Error, ErrorKind, Result, Settings};

use super::file_systems::FileSystem;
use crate::load_balancing::placement::Placement;
use crate::load_balancing::room::Room;
use crate::resources::task_role;

/// Room for tenants on all load balancers and file systems together.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// How many more tenants fit: the smallest of what is left below. Other quotas, such as Fargate's vCPUs, are not known
    /// here.
    pub tenants_left: usize,
    /// Rules.
    pub listener_rules: Room,
    /// Target groups.
    pub target_groups: Room,
    /// Access points.
    pub access_points: Room,
    /// IAM roles of the whole account, where each tenant has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Room>,
}

impl Capacity {
    /// `others` is the room for target groups on load balancers that were not described. Each tenant has one target
    /// group and one rule, so it also counts as room for rules.
    pub(super) fn of(
        placements: &[Placement],
        others: &[Room],
        file_systems: &[FileSystem],
        roles: Option<Room>,
    ) -> Self {
        let others = || others.iter().copied();
        Self::new(
            placements.iter().map(|placement| placement.listener_rules).chain(others()).sum(),
            placements.iter().map(|placement| placement.target_groups).chain(others()).sum(),
            file_systems.iter().map(|file_system| file_system.access_points).sum(),
            roles,
        )
    }

    fn new(listener_rules: Room, target_groups: Room, access_points: Room, roles: Option<Room>) -> Self {
        let all = [listener_rules, target_groups, access_points].into_iter().chain(roles);
        let tenants_left = all.map(|room| room.left()).min().unwrap_or_default();
        Self { tenants_left, listener_rules, target_groups, access_points, roles }
    }

    /// What is left of each quota.
    pub(super) fn left(&self) -> RoomLeft {
        let Self { listener_rules, target_groups, access_points, roles, .. } = *self;
        let all = [listener_rules, target_groups, access_points].into_iter().chain(roles);
        let percent = all.map(Room::percent_left).min();
        RoomLeft {
            listener_rules: listener_rules.left(),
            target_groups: target_groups.left(),
            access_points: access_points.left(),
            percent: percent.unwrap_or_default(),
        }
    }
}

/// The room for IAM roles in the account, where each tenant has one.
///
/// # Errors
/// When IAM refuses the call.
pub(super) async fn roles(iam: &Client, settings: &Settings) -> Result<Option<Room>> {
    if !task_role::are_per_tenant(settings) {
        return Ok(None);
    }
    let summary = iam.get_account_summary().send().await;
    let summary = summary.map_err(|error| Error::aws("reading the account's quota of roles", error))?;
    let number = |key: &str| {
        let value = summary.summary_map().and_then(|map| map.get(&SummaryKeyType::from(key)));
        value.and_then(|value| usize::try_from(*value).ok())
    };
    Ok(number("Roles").zip(number("RolesQuota")).map(|(used, limit)| Room { used, limit }))
}

/// Refuses when no listener, no file system, or the account has no room for another tenant.
///
/// # Errors
/// `QuotaExceeded` with what is used on each.
pub(super) fn suffices(
    settings: &Settings,
    placements: &[Placement],
    file_systems: &[FileSystem],
    roles: Option<Room>,
) -> Result<()> {
    let environment = settings.environment();
    let full = |used: Vec<String>, remedy: &str| {
        let used = used.join("; ");
        let message = format!("there is no room for another tenant in {environment}: {used} are used; {remedy}");
        Err(Error::new(ErrorKind::QuotaExceeded, message))
    };
    if placements.iter().all(|placement| placement.left() == 0) {
        let used = placements.iter().map(|placement| {
            let Placement { listener_arn, listener_rules, target_groups, .. } = placement;
            format!("{listener_rules} listener rules and {target_groups} target groups of {listener_arn}")
        });
        return full(used.collect(), "add a load balancer (stack parameter ListenerArns)");
    }
    if file_systems.iter().all(|file_system| file_system.access_points.left() == 0) {
        let used = file_systems.iter();
        let used = used.map(|system| format!("{} access points of {}", system.access_points, system.file_system_id));
        return full(used.collect(), "add a file system (stack parameter FileSystemIds)");
    }
    if let Some(roles) = roles.filter(|roles| roles.left() == 0) {
        let used = format!("{roles} IAM roles of the account");
        return full(vec![used], "ask AWS for a higher quota (Service Quotas, IAM, Roles per account)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_and_the_scarcest_quota_decides() {
        let room = |used, limit| Room { used, limit };
        let capacity = |rules, groups, access_points| {
            Capacity::new(room(rules, 100), room(groups, 200), room(access_points, 10_000), None)
        };
        assert_eq!(capacity(4, 199, 1_000).tenants_left, 1);
        let left = RoomLeft { listener_rules: 96, target_groups: 1, access_points: 9_000, percent: 0 };
        assert_eq!(capacity(4, 199, 1_000).left(), left);
        assert_eq!(capacity(91, 0, 0).left().percent, 9);
        let roles = Some(Room { used: 980, limit: 1_000 });
        assert_eq!(Capacity { roles, ..capacity(4, 0, 0) }.left().percent, 2);
        let left = RoomLeft { listener_rules: 100, target_groups: 200, access_points: 0, percent: 0 };
        assert_eq!(capacity(0, 0, 12_000).left(), left);
    }
}
