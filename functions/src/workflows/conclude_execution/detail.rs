//! The events that this stack sends. Their schemas are in `events/schemas`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{EnvironmentName, TenantId};

use super::execution::{ExecutionArn, Machine};
use crate::workflows::deprovision_tenant::outcome::Remaining;
use crate::workflows::events::SignupId;

/// Maximum number of characters of a message. An event may have 256 KB; with a message and leftovers within these
/// limits, it stays far below. Source: the API reference of EventBridge, PutEvents.
const LONGEST_MESSAGE: usize = 2000;
const MOST_LEFTOVERS: usize = 50;
const LONGEST_REASON: usize = 500;

/// An event to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// What happened.
    pub detail_type: DetailType,
    /// The details.
    pub detail: Detail,
}

/// The event's `detail-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DetailType {
    /// A tenant was created.
    TenantProvisioned,
    /// A tenant was not created.
    TenantProvisioningFailed,
    /// A tenant was changed as requested.
    TenantUpdated,
    /// A tenant was not changed.
    TenantUpdateFailed,
    /// A tenant was removed.
    TenantDeprovisioned,
    /// A tenant was not removed completely, or did not exist.
    TenantDeprovisioningFailed,
}

impl DetailType {
    /// The type for this machine and status.
    pub(super) fn of(machine: Machine, status: Status) -> Self {
        match (machine, status) {
            (Machine::Provision, Status::Succeeded) => Self::TenantProvisioned,
            (Machine::Provision, _) => Self::TenantProvisioningFailed,
            (Machine::Update, Status::Succeeded) => Self::TenantUpdated,
            (Machine::Update, _) => Self::TenantUpdateFailed,
            (Machine::Deprovision, Status::Succeeded) => Self::TenantDeprovisioned,
            (Machine::Deprovision, _) => Self::TenantDeprovisioningFailed,
        }
    }

    /// The name in the event.
    pub fn name(self) -> &'static str {
        match self {
            Self::TenantProvisioned => "TenantProvisioned",
            Self::TenantProvisioningFailed => "TenantProvisioningFailed",
            Self::TenantUpdated => "TenantUpdated",
            Self::TenantUpdateFailed => "TenantUpdateFailed",
            Self::TenantDeprovisioned => "TenantDeprovisioned",
            Self::TenantDeprovisioningFailed => "TenantDeprovisioningFailed",
        }
    }
}

/// How the execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// With a result.
    Succeeded,
    /// With an error.
    Failed,
    /// It took longer than its timeout.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// The event's `detail`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// The tenant. Absent when the execution ended before it had a valid id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The environment.
    pub environment: EnvironmentName,
    /// The signup that asked for the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<SignupId>,
    /// The URL of the tenant's site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The execution. Receivers recognize an event that comes twice by it.
    pub execution_arn: ExecutionArn,
    /// How it ended.
    pub status: Status,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// Seconds from its start to its end.
    pub duration_seconds: f64,
    /// What an update changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// The state before an update, in the form of update-tenant's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Value>,
    /// The state after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<Value>,
    /// Name of the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The step that failed, or the state in which the execution was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was wrong, with which value, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Everything was restored to the state before. Also false when nothing had been changed. Only with a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<bool>,
    /// What should have been removed. Only with a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leftovers: Option<Vec<Remaining>>,
    /// What a person has to do about what is left. Only with a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Detail {
    /// Shortens the details to the limits of an event.
    #[must_use]
    pub(super) fn bounded(mut self) -> Self {
        self.message = self.message.map(|message| shortened(&message));
        self.remedy = self.remedy.map(|remedy| shortened(&remedy));
        if let Some(leftovers) = &mut self.leftovers {
            leftovers.truncate(MOST_LEFTOVERS);
            leftovers.iter_mut().for_each(|remaining| remaining.shorten_reason(LONGEST_REASON));
        }
        self
    }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    pub(crate) fn failed() -> Value {
        json!({
            "tenant_id": "123456789012", "environment": "dev", "execution_arn": crate::testing::owner().as_str(),
            "status": "FAILED", "started_at": "2026-11-25T10:16:22Z", "stopped_at": "2026-11-25T10:16:23.5Z",
            "duration_seconds": 1.5, "error": "DeploymentFailed", "step": "check-service-deployment",
            "message": "no", "rolled_back": true, "leftovers": []
        })
    }

    #[test]
    fn a_long_event_is_shortened_to_its_limits() {
        let mut told = failed();
        told["message"] = json!("é".repeat(100_000));
        told["leftovers"] =
            json!(vec![json!({"kind": "secret", "identifier": "arn", "reason": "x".repeat(3000)}); 5000]);
        let detail = serde_json::from_value::<Detail>(told).unwrap().bounded();
        assert_eq!(detail.leftovers.as_ref().unwrap().len(), MOST_LEFTOVERS);
        assert!(detail.message.as_ref().unwrap().ends_with("é…"));
        assert!(serde_json::to_vec(&detail).unwrap().len() < 100_000);
    }

    #[test]
    fn an_event_within_the_limits_is_not_changed() {
        let detail = serde_json::from_value::<Detail>(failed()).unwrap().bounded();
        assert_eq!(serde_json::to_value(detail).unwrap(), failed());
    }

    #[test]
    fn every_event_has_a_schema_that_knows_its_fields_and_no_others() {
        let known: BTreeSet<String> = [
            "tenant_id",
            "environment",
            "signup_id",
            "url",
            "execution_arn",
            "status",
            "started_at",
            "stopped_at",
            "duration_seconds",
            "changes",
            "previous",
            "current",
            "error",
            "step",
            "message",
            "rolled_back",
            "leftovers",
            "remedy",
        ]
        .map(str::to_owned)
        .into();
        for name in [
            DetailType::TenantProvisioned,
            DetailType::TenantProvisioningFailed,
            DetailType::TenantUpdated,
            DetailType::TenantUpdateFailed,
            DetailType::TenantDeprovisioned,
            DetailType::TenantDeprovisioningFailed,
        ]
        .map(DetailType::name)
        {
            let schema = std::fs::read_to_string(format!("../events/schemas/{name}.json")).expect(name);
            let schema: Value = serde_json::from_str(&schema).unwrap();
            assert_eq!(schema["title"], name);
            let fields = schema["properties"].as_object().unwrap();
            let fields: BTreeSet<_> = fields.keys().cloned().collect();
            assert!(fields.is_subset(&known), "{name}: {:?}", fields.difference(&known));
            let fails = name.ends_with("Failed");
            assert_eq!(fields.contains("error"), fails, "{name}");
        }
    }
}
