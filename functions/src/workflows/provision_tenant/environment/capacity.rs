//! How many more tenants fit into the environment.

use serde::Serialize;
use shared::metrics::RoomLeft;
use shared::{Error, ErrorKind, Result, Settings};

use super::file_systems::FileSystem;
use crate::load_balancing::placement::Placement;
use crate::load_balancing::room::Room;

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
}

impl Capacity {
    /// `others` is the room for target groups on load balancers that were not described. Each tenant has one target
    /// group and one rule, so it also counts as room for rules.
    pub(super) fn of(placements: &[Placement], others: &[Room], file_systems: &[FileSystem]) -> Self {
        let others = || others.iter().copied();
        Self::new(
            placements.iter().map(|placement| placement.listener_rules).chain(others()).sum(),
            placements.iter().map(|placement| placement.target_groups).chain(others()).sum(),
            file_systems.iter().map(|file_system| file_system.access_points).sum(),
        )
    }

    fn new(listener_rules: Room, target_groups: Room, access_points: Room) -> Self {
        let tenants_left = listener_rules.left().min(target_groups.left()).min(access_points.left());
        Self { tenants_left, listener_rules, target_groups, access_points }
    }

    /// What is left of each quota.
    pub(super) fn left(&self) -> RoomLeft {
        let Self { listener_rules, target_groups, access_points, .. } = *self;
        let percent = [listener_rules, target_groups, access_points].map(Room::percent_left).into_iter().min();
        RoomLeft {
            listener_rules: listener_rules.left(),
            target_groups: target_groups.left(),
            access_points: access_points.left(),
            percent: percent.unwrap_or_default(),
        }
    }
}

/// Refuses when no listener, or no file system, has room for another tenant.
///
/// # Errors
/// `QuotaExceeded` with what is used on each.
pub(super) fn suffices(settings: &Settings, placements: &[Placement], file_systems: &[FileSystem]) -> Result<()> {
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
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_known_and_the_scarcest_quota_decides() {
        let room = |used, limit| Room { used, limit };
        let capacity = |rules, groups, access_points| {
            Capacity::new(room(rules, 100), room(groups, 200), room(access_points, 10_000))
        };
        assert_eq!(capacity(4, 199, 1_000).tenants_left, 1);
        let left = RoomLeft { listener_rules: 96, target_groups: 1, access_points: 9_000, percent: 0 };
        assert_eq!(capacity(4, 199, 1_000).left(), left);
        assert_eq!(capacity(91, 0, 0).left().percent, 9);
        let left = RoomLeft { listener_rules: 100, target_groups: 200, access_points: 0, percent: 0 };
        assert_eq!(capacity(0, 0, 12_000).left(), left);
    }
}
