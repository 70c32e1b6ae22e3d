//! A tenant's ECS service: keeps the tenant's tasks running and registered with the load balancer.
//!
//! A service that was deleted drains first, and keeps its name until it is INACTIVE. AWS still shows an INACTIVE
//! service for some time; here it counts as deleted.

use std::collections::BTreeSet;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, Deployment, DeploymentCircuitBreaker, DeploymentConfiguration, LaunchType,
    LoadBalancer, NetworkConfiguration, PropagateTags, Service, ServiceField, Tag,
};
use serde::{Deserialize, Serialize};
use shared::owner::{owner_in, tags};
use shared::{DesiredCount, Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::task_definition::container::{CONTAINER, GRACE_SECONDS, PORT};
use crate::resources::task_definition::job;
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Left, Removal, ours, tenant_named};

pub mod deployment;
mod reasons;
pub mod update;

/// Messages of CreateService when a service of that name exists: another owner's, an earlier run's, or one that is
/// draining.
const EXISTS: [&str; 2] = ["not idempotent", "still Draining"];
/// Messages of CreateService when a listener rule, or ECS's service-linked role, is too new to be visible to ECS.
const NOT_YET: [&str; 2] = [UNREACHED, "assume the service linked role"];
/// ECS's message for a service whose target group has no rule that forwards to it.
const UNREACHED: &str = "does not have an associated load balancer";
/// ListServices returns at most 100. Source: its API reference.
const LISTED_PER_CALL: i32 = 100;
/// DescribeServices takes at most ten. Source: its API reference.
pub(crate) const DESCRIBED_PER_CALL: usize = 10;

/// Input of create-service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The tenant's task definition.
    pub task_definition_arn: String,
    /// The tenant's target group.
    pub target_group_arn: String,
    /// Number of tasks.
    pub desired_count: DesiredCount,
    /// The private subnets that the tasks run in.
    pub subnet_ids: Vec<String>,
    /// The security group of the tasks.
    pub security_group_id: String,
}

/// Output of create-service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the service.
    pub service: String,
    /// ARN of the service.
    pub service_arn: String,
}

/// The tenant's service, if there is one.
///
/// # Errors
/// When a call to ECS fails.
pub async fn find(ecs: &Client, names: &Names) -> Result<Vec<Found>> {
    Ok(describe(ecs, names).await?.as_ref().and_then(described).into_iter().collect())
}

fn described(service: &Service) -> Option<Found> {
    let owner = owner_in(service.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
    let arn = service.service_arn().unwrap_or_default();
    match service.status() {
        Some("INACTIVE") if service.running_count() == 0 => None,
        Some("ACTIVE") => Some(Found::present(arn, owner)),
        _ => Some(Found::going(arn, owner, format!("draining, {} tasks running", service.running_count()))),
    }
}

pub(crate) async fn describe(ecs: &Client, names: &Names) -> Result<Option<Service>> {
    let described = ecs
        .describe_services()
        .cluster(names.cluster())
        .services(names.service())
        .include(ServiceField::Tags)
        .send()
        .await;
    match described {
        // ECS reports a missing service as a `failure` with reason MISSING, not in the list of services.
        Ok(described) => Ok(described.services.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some("ClusterNotFoundException") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading service ({})", names.service()), error)),
    }
}

/// The tenant's service.
///
/// # Errors
/// `TenantNotFound` when there is none, or one that is being deleted.
pub(crate) async fn active(ecs: &Client, names: &Names) -> Result<Service> {
    let service = describe(ecs, names).await?.filter(|service| service.status() == Some("ACTIVE"));
    service.ok_or_else(|| {
        let (tenant, environment) = (names.tenant(), names.environment());
        Error::new(
            ErrorKind::TenantNotFound,
            format!(
                "tenant {tenant} has no service in {environment}: check the id ({environment}-list-tenants gives every \
                 one, and what a partial one lacks)"
            ),
        )
    })
}

/// The current deployment of the service.
pub(crate) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// The tenants that have a service. ECS does not list services that are draining.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn list(ecs: &Client, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let cluster = shared::names::cluster(settings.environment());
    let listing = ecs.list_services().cluster(&cluster).into_paginator().page_size(LISTED_PER_CALL).items().send();
    match listing.collect::<Result<Vec<_>, _>>().await {
        Ok(arns) => {
            let names = arns.iter().filter_map(|arn| arn.rsplit('/').next());
            Ok(names.filter_map(|name| tenant_named(settings, name, Names::service)).collect())
        }
        Err(error) if error.code() == Some("ClusterNotFoundException") => Ok(BTreeSet::new()),
        Err(error) => Err(Error::aws(format!("listing services of cluster ({cluster})"), error)),
    }
}

/// The services of these tenants, [`DESCRIBED_PER_CALL`] at most. One that is missing or INACTIVE is left out.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn describe_several(
    ecs: &Client,
    settings: &Settings,
    tenants: &[TenantId],
) -> Result<Vec<(TenantId, Service)>> {
    let cluster = shared::names::cluster(settings.environment());
    let names = tenants.iter().map(|tenant| settings.names(tenant).service()).collect();
    match ecs.describe_services().cluster(&cluster).set_services(Some(names)).send().await {
        Ok(described) => Ok(described
            .services
            .unwrap_or_default()
            .into_iter()
            .filter(|service| service.status() != Some("INACTIVE"))
            .filter_map(|service| Some((tenant_named(settings, service.service_name()?, Names::service)?, service)))
            .collect()),
        Err(error) if error.code() == Some("ClusterNotFoundException") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("reading services of cluster ({cluster})"), error)),
    }
}

