//! Starts the provisioning of a tenant that signed up, once.
//!
//! The execution's name is made from the signup's id, the environment and the number of the attempt. While an attempt
//! runs, and after one has succeeded, every further event of the signup finds that attempt. When all attempts have
//! failed, were aborted or timed out, another event starts the next one.
//!
//! EventBridge may deliver an event again, even after its attempt has failed. That must not start a new attempt. It is
//! recognized by the event's id, which is the same for every delivery and is part of the input of the attempt that it
//! started. An event that the signup system sends again has a new id. Step Functions keeps an execution for 90 days
//! after its end; a signup that arrives again after that counts as new.

use aws_sdk_sfn::Client;
use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{DesiredCount, EnvironmentName, EnvironmentVariables, ImageReference, Result, Settings, Site, fargate};
use uuid::Uuid;

use crate::workflows::events::{self, Event, EventId, Execution, SignupId, State, Status};
use crate::workflows::provision_tenant::ProvisionRequest;

/// Maximum number of attempts for a signup. After that, a person has to look at it.
const MOST_ATTEMPTS: u32 = 10;
/// Number of characters of the signup's id in the name. The whole name then has at most 68 characters. Step Functions
/// allows 80, but the owner in the set identifier of a tenant's DNS record contains the name, and has no room for more
/// than 68.
const LONGEST_READABLE: usize = 28;

/// The detail of the event `TenantSignedUp`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSignedUp {
    /// The signup's id.
    pub signup_id: SignupId,
    /// The environment for the tenant; the one that receives the event when absent.
    pub environment: Option<EnvironmentName>,
    /// Container image; the stack's default when absent.
    pub image: Option<ImageReference>,
    /// CPU units; the stack's default when absent.
    #[serde(default, deserialize_with = "fargate::units")]
    pub cpu: Option<u32>,
    /// Memory in MiB; the stack's default when absent.
    #[serde(default, deserialize_with = "fargate::units")]
    pub memory: Option<u32>,
    /// Number of tasks; one when absent.
    pub desired_count: Option<DesiredCount>,
    /// What the site is to be.
    pub site: Option<Site>,
    /// Further environment variables of the container.
    pub environment_variables: Option<EnvironmentVariables>,
}

impl TenantSignedUp {
    /// The input of provision-tenant.
    fn request(self, event: EventId) -> ProvisionRequest {
        ProvisionRequest {
            tenant_id: None,
            signup_id: Some(self.signup_id),
            event_id: Some(event),
            environment: self.environment,
            image: self.image,
            cpu: self.cpu,
            memory: self.memory,
            desired_count: self.desired_count,
            site: self.site,
            environment_variables: self.environment_variables,
        }
    }
}

/// Output of start-provisioning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was done with the event.
    pub status: Status,
    /// The signup.
    pub signup_id: SignupId,
    /// The stack's environment.
    pub environment: EnvironmentName,
    /// The execution that provisions the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
    /// Number of the attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why nothing was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Starts the provisioning of a signup, unless it is already running or done.
///
/// # Errors
/// `InvalidRequest` for what provision-tenant's first step would refuse, and when the signup has failed too often.
pub async fn start(machines: &Client, settings: &Settings, event: Event<TenantSignedUp>) -> Result<Answer> {
    let Event { id, detail } = event;
    let (signup_id, environment) = (detail.signup_id.clone(), settings.environment());
    if let Some(reason) = events::foreign(detail.environment, settings) {
        let ignored = Answer {
            status: Status::Ignored,
            signup_id,
            environment,
            execution_arn: None,
            attempt: None,
            reason: Some(reason),
        };
        return Ok(ignored);
    }
    let request = detail.request(id.clone());
    request.clone().decide(settings)?;
    let machine = settings.required("PROVISION_TENANT_ARN")?;
    for attempt in 1..=MOST_ATTEMPTS {
        let execution = events::start(machines, machine, &name(environment, &signup_id, attempt), &request).await?;
        if matches!(execution.state, State::Failed(_)) && !came_from(&execution, &id) {
            continue;
        }
        tracing::info!(%signup_id, attempt, execution = execution.arn, status = ?execution.state, "signup");
        return Ok(Answer {
            status: execution.status(Status::Provisioned),
            signup_id,
            environment,
            reason: execution.reason(),
            execution_arn: Some(execution.arn),
            attempt: Some(attempt),
        });
    }
    Err(invalid(format!(
        "signup_id: \"{signup_id}\" was tried {MOST_ATTEMPTS} times, and every execution failed: remove the cause that \
         they name, and start provision-tenant by hand"
    )))
}

/// The name of an attempt's execution. It contains the beginning of the signup's id, for people, and a hash of the
/// whole id, because two long ids may have the same beginning. A dot becomes a hyphen: Step Functions may write no log of
/// an execution whose name has other characters than letters, digits, hyphens and underscores. Source: the API reference
/// of Step Functions, StartExecution.
fn name(environment: EnvironmentName, signup: &SignupId, attempt: u32) -> String {
    let signup = signup.to_string();
    let unambiguous = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{environment}/{signup}").as_bytes());
    let readable = signup.chars().take(LONGEST_READABLE).collect::<String>().replace('.', "-");
    format!("{readable}-{unambiguous}-{attempt}")
}

/// Whether this event started the execution, in an earlier delivery.
fn came_from(execution: &Execution, event: &EventId) -> bool {
    serde_json::from_str::<ProvisionRequest>(&execution.input)
        .is_ok_and(|request| request.event_id.as_ref() == Some(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signup(id: &str) -> SignupId {
        SignupId::try_from(id.to_owned()).unwrap()
    }

    #[test]
    fn a_name_fits_and_is_unique_to_a_signup_and_an_attempt() {
        let long = "s".repeat(63);
        let names = [
            name(EnvironmentName::Dev, &signup("signup-1"), 1),
            name(EnvironmentName::Dev, &signup("signup-1"), 10),
            name(EnvironmentName::Dev, &signup("signup-10"), 1),
            name(EnvironmentName::Sit, &signup("signup-1"), 1),
            name(EnvironmentName::Dev, &signup(&format!("{long}1")), MOST_ATTEMPTS),
            name(EnvironmentName::Dev, &signup(&format!("{long}2")), MOST_ATTEMPTS),
        ];
        assert!(names.iter().all(|name| name.len() <= 68), "{names:?}");
        assert!(names[0].starts_with("signup-1-") && names[1].ends_with("-10"), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), names.len());
    }

    #[test]
    fn a_name_has_only_characters_with_which_step_functions_writes_a_log() {
        let name = name(EnvironmentName::Dev, &signup("2026.11.28_x-1"), 1);
        assert!(name.starts_with("2026-11-28_x-1-"), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{name}");
    }

    #[test]
    fn the_longest_name_makes_an_owner() {
        let name = name(EnvironmentName::Prod, &signup(&"s".repeat(64)), MOST_ATTEMPTS);
        let arn = format!("arn:aws:states:ap-southeast-2:093646564004:execution:prod-provision-tenant:{name}");
        assert!(shared::Owner::try_from(arn).is_ok());
    }
}
