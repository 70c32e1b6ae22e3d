//! Finds a tenant in several environments: calls describe-tenant in all of them at the same time.

use aws_config::SdkConfig;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sts::Client as Sts;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{EnvironmentName, Error, ErrorKind, Result, Settings, TenantId};
use tokio::task::JoinSet;

use crate::stack::peers::{Peer, chosen};

/// Input of locate-tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locate {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Which environments to search. Absent: every environment that the stack knows.
    pub environments: Option<Vec<EnvironmentName>>,
}

/// Output of locate-tenant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The result of each environment, in the order dev, sit, prod.
    pub environments: Vec<Place>,
}

/// The result of one environment.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    environment: EnvironmentName,
    account: String,
    region: String,
    #[serde(flatten)]
    seen: Seen,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Seen {
    /// The status from describe-tenant, or `absent`, or `unreachable`.
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    /// The version of WordPress that serves the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    wordpress_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The fields of describe-tenant's output that are used here.
#[derive(Deserialize)]
struct Described {
    status: String,
    url: Option<String>,
    service: Option<Service>,
    task_definition: Option<TaskDefinition>,
    database: Option<Database>,
}

#[derive(Deserialize)]
struct Service {
    desired_count: i32,
    running_count: i32,
}

#[derive(Deserialize)]
struct TaskDefinition {
    image: Option<String>,
}

#[derive(Deserialize)]
struct Database {
    wordpress_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    error_type: String,
    error_message: String,
}

/// Finds a tenant in several environments. An environment that cannot be reached is part of the answer, not an error.
///
/// # Errors
/// As [`chosen`].
pub async fn locate(sts: &Sts, aws: &SdkConfig, settings: &Settings, request: Locate) -> Result<Located> {
    let peers = chosen(settings, request.environments)?;
    let mut looks = JoinSet::new();
    for peer in peers {
        let (sts, aws, tenant) = (sts.clone(), aws.clone(), request.tenant_id.clone());
        looks.spawn(async move {
            let seen = match peer.lambda(&sts, &aws).await {
                Ok(lambda) => look(&lambda, &peer, &tenant).await,
                Err(error) => Err(error),
            };
            Place {
                environment: peer.environment,
                account: peer.account,
                region: peer.region,
                seen: seen.unwrap_or_else(Seen::unreachable),
            }
        });
    }
    let mut environments = looks.join_all().await;
    environments.sort_by_key(|place| place.environment);
    Ok(Located { tenant_id: request.tenant_id, environments })
}

async fn look(lambda: &Lambda, peer: &Peer, tenant: &TenantId) -> Result<Seen> {
    let function = format!("{}-describe-tenant", peer.environment);
    let doing = format!("asking {function} in account {} and {}", peer.account, peer.region);
    let input = json!({"tenant_id": tenant, "environment": peer.environment}).to_string();
    let answer = lambda.invoke().function_name(function).payload(Blob::new(input)).send().await;
    let answer = answer.map_err(|error| Error::aws(&doing, error))?;
    let payload = answer.payload().map(AsRef::as_ref).unwrap_or_default();
    let unreadable = |error| Error::internal(&doing).with_source(error);
    if answer.function_error().is_none() {
        return serde_json::from_slice(payload).map(Seen::described).map_err(unreadable);
    }
    let failed: Failed = serde_json::from_slice(payload).map_err(unreadable)?;
    let absent = failed.error_type == ErrorKind::TenantNotFound.name();
    let status = if absent { "absent" } else { "unreachable" }.to_owned();
    let (error, message) = (Some(failed.error_type), Some(failed.error_message));
    Ok(Seen { status, error, message, ..Seen::default() })
}

impl Seen {
    fn described(described: Described) -> Self {
        Self {
            status: described.status,
            url: described.url,
            image: described.task_definition.and_then(|definition| definition.image),
            wordpress_version: described.database.and_then(|database| database.wordpress_version),
            desired_count: described.service.as_ref().map(|service| service.desired_count),
            running_count: described.service.as_ref().map(|service| service.running_count),
            ..Self::default()
        }
    }

    fn unreachable(error: Error) -> Self {
        Self {
            status: "unreachable".to_owned(),
            error: Some(error.kind().name().to_owned()),
            message: Some(error.chain()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::Value;

    use super::*;
    use crate::testing::tenant;

    fn peer() -> Peer {
        "sit:815856636111:eu-west-1".parse().unwrap()
    }

    async fn answered(payload: Value, error: Option<&'static str>) -> Value {
        let invoked = mock!(Lambda::invoke)
            .match_requests(|request| {
                let asked: Value = serde_json::from_slice(request.payload().unwrap().as_ref()).unwrap();
                request.function_name() == Some("sit-describe-tenant")
                    && asked == json!({"tenant_id": "123456789012", "environment": "sit"})
            })
            .then_output(move || {
                InvokeOutput::builder()
                    .set_function_error(error.map(str::to_owned))
                    .payload(Blob::new(payload.to_string()))
                    .build()
            });
        let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, [&invoked]);
        serde_json::to_value(look(&lambda, &peer(), &tenant()).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_tenant_that_is_there_has_its_status_and_the_version_of_wordpress_that_serves_it() {
        let described = json!({
            "tenant_id": "123456789012", "status": "active", "url": "https://x", "lacks": [],
            "service": {"desired_count": 2, "running_count": 1, "arn": "arn"},
            "task_definition": {"image": "registry:5000/wordpress:6.4", "revision": 3},
            "database": {"name": "123456789012_db", "wordpress_version": "6.4.3"},
        });
        assert_eq!(
            answered(described, None).await,
            json!({
                "status": "active", "url": "https://x", "image": "registry:5000/wordpress:6.4",
                "wordpress_version": "6.4.3", "desired_count": 2, "running_count": 1
            })
        );
        assert_eq!(answered(json!({"status": "partial"}), None).await, json!({"status": "partial"}));
    }

    #[tokio::test]
    async fn a_tenant_that_is_not_there_is_absent_and_any_other_error_is_reported() {
        let failure = |kind: &str| json!({"errorType": kind, "errorMessage": "nothing"});
        let absent = answered(failure("TenantNotFound"), Some("Unhandled")).await;
        assert_eq!(absent, json!({"status": "absent", "error": "TenantNotFound", "message": "nothing"}));
        assert_eq!(answered(failure("Transient"), Some("Unhandled")).await["status"], "unreachable");
    }

    #[tokio::test]
    async fn a_function_that_cannot_be_called_is_named() {
        let refused = mock!(Lambda::invoke)
            .then_error(|| InvokeError::generic(ErrorMetadata::builder().code("AccessDeniedException").build()));
        let lambda = mock_client!(aws_sdk_lambda, RuleMode::MatchAny, [&refused]);
        let seen = Seen::unreachable(look(&lambda, &peer(), &tenant()).await.unwrap_err());
        assert_eq!((seen.status.as_str(), seen.error.as_deref()), ("unreachable", Some("AccessDenied")));
        assert!(seen.message.unwrap().contains("sit-describe-tenant"));
    }
}
