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
    /// Every task runs.
    Active,
    /// A deployment is in progress.
    Deploying,
    /// Fewer tasks run than desired, or the last deployment failed.
    Degraded,
    /// The desired count is 0.
    Suspended,
    /// The service is being deleted.
    Draining,
    /// A resource of the tenant is missing.
    Partial,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Deploying, Self::Degraded, Self::Suspended, Self::Draining, Self::Partial];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deploying => "deploying",
            Self::Degraded => "degraded",
            Self::Suspended => "suspended",
            Self::Draining => "draining",
            Self::Partial => "partial",
        }
    }

    /// The status of a tenant with this service and these missing kinds.
    pub fn of(service: Option<&Service>, lacks: &BTreeSet<Kind>) -> Self {
        let Some(service) = service else { return Self::Partial };
        let rollout = primary(service).and_then(|deployment| deployment.rollout_state());
        if service.status() == Some("DRAINING") {
            Self::Draining
        } else if !lacks.is_empty() {
            Self::Partial
        } else if service.desired_count() == 0 {
            Self::Suspended
        } else if rollout == Some(&DeploymentRolloutState::InProgress) {
            Self::Deploying
        } else if rollout == Some(&DeploymentRolloutState::Failed) || service.running_count() < service.desired_count()
        {
            Self::Degraded
        } else {
            Self::Active
        }
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

    #[test]
    fn the_most_important_status_is_reported() {
        let service = |status: &str, desired: i32, running: i32, rollout: DeploymentRolloutState| {
            let deployment = Deployment::builder().status("PRIMARY").rollout_state(rollout).build();
            Service::builder()
                .status(status)
                .desired_count(desired)
                .running_count(running)
                .deployments(deployment)
                .build()
        };
        let completed = DeploymentRolloutState::Completed;
        let nothing = BTreeSet::new();
        for (service, status) in [
            (service("ACTIVE", 2, 2, completed.clone()), Status::Active),
            (service("ACTIVE", 2, 1, completed.clone()), Status::Degraded),
            (service("ACTIVE", 2, 2, DeploymentRolloutState::Failed), Status::Degraded),
            (service("ACTIVE", 2, 1, DeploymentRolloutState::InProgress), Status::Deploying),
            (service("ACTIVE", 0, 0, completed.clone()), Status::Suspended),
            (service("DRAINING", 0, 1, completed.clone()), Status::Draining),
        ] {
            assert_eq!(Status::of(Some(&service), &nothing), status);
        }
        let lacks = BTreeSet::from([Kind::Database]);
        assert_eq!(Status::of(Some(&service("ACTIVE", 1, 1, completed.clone())), &lacks), Status::Partial);
        assert_eq!(Status::of(Some(&service("DRAINING", 0, 0, completed)), &lacks), Status::Draining);
        assert_eq!(Status::of(None, &nothing), Status::Partial);
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
