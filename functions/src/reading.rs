//! What people read about tenants: the list of all, the description of one, and its logs.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{DeploymentRolloutState, Service};
use serde::{Deserialize, Serialize};
use shared::{Kind, PerKind};

use crate::resources::service::primary;

pub mod audit;
pub mod describe;
pub mod list;
pub mod locate;
pub mod logs;

/// The status of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Every task serves.
    Active,
    /// A deployment is in progress.
    Deploying,
    /// Some tasks serve, and fewer than should, or the last deployment failed.
    Degraded,
    /// No task serves, although the tenant is not suspended.
    Unhealthy,
    /// Somebody suspended the tenant: its rule shows the suspension page.
    Suspended,
    /// The service is being deleted.
    Draining,
    /// The tenant was removed. What is left was kept on purpose: its log, its files, a secret that can be recovered.
    Retired,
    /// A resource of the tenant is missing.
    Partial,
}

/// What the status of a tenant is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signs<'a> {
    /// Its service.
    pub(crate) service: Option<&'a Service>,
    /// The kinds that it has.
    pub(crate) parts: Parts,
    /// Its rule shows the suspension page.
    pub(crate) is_suspended: bool,
    /// Number of targets that the load balancer sends visitors to, if that was read.
    pub(crate) healthy: Option<i32>,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Deploying,
        Self::Degraded,
        Self::Unhealthy,
        Self::Suspended,
        Self::Draining,
        Self::Retired,
        Self::Partial,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deploying => "deploying",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Suspended => "suspended",
            Self::Draining => "draining",
            Self::Retired => "retired",
            Self::Partial => "partial",
        }
    }

    /// The status of a tenant. That no task serves comes before what is missing: it is what visitors notice.
    pub(crate) fn of(signs: &Signs<'_>) -> Self {
        let Some(service) = signs.service else {
            return if signs.parts.are_kept_on_purpose() { Self::Retired } else { Self::Partial };
        };
        let lacks = !signs.parts.lacks().is_empty();
        let (wanted, running) = (service.desired_count(), service.running_count());
        // Without a rule, no target is healthy; what is missing says more.
        let serving = signs.healthy.filter(|_| !lacks).map_or(running, |healthy| healthy.min(running));
        let rollout = primary(service).and_then(|deployment| deployment.rollout_state());
        let is_deploying = wanted > 0 && rollout == Some(&DeploymentRolloutState::InProgress);
        let is_down = serving == 0 && !is_deploying && !(wanted == 0 && signs.is_suspended);
        if service.status() == Some("DRAINING") {
            Self::Draining
        } else if is_down {
            Self::Unhealthy
        } else if lacks {
            Self::Partial
        } else if wanted == 0 {
            Self::Suspended
        } else if is_deploying {
            Self::Deploying
        } else if rollout == Some(&DeploymentRolloutState::Failed) || serving < wanted {
            Self::Degraded
        } else {
            Self::Active
        }
    }

    /// Whether the health of the targets, which this status was made without, can change it.
    pub(crate) fn depends_on_health(self) -> bool {
        matches!(self, Self::Active | Self::Degraded)
    }

    /// Whether the health of the targets decides if the status is one of these.
    pub(crate) fn may_become_another(self, wanted: &BTreeSet<Self>) -> bool {
        let possible = match self {
            Self::Active => &[Self::Active, Self::Degraded, Self::Unhealthy][..],
            Self::Degraded => &[Self::Degraded, Self::Unhealthy],
            _ => &[],
        };
        possible.iter().any(|status| wanted.contains(status)) && !possible.iter().all(|status| wanted.contains(status))
    }
}

/// Which kinds of resource a tenant has. `None` for a kind that was not read, or that a tenant does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts(pub(crate) PerKind<Option<bool>>);

impl Parts {
    /// Whether any resource exists.
    pub(crate) fn has_any(&self) -> bool {
        self.0.iter().any(|(_, is_there)| *is_there == Some(true))
    }

    /// Whether nothing exists but what a removed tenant may leave on purpose. A secret that is scheduled for deletion is
    /// not among the parts.
    pub(crate) fn are_kept_on_purpose(&self) -> bool {
        self.0.iter().all(|(kind, is_there)| matches!(kind, Kind::LogGroup | Kind::Files) || *is_there != Some(true))
    }

    /// The kinds that are missing.
    pub(crate) fn lacks(&self) -> BTreeSet<Kind> {
        self.0.iter().filter_map(|(kind, is_there)| (*is_there == Some(false)).then_some(kind)).collect()
    }
}

/// Maximum length of a list in an answer, unless another limit is given. A service has at most as many tasks.
pub(crate) const MOST: usize = 50;

