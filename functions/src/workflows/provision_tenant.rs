//! The request to provision a tenant, with the stack's defaults filled in.

use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{
    DesiredCount, EnvironmentName, EnvironmentVariables, Error, ErrorKind, FargateSize, ImageReference, Result,
    Settings, Site, TenantId, fargate,
};

use super::events::{EventId, SignupId};

pub mod environment;
pub mod signup;
pub mod tenant_id;

/// Input of provision-tenant, as it is written.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionRequest {
    /// The tenant's id; generated when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The signup that asked for the tenant; copied to the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<SignupId>,
    /// The event of the signup; copied to the result.
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
    /// What the site is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Further environment variables of the container, beside the stack's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_variables: Option<EnvironmentVariables>,
}

/// A request in which every value is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provision {
    /// The tenant's id, if the request has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// The signup that asked for the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<SignupId>,
    /// The event of the signup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Container image.
    pub image: ImageReference,
    /// CPU units and memory in MiB.
    #[serde(flatten)]
    pub size: FargateSize,
    /// Number of tasks.
    pub desired_count: DesiredCount,
    /// What the site is to be.
    pub site: Site,
    /// Further environment variables of the container, the stack's included.
    pub environment_variables: EnvironmentVariables,
}

impl ProvisionRequest {
    /// Checks the request against the stack and fills in its defaults.
    ///
    /// # Errors
    /// `InvalidRequest` for an empty request, a size that Fargate does not offer, or too many environment variables;
    /// `WrongEnvironment`; `EnvironmentNotReady` when a stack parameter is wrong.
    pub fn decide(self, settings: &Settings) -> Result<Provision> {
        if self.is_empty() {
            return Err(invalid(
                "the input is {}, as after a start without any input: give at least one of tenant_id, signup_id, environment, image, cpu, memory, desired_count, site, environment_variables",
            ));
        }
        settings.guard(self.environment)?;
        let cpu = self.cpu.map_or_else(|| settings.parsed("DEFAULT_CPU"), Ok)?;
        let memory = self.memory.map_or_else(|| settings.parsed("DEFAULT_MEMORY"), Ok)?;
        let variables = self.environment_variables.unwrap_or_default().or(variables_of_all(settings)?);
        Ok(Provision {
            tenant_id: self.tenant_id,
            signup_id: self.signup_id,
            event_id: self.event_id,
            image: self.image.map_or_else(|| default_image(settings), Ok)?,
            size: FargateSize::new(cpu, memory).map_err(invalid)?,
            desired_count: self.desired_count.unwrap_or(DesiredCount::ONE),
            site: self.site.unwrap_or_default(),
            environment_variables: variables.map_err(|reason| invalid(format!("environment_variables: {reason}")))?,
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
                desired_count: None,
                site: None,
                environment_variables: None
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

/// The environment variables of all tenants.
fn variables_of_all(settings: &Settings) -> Result<EnvironmentVariables> {
    serde_json::from_str(settings.optional("SITE_ENVIRONMENT").unwrap_or("{}")).map_err(|reason| {
        Error::not_ready(format!(
            "stack parameter SiteEnvironment, a JSON object of texts as in {{\"TZ\": \"UTC\"}}: {reason}"
        ))
    })
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
    fn the_stacks_defaults_replace_absent_values() {
        let provision = decide(json!({"signup_id": "signup-1"})).unwrap();
        assert_eq!(
            serde_json::to_value(provision).unwrap(),
            json!({"signup_id": "signup-1", "image": "wordpress:6", "cpu": 256, "memory": 512, "desired_count": 1, "site": {}, "environment_variables": {}})
        );
    }

    #[test]
    fn given_values_replace_the_defaults() {
        let provision = decide(json!({
            "tenant_id": "123456789012", "environment": "dev", "image": "wordpress:7", "cpu": "512", "memory": 1024, "desired_count": 2, "site": {"title": "Cheese"}
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(provision).unwrap(),
            json!({"tenant_id": "123456789012", "image": "wordpress:7", "cpu": 512, "memory": 1024, "desired_count": 2, "site": {"title": "Cheese"}, "environment_variables": {}})
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
            (json!({"site": {"admin_email": "me"}}), "site.admin_email: \"me\"", "name@domain"),
            (json!({"site": {"password": "x"}}), "password", "admin_user"),
            (json!({"environment_variables": {"PATH": "x"}}), "environment_variables: \"PATH\"", "other than"),
            (json!({"environment_variables": {"A": true}}), "environment_variables.A: true", "a text"),
        ] {
            let error = decide(request).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.chain().contains(field) && error.chain().contains(allowed), "{}", error.chain());
        }
    }

    #[test]
    fn a_request_may_change_the_variables_of_all_and_add_to_them() {
        let decide = |of_all: &str, own: Value| {
            let defaults = [("DEFAULT_IMAGE", "wordpress:6"), ("DEFAULT_CPU", "256"), ("DEFAULT_MEMORY", "512")];
            let settings = settings(&[&defaults[..], &[("SITE_ENVIRONMENT", of_all)]].concat());
            let request = json!({"desired_count": 1, "environment_variables": own});
            input::parse::<ProvisionRequest>(request)?.decide(&settings)
        };
        let of_all = r#"{"TZ": "UTC", "WORDPRESS_DEBUG": "1"}"#;
        let provision = decide(of_all, json!({"TZ": "Europe/Berlin", "SHOP": "yes"})).unwrap();
        let merged: Vec<_> = provision.environment_variables.iter().collect();
        assert_eq!(merged, [("SHOP", "yes"), ("TZ", "Europe/Berlin"), ("WORDPRESS_DEBUG", "1")]);

        for wrong in ["TZ=UTC", "[]", r#"{"TZ": 1}"#, r#"{"PATH": "/"}"#, r#"{"SMTP_PASSWORD": "hunter2"}"#] {
            let error = decide(wrong, json!({})).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "{wrong}");
            assert!(
                error.chain().contains("SiteEnvironment") && !error.chain().contains("hunter2"),
                "{}",
                error.chain()
            );
        }
    }

    #[test]
    fn a_request_for_another_environment_is_refused() {
        assert_eq!(decide(json!({"environment": "prod"})).unwrap_err().kind(), ErrorKind::WrongEnvironment);
    }
}
