//! What the lists do not contain: the tenants' services and task definitions, read with a few calls at a time.

use std::collections::HashMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Service, TaskDefinition};
use shared::{Result, Settings, TenantId};

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
