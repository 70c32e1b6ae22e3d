//! What people and other systems ask for: the inputs of the state machines.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{
    DesiredCount, EnvironmentName, Error, ErrorKind, FargateSize, ImageReference, Names, Owner, Result, Settings,
    TenantId, fargate,
};

/// Input of provision-tenant, as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionRequest {
    /// The tenant's id; generated when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The signup that the tenant comes from; carried through to the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<SignupId>,
    /// The event that brought the signup; carried through to the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Guard: must be the stack's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// Container image; the stack's default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageReference>,
    /// CPU units; the stack's default when absent.
    #[serde(default, deserialize_with = "fargate::units", skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Memory in MiB; the stack's default when absent.
    #[serde(default, deserialize_with = "fargate::units", skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Number of tasks; one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<DesiredCount>,
}

/// A provisioning with everything decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provision {
    /// The tenant's id, if it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The signup that the tenant comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<SignupId>,
    /// The event that brought the signup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Container image.
    pub image: ImageReference,
    /// CPU units and memory in MiB.
    #[serde(flatten)]
    pub size: FargateSize,
    /// Number of tasks.
    pub desired_count: DesiredCount,
}

impl ProvisionRequest {
    /// Checks the request against the stack and fills in its defaults.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty request or a size that Fargate does not offer; `WrongEnvironment`.
    pub fn decide(self, settings: &Settings) -> Result<Provision> {
        if self.is_empty() {
            return Err(invalid(
                "the input is {}, as after a start without any input: give at least one of tenant_id, signup_id, environment, image, cpu, memory, desired_count",
            ));
        }
        guard(self.environment, settings)?;
        let cpu = self.cpu.map_or_else(|| settings.parsed("DEFAULT_CPU"), Ok)?;
        let memory = self.memory.map_or_else(|| settings.parsed("DEFAULT_MEMORY"), Ok)?;
        Ok(Provision {
            tenant_id: self.tenant_id,
            signup_id: self.signup_id,
            event_id: self.event_id,
            image: self.image.map_or_else(|| default_image(settings), Ok)?,
            size: FargateSize::new(cpu, memory).map_err(invalid)?,
            desired_count: self.desired_count.unwrap_or(DesiredCount::ONE),
        })
    }

    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                tenant_id: None,
                signup_id: None,
                event_id: None,
                environment: None,
                image: None,
                cpu: None,
                memory: None,
                desired_count: None
            }
        )
    }
}

fn default_image(settings: &Settings) -> Result<ImageReference> {
    settings
        .required("DEFAULT_IMAGE")?
        .to_owned()
        .try_into()
        .map_err(|reason| Error::new(ErrorKind::EnvironmentNotReady, format!("stack parameter DefaultImage: {reason}")))
}

/// Refuses a request that is meant for another environment than this stack's.
///
/// # Errors
/// `WrongEnvironment` naming both.
pub(crate) fn guard(wanted: Option<EnvironmentName>, settings: &Settings) -> Result<()> {
    match wanted {
        Some(wanted) if wanted != settings.environment() => Err(Error::new(
            ErrorKind::WrongEnvironment,
            format!(
                "environment: \"{wanted}\" was asked for, and this is the stack of \"{}\": start the execution there",
                settings.environment()
            ),
        )),
        _ => Ok(()),
    }
}

/// Input of teardown-tenant, of its first step inventory-tenant, and of every deletion step: what is wrong with
/// it is found before anything is touched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    /// The tenant to remove.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// Remove only what this execution made (rollback). Without it, everything of the tenant.
    pub owner: Option<Owner>,
    /// Delete the secret at once, without a recovery window.
    #[serde(default)]
    pub force_delete_secret: bool,
    /// Length of the recovery window in days.
    #[serde(default)]
    pub secret_recovery_days: RecoveryDays,
    /// Leave the log group and what it holds.
    #[serde(default)]
    pub keep_log_group: bool,
    /// Step Functions links a nested execution with its parent by this field.
    #[serde(default, rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

impl Teardown {
    /// The names of the tenant's resources.
    ///
    /// # Errors
    /// `WrongEnvironment` when the request is meant for another stack.
    pub fn names(&self, settings: &Settings) -> Result<Names> {
        guard(self.environment, settings)?;
        Ok(settings.names(&self.tenant_id))
    }

    /// The removal of everything of a tenant, with the secret recoverable for as long as AWS allows.
    pub fn of(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            environment: None,
            owner: None,
            force_delete_secret: false,
            secret_recovery_days: RecoveryDays::default(),
            keep_log_group: false,
            started_by: None,
        }
    }
}

/// How long a deleted secret can be recovered: 7 to 30 days, 30 when not said.
/// Source: the API reference of Secrets Manager, DeleteSecret, `RecoveryWindowInDays`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct RecoveryDays(i64);

