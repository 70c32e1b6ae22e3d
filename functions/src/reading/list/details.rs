//! What the lists do not contain: the tenants' services and task definitions, read with a few calls at a time.

use std::collections::HashMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Service, TaskDefinition};
use aws_sdk_elasticloadbalancingv2 as elb;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::TargetHealthStateEnum;
use shared::{Error, Result, Settings, TenantId};

use crate::resources::service::{self, DESCRIBED_PER_CALL};
use crate::resources::task_definition;
use crate::stack::calls::few_at_a_time;

/// The services of these tenants. A service that is missing or INACTIVE is left out.
///
/// # Errors
/// When a call to ECS fails.
pub(super) async fn services(
    ecs: &Client,
    settings: &Settings,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, Service>> {
    let calls = tenants.chunks(DESCRIBED_PER_CALL).map(|batch| service::describe_several(ecs, settings, batch));
    Ok(few_at_a_time(calls).await?.into_iter().flatten().collect())
}

/// The task definitions of these services. One that was deleted is left out.
///
/// # Errors
/// When a call to ECS fails.
pub(super) async fn definitions<'a>(
    ecs: &Client,
    services: impl Iterator<Item = (&'a TenantId, &'a Service)>,
) -> Result<HashMap<TenantId, TaskDefinition>> {
    let calls = services.filter_map(|(tenant, service)| {
        let arn = service.task_definition()?;
        Some(async move { Ok(task_definition::read(ecs, arn).await?.map(|definition| (tenant.clone(), definition))) })
    });
    Ok(few_at_a_time(calls).await?.into_iter().flatten().collect())
}

/// The number of healthy targets of each of these services. A target group that was deleted has none; a service without
/// one is left out.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn healthy<'a>(
    elb: &elb::Client,
    services: impl Iterator<Item = (&'a TenantId, &'a Service)>,
) -> Result<HashMap<TenantId, i32>> {
    let calls = services.filter_map(|(tenant, service)| {
        let group = service.load_balancers().iter().find_map(|balancer| balancer.target_group_arn())?;
        Some(async move { Ok((tenant.clone(), healthy_targets(elb, group).await?)) })
    });
    Ok(few_at_a_time(calls).await?.into_iter().collect())
}

async fn healthy_targets(elb: &elb::Client, group: &str) -> Result<i32> {
    match elb.describe_target_health().target_group_arn(group).send().await {
        Ok(health) => {
            let states =
                health.target_health_descriptions().iter().filter_map(|target| target.target_health()?.state());
            let healthy = states.filter(|state| **state == TargetHealthStateEnum::Healthy).count();
            Ok(i32::try_from(healthy).unwrap_or(i32::MAX))
        }
        Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(0),
        Err(error) => Err(Error::aws(format!("reading the health of target group ({group})"), error)),
    }
}
