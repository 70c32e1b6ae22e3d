//! The request to deprovision a tenant in several environments. All of it is checked before the first environment is
//! touched.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::input;
use shared::{EnvironmentName, Result, Settings, TenantId};

use crate::stack::peers;
use crate::workflows::deprovision_tenant::DeletionRequest;

pub mod follow;
pub mod start;

/// The state machine that runs in each environment.
const MACHINE: &str = "deprovision-tenant";

/// Input of deprovision-tenant-everywhere, as a person writes it.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// The environments from which the tenant is removed. Absent: every environment that the stack knows.
    pub environments: Option<Vec<EnvironmentName>>,
    /// Guard: must be the environment of this stack.
    pub environment: Option<EnvironmentName>,
    /// The input of deprovision-tenant, the same for every environment.
    #[serde(flatten)]
    pub common: Map<String, Value>,
}

/// Output of check-deletion-everywhere.
#[derive(Debug, Serialize)]
pub struct Approved {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who approved the deletion.
    pub approved_by: String,
    /// The request for each environment, in the order of the environments.
    pub peers: Vec<PeerRequest>,
}

/// The request for one environment.
#[derive(Debug, Serialize)]
pub struct PeerRequest {
    /// The environment.
    pub environment: EnvironmentName,
    /// The input of its deprovision-tenant.
    pub request: DeletionRequest,
}

/// Checks the request. Changes nothing.
///
/// # Errors
/// Those of the check of a single deprovisioning; the confirmation is required when prod is among the environments.
/// `EnvironmentNotReady` when an environment is not a peer of this stack.
pub fn check(settings: &Settings, request: Request) -> Result<Approved> {
    settings.guard(request.environment)?;
    let common: DeletionRequest = input::parse(Value::Object(request.common))?;
    let peers = peers::chosen(settings, request.environments)?;
    let environments: Vec<_> = peers.iter().map(|peer| peer.environment).collect();
    // Environments are in the order of risk, so the last one has the strictest checks.
    let strictest = environments.last().copied().unwrap_or(EnvironmentName::Prod);
    Ok(Approved {
        tenant_id: common.tenant_id.clone(),
        approved_by: common.approve(strictest)?,
        peers: environments
            .into_iter()
            .map(|environment| PeerRequest {
                environment,
                request: DeletionRequest { environment: Some(environment), ..common.clone() },
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::ErrorKind;

    use super::*;
    use crate::testing::settings;

    const PEERS: &str = "dev:536580886816:eu-west-1,sit:815856636111:eu-west-1,prod:093646564004:af-south-1";

    fn run(changes: Value) -> Result<Value> {
        let mut request = json!({
            "tenant_id": "123456789012",
            "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
            "approved_by": "Ada",
            "confirmation": "123456789012",
        });
        for (field, value) in changes.as_object().unwrap() {
            request[field] = value.clone();
        }
        let approved = check(&settings(&[("PEERS", PEERS)]), input::parse(request)?)?;
        Ok(serde_json::to_value(approved).unwrap())
    }

    fn environments(approved: &Value) -> Vec<&str> {
        approved["peers"].as_array().unwrap().iter().map(|peer| peer["environment"].as_str().unwrap()).collect()
    }

    #[test]
    fn every_environment_gets_the_same_request_in_the_order_of_risk() {
        let approved = run(json!({"purge_files": true})).unwrap();
        assert_eq!(environments(&approved), ["dev", "sit", "prod"]);
        for peer in approved["peers"].as_array().unwrap() {
            assert_eq!(peer["request"]["environment"], peer["environment"]);
            assert_eq!(
                (&peer["request"]["purge_files"], &peer["request"]["approved_by"]),
                (&json!(true), &json!("Ada"))
            );
        }
        let chosen = run(json!({"environments": ["sit", "dev", "sit"], "confirmation": null})).unwrap();
        assert_eq!(environments(&chosen), ["dev", "sit"], "without prod nothing has to be typed");
    }

    #[test]
    fn what_is_wrong_is_found_before_any_environment_is_touched() {
        for (changes, kind, named) in [
            (json!({"environments": []}), ErrorKind::InvalidRequest, "environments"),
            (json!({"environments": ["staging"]}), ErrorKind::InvalidRequest, "staging"),
            (json!({"tenant_id": "1"}), ErrorKind::InvalidRequest, "12 digits"),
            (json!({"force": true}), ErrorKind::InvalidRequest, "`force`"),
            (json!({"environment": "prod"}), ErrorKind::WrongEnvironment, "prod"),
            (json!({"confirmation": null}), ErrorKind::ConfirmationMismatch, "prod wants it"),
            (json!({"confirmation": "1", "environments": ["dev"]}), ErrorKind::ConfirmationMismatch, "\"1\""),
            (json!({"checklist": {}}), ErrorKind::ChecklistIncomplete, "billing_finalized"),
        ] {
            let error = run(changes).unwrap_err();
            assert_eq!(error.kind(), kind, "{}", error.chain());
            assert!(error.chain().contains(named), "{}", error.chain());
        }
    }

    #[test]
    fn an_environment_that_is_no_peer_is_refused() {
        let request = input::parse(json!({"tenant_id": "123456789012", "environments": ["prod"]})).unwrap();
        let error = check(&settings(&[("PEERS", "dev:536580886816:eu-west-1")]), request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
    }
}