impl RecoveryDays {
    /// Days.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Default for RecoveryDays {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<i64> for RecoveryDays {
    type Error = String;

    fn try_from(days: i64) -> Result<Self, String> {
        if (7..=30).contains(&days) {
            Ok(Self(days))
        } else {
            Err(format!("{days} is not a recovery window: allowed are 7 to 30 days"))
        }
    }
}

impl From<RecoveryDays> for i64 {
    fn from(days: RecoveryDays) -> Self {
        days.0
    }
}

/// The signup system's id of a signup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignupId(String);

impl TryFrom<String> for SignupId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        named_by_another_system("a signup id", id).map(Self)
    }
}

impl From<SignupId> for String {
    fn from(id: SignupId) -> Self {
        id.0
    }
}

impl fmt::Display for SignupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// EventBridge's id of an event: the same each time that the event is delivered, and another one when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(String);

impl TryFrom<String> for EventId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        named_by_another_system("an event's id", id).map(Self)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Checks an id that another system made. It may become part of an execution's name.
fn named_by_another_system(what: &str, id: String) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=64).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(id)
    } else {
        Err(format!("{id:?} is not {what}: allowed are 1 to 64 letters, digits, hyphens, underscores and dots"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::input;

    use super::*;
    use crate::testing::settings;

    fn decide(request: Value) -> Result<Provision> {
        let settings = settings(&[("DEFAULT_IMAGE", "wordpress:6"), ("DEFAULT_CPU", "256"), ("DEFAULT_MEMORY", "512")]);
        input::parse::<ProvisionRequest>(request)?.decide(&settings)
    }

    #[test]
    fn the_stacks_defaults_fill_what_is_absent() {
        let provision = decide(json!({"signup_id": "signup-1"})).unwrap();
        assert_eq!(
            serde_json::to_value(provision).unwrap(),
            json!({"signup_id": "signup-1", "image": "wordpress:6", "cpu": 256, "memory": 512, "desired_count": 1})
        );
    }

    #[test]
    fn what_is_given_is_taken() {
        let provision = decide(json!({
            "tenant_id": "123456789012", "environment": "dev", "image": "wordpress:7", "cpu": "512", "memory": 1024, "desired_count": 2
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(provision).unwrap(),
            json!({"tenant_id": "123456789012", "image": "wordpress:7", "cpu": 512, "memory": 1024, "desired_count": 2})
        );
    }

    #[test]
    fn a_wrong_request_is_refused_with_the_field_and_what_is_allowed() {
        for (request, field, allowed) in [
            (json!({}), "input", "tenant_id"),
            (json!({"tenant_id": "1"}), "tenant_id", "12 digits"),
            (json!({"tenant": "123456789012"}), "tenant", "tenant_id"),
            (json!({"image": "not an image"}), "image", "repository[:tag]"),
            (json!({"cpu": 512}), "memory: 512", "1024, 2048"),
            (json!({"cpu": 333}), "cpu: 333", "256, 512"),
            (json!({"cpu": "lots"}), "cpu: \"lots\"", "whole number"),
            (json!({"desired_count": -1}), "desired_count: -1", "1 to 50"),
            (json!({"desired_count": 100_000}), "desired_count: 100000", "1 to 50"),
            (json!({"environment": "staging"}), "environment: \"staging\"", "\"prod\""),
            (json!({"signup_id": "a b"}), "signup_id: \"a b\"", "letters"),
            (json!({"event_id": ""}), "event_id: \"\"", "letters"),
        ] {
            let error = decide(request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.chain().contains(field) && error.chain().contains(allowed), "{}", error.chain());
        }
    }

    #[test]
    fn a_request_for_another_environment_is_refused() {
        assert_eq!(decide(json!({"environment": "prod"})).unwrap_err().kind(), ErrorKind::WrongEnvironment);
    }

    #[test]
    fn a_teardown_for_another_environment_is_refused() {
        let names = |environment: &str| {
            let request = json!({"tenant_id": "123456789012", "environment": environment});
            input::parse::<Teardown>(request).unwrap().names(&settings(&[]))
        };
        assert_eq!(names("dev").unwrap().service(), "dev-123456789012-service");
        assert_eq!(names("prod").unwrap_err().kind(), ErrorKind::WrongEnvironment);
    }

    #[test]
    fn a_teardown_is_bounded() {
        let parse = |request: Value| input::parse::<Teardown>(request);
        assert_eq!(parse(json!({"tenant_id": "123456789012"})).unwrap().secret_recovery_days.get(), 30);
        for wrong in [
            json!({}),
            json!({"tenant_id": "123456789012", "secret_recovery_days": 6}),
            json!({"tenant_id": "123456789012", "force": true}),
        ] {
            assert_eq!(parse(wrong).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }
}