/// Creates the tenant's service in private subnets. Its deployment fails when its tasks keep failing.
///
/// # Errors
/// `ResourceConflict` when it exists and another owner made it, or while a deleted service of that name drains.
pub async fn create(ecs: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let doing = || format!("creating service ({})", names.service());
    let created = |arn: &str| Created { service: names.service(), service_arn: arn.to_owned() };
    let incomplete = |error| Error::internal(doing()).with_source(error);
    let network = AwsVpcConfiguration::builder()
        .set_subnets(Some(request.subnet_ids.clone()))
        .security_groups(&request.security_group_id)
        .assign_public_ip(AssignPublicIp::Disabled)
        .build()
        .map_err(incomplete)?;
    let deployment = DeploymentConfiguration::builder()
        .deployment_circuit_breaker(DeploymentCircuitBreaker::builder().enable(true).rollback(true).build())
        .minimum_healthy_percent(100)
        .maximum_percent(200)
        .build();
    let load_balancer = LoadBalancer::builder()
        .target_group_arn(&request.target_group_arn)
        .container_name(CONTAINER)
        .container_port(PORT)
        .build();
    let tags = tags(names.environment(), names.tenant(), &request.owner);
    let outcome = ecs
        .create_service()
        .cluster(names.cluster())
        .service_name(names.service())
        .client_token(request.owner.idempotency_token("service"))
        .task_definition(&request.task_definition_arn)
        .desired_count(i32::try_from(request.desired_count.get()).unwrap_or(i32::MAX))
        .launch_type(LaunchType::Fargate)
        .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build())
        .load_balancers(load_balancer)
        .deployment_configuration(deployment)
        .health_check_grace_period_seconds(GRACE_SECONDS)
        .propagate_tags(PropagateTags::Service)
        .enable_ecs_managed_tags(true)
        .set_tags(Some(tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()))
        .send()
        .await;
    match outcome {
        Ok(outcome) => Ok(created(outcome.service().and_then(Service::service_arn).unwrap_or_default())),
        Err(error) if EXISTS.iter().any(|text| error.message().is_some_and(|message| message.contains(text))) => {
            match ours("service", find(ecs, &names).await?, &request.owner)? {
                Some(found) => Ok(created(&found.identifier)),
                None => Err(Error::aws(doing(), error)),
            }
        }
        Err(error) if NOT_YET.iter().any(|text| error.message().is_some_and(|message| message.contains(text))) => {
            Err(Error::new(ErrorKind::Transient, Error::aws(doing(), error).chain()))
        }
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

/// Scales the tenant's service to 0 and deletes it. While it drains, it is reported as going; the caller has to call
/// again. A teardown of the whole tenant also stops its jobs.
///
/// # Errors
/// When ECS refuses a call.
pub async fn delete(ecs: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::Service);
    if request.owner.is_none() {
        let stopping = job::stop(ecs, &names).await?.into_iter();
        removal.going.extend(stopping.map(|identifier| Left { identifier, reason: "a job that stops".to_owned() }));
    }
    let found = find(ecs, &names).await?;
    for service in removal.keep_foreign(found, request.owner.as_ref()) {
        if service.going {
            removal.going.push(Left { identifier: service.identifier, reason: service.detail.unwrap_or_default() });
            continue;
        }
        let doing = || format!("deleting service ({})", names.service());
        let gone = |code: Option<&str>| {
            matches!(code, Some("ServiceNotFoundException" | "ServiceNotActiveException" | "ClusterNotFoundException"))
        };
        match ecs.update_service().cluster(names.cluster()).service(names.service()).desired_count(0).send().await {
            Ok(_) => {}
            Err(error) if gone(error.code()) => {}
            // A suspended tenant's service has no task to stop.
            Err(error) if error.message().is_some_and(|text| text.contains(UNREACHED)) => {}
            Err(error) => return Err(Error::aws(doing(), error)),
        }
        match ecs.delete_service().cluster(names.cluster()).service(names.service()).force(true).send().await {
            Ok(deleted) => match deleted.service().and_then(described) {
                Some(left) => removal.going.push(Left {
                    identifier: left.identifier,
                    reason: left.detail.unwrap_or_else(|| "draining".to_owned()),
                }),
                None => removal.removed.push(service.identifier),
            },
            Err(error) if gone(error.code()) => {}
            Err(error) => return Err(Error::aws(doing(), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::create_service::{CreateServiceError, CreateServiceOutput};
    use aws_sdk_ecs::operation::delete_service::DeleteServiceOutput;
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
    use aws_sdk_ecs::operation::update_service::{UpdateServiceError, UpdateServiceOutput};
    use aws_sdk_ecs::types::Failure;
    use aws_sdk_ecs::types::builders::ServiceBuilder;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    const ARN: &str = "arn:aws:ecs:eu-west-1:536580886816:service/dev-cluster/dev-123456789012-service";
    const DEFINITION: &str = "arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:1";

    fn service(status: &str, owner: Option<Owner>) -> ServiceBuilder {
        let tag = owner.map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
        Service::builder().service_arn(ARN).status(status).set_tags(Some(tag.into_iter().collect()))
    }

    fn found(service: ServiceBuilder) -> Rule {
        mock!(Client::describe_services)
            .match_requests(|request| {
                request.cluster() == Some("dev-cluster") && request.services() == ["dev-123456789012-service"]
            })
            .then_output(move || DescribeServicesOutput::builder().services(service.clone().build()).build())
    }

    fn missing() -> Rule {
        mock!(Client::describe_services).then_output(|| {
            DescribeServicesOutput::builder().failures(Failure::builder().reason("MISSING").build()).build()
        })
    }

    async fn run_create(rules: &[&Rule]) -> Result<Created> {
        let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        let request = Create {
            tenant_id: tenant(),
            owner: owner(),
            task_definition_arn: DEFINITION.to_owned(),
            target_group_arn: "arn:tg".to_owned(),
            desired_count: DesiredCount::ONE,
            subnet_ids: vec!["subnet-1".to_owned(), "subnet-2".to_owned()],
            security_group_id: "sg-1".to_owned(),
        };
        create(&client, &settings(&[]), request).await
    }

    #[tokio::test]
    async fn it_runs_in_private_subnets_and_gives_up_when_tasks_keep_failing() {
        let creation = mock!(Client::create_service)
            .match_requests(|request| {
                let network = request.network_configuration().unwrap().awsvpc_configuration().unwrap();
                assert_eq!(network.assign_public_ip(), Some(&AssignPublicIp::Disabled));
                assert_eq!((network.subnets().len(), network.security_groups()), (2, ["sg-1".to_owned()].as_slice()));
                let breaker = request.deployment_configuration().unwrap().deployment_circuit_breaker().unwrap();
                assert!(breaker.enable() && breaker.rollback());
                assert_eq!(request.health_check_grace_period_seconds(), Some(GRACE_SECONDS));
                request.propagate_tags() == Some(&PropagateTags::Service) && request.tags().len() == 4
            })
            .then_output(|| CreateServiceOutput::builder().service(service("ACTIVE", None).build()).build());
        assert_eq!(run_create(&[&creation]).await.unwrap().service_arn, ARN);
    }

    fn exists(message: &'static str) -> Rule {
        mock!(Client::create_service).then_error(move || {
            let metadata = ErrorMetadata::builder().code("InvalidParameterException").message(message);
            CreateServiceError::generic(metadata.build())
        })
    }

    #[tokio::test]
    async fn a_draining_or_foreign_service_is_a_conflict() {
        for (message, other) in [
            ("Unable to Start a service that is still Draining.", service("DRAINING", Some(owner()))),
            ("Creation of service was not idempotent.", service("ACTIVE", None)),
            ("Creation of service was not idempotent.", service("ACTIVE", Some(other_owner()))),
        ] {
            let error = run_create(&[&exists(message), &found(other)]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn a_second_run_returns_the_first_runs_service() {
        let exists = exists("Creation of service was not idempotent.");
        let rules = [&exists, &found(service("ACTIVE", Some(owner())))];
        assert_eq!(run_create(&rules).await.unwrap().service_arn, ARN);
    }

    #[tokio::test]
    async fn a_load_balancer_or_role_that_ecs_does_not_see_yet_is_worth_a_retry() {
        let early = mock!(Client::create_service).then_error(|| {
            let message = "The target group does not have an associated load balancer.";
            let metadata = ErrorMetadata::builder().code("InvalidParameterException").message(message);
            CreateServiceError::generic(metadata.build())
        });
        assert_eq!(run_create(&[&early]).await.unwrap_err().kind(), ErrorKind::Transient);
    }

    async fn run_delete(rules: &[&Rule], owner: Option<Owner>) -> Removal {
        let no_job = || mock!(Client::list_tasks).then_output(|| ListTasksOutput::builder().build());
        let (running, stopping) = (no_job(), no_job());
        let jobs: &[&Rule] = if owner.is_none() { &[&running, &stopping] } else { &[] };
        let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [jobs, rules].concat());
        delete(&client, &settings(&[]), Teardown { owner, ..Teardown::of(tenant()) }).await.unwrap()
    }

    #[tokio::test]
    async fn a_service_is_scaled_down_deleted_and_reported_as_going_until_it_is_inactive() {
        let scaled = mock!(Client::update_service)
            .match_requests(|request| request.desired_count() == Some(0))
            .then_output(|| UpdateServiceOutput::builder().build());
        let deleted =
            mock!(Client::delete_service).match_requests(|request| request.force() == Some(true)).then_output(|| {
                DeleteServiceOutput::builder().service(service("DRAINING", None).running_count(1).build()).build()
            });
        let removal = run_delete(&[&found(service("ACTIVE", None)), &scaled, &deleted], None).await;
        assert_eq!(removal.going[0].reason, "draining, 1 tasks running");

        let removal = run_delete(&[&found(service("DRAINING", None))], None).await;
        assert_eq!(removal.going.len(), 1);
        assert_eq!(run_delete(&[&found(service("INACTIVE", None))], None).await, Removal::of(Kind::Service));
        assert_eq!(run_delete(&[&missing()], None).await, Removal::of(Kind::Service));
    }

    #[tokio::test]
    async fn one_that_vanishes_meanwhile_is_no_error() {
        let gone = mock!(Client::update_service).then_error(|| {
            UpdateServiceError::generic(ErrorMetadata::builder().code("ServiceNotActiveException").build())
        });
        let deleted = mock!(Client::delete_service)
            .then_output(|| DeleteServiceOutput::builder().service(service("INACTIVE", None).build()).build());
        assert_eq!(run_delete(&[&found(service("ACTIVE", None)), &gone, &deleted], None).await.removed, [ARN]);
    }

    #[tokio::test]
    async fn a_suspended_service_that_cannot_be_scaled_is_still_deleted() {
        let refused = mock!(Client::update_service).then_error(|| {
            let metadata = ErrorMetadata::builder().code("InvalidParameterException").message(UNREACHED);
            UpdateServiceError::generic(metadata.build())
        });
        let deleted = mock!(Client::delete_service)
            .then_output(|| DeleteServiceOutput::builder().service(service("INACTIVE", None).build()).build());
        assert_eq!(run_delete(&[&found(service("ACTIVE", None)), &refused, &deleted], None).await.removed, [ARN]);
    }

    #[tokio::test]
    async fn a_rollback_leaves_a_foreign_service_alone() {
        assert_eq!(run_delete(&[&found(service("ACTIVE", Some(other_owner())))], Some(owner())).await.kept.len(), 1);
    }
}