/// Maximum length, in characters, of a quoted text that this project did not write.
const LONGEST: usize = 500;

/// Shortens a text that this project did not write, so that an answer stays short.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Deployment;

    use super::*;

    fn service(status: &str, desired: i32, running: i32, rollout: DeploymentRolloutState) -> Service {
        let deployment = Deployment::builder().status("PRIMARY").rollout_state(rollout).build();
        Service::builder().status(status).desired_count(desired).running_count(running).deployments(deployment).build()
    }

    fn whole() -> Parts {
        Parts(PerKind::from_fn(|_| Some(true)))
    }

    fn without_a_rule() -> Parts {
        Parts(PerKind { listener_rule: Some(false), ..whole().0 })
    }

    #[test]
    fn the_most_important_status_is_reported() {
        let completed = DeploymentRolloutState::Completed;
        for (service, healthy, status) in [
            (service("ACTIVE", 2, 2, completed.clone()), None, Status::Active),
            (service("ACTIVE", 2, 2, completed.clone()), Some(2), Status::Active),
            (service("ACTIVE", 2, 2, completed.clone()), Some(1), Status::Degraded),
            (service("ACTIVE", 2, 2, completed.clone()), Some(0), Status::Unhealthy),
            (service("ACTIVE", 2, 1, completed.clone()), None, Status::Degraded),
            (service("ACTIVE", 2, 0, completed.clone()), None, Status::Unhealthy),
            (service("ACTIVE", 2, 2, DeploymentRolloutState::Failed), None, Status::Degraded),
            (service("ACTIVE", 1, 0, DeploymentRolloutState::Failed), None, Status::Unhealthy),
            (service("ACTIVE", 2, 1, DeploymentRolloutState::InProgress), Some(0), Status::Deploying),
            (service("ACTIVE", 0, 0, completed.clone()), None, Status::Unhealthy),
            (service("DRAINING", 0, 1, completed.clone()), None, Status::Draining),
        ] {
            let signs = Signs { service: Some(&service), parts: whole(), is_suspended: false, healthy };
            assert_eq!(Status::of(&signs), status, "{service:?} {healthy:?}");
        }
    }

    #[test]
    fn only_a_tenant_whose_rule_shows_the_page_is_suspended() {
        let stopped = service("ACTIVE", 0, 0, DeploymentRolloutState::InProgress);
        let status = |is_suspended| {
            Status::of(&Signs { service: Some(&stopped), parts: whole(), is_suspended, healthy: Some(0) })
        };
        assert_eq!((status(true), status(false)), (Status::Suspended, Status::Unhealthy));
    }

    #[test]
    fn a_tenant_that_lacks_something_is_partial_and_one_that_serves_nobody_is_unhealthy_whoever_made_it() {
        let of = |service: &Service, parts, healthy| {
            Status::of(&Signs { service: Some(service), parts, is_suspended: false, healthy })
        };
        let running = service("ACTIVE", 1, 1, DeploymentRolloutState::Completed);
        assert_eq!(of(&running, without_a_rule(), Some(0)), Status::Partial);
        let down = service("ACTIVE", 1, 0, DeploymentRolloutState::Completed);
        assert_eq!(of(&down, without_a_rule(), Some(0)), Status::Unhealthy);
    }

    #[test]
    fn what_was_kept_on_purpose_is_no_partial_tenant() {
        let of = |parts| Status::of(&Signs { service: None, parts: Parts(parts), is_suspended: false, healthy: None });
        let none = PerKind::from_fn(|_| Some(false));
        assert_eq!(of(PerKind { log_group: Some(true), files: Some(true), ..none }), Status::Retired);
        assert_eq!(of(none), Status::Retired, "only a secret that is scheduled for deletion");
        assert_eq!(of(PerKind { secret: Some(true), ..none }), Status::Partial);
    }

    #[test]
    fn a_kind_that_was_not_read_is_neither_present_nor_missing() {
        let parts = |service, secret| Parts(PerKind { service, secret, ..PerKind::default() });
        assert!(!parts(None, Some(false)).has_any() && parts(Some(true), Some(false)).has_any());
        assert_eq!(parts(Some(true), Some(false)).lacks(), BTreeSet::from([Kind::Secret]));
        assert_eq!(parts(None, None).lacks(), BTreeSet::new());
    }

    #[test]
    fn a_status_is_written_by_its_name() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(cut("ä"), "ä");
        assert_eq!(cut(&"ä".repeat(500)), "ä".repeat(500));
        assert_eq!(cut(&"ä".repeat(501)), format!("{}…", "ä".repeat(500)));
    }
}
