//! Starts the deprovisioning of a tenant that cancelled, once for each event.
//!
//! The execution's name is made from the tenant's id and the event's id. When EventBridge delivers an event again, the
//! execution of the first delivery is found. An event that the signup system sends again has a new id and starts a new
//! execution, which fails with `TenantNotFound` when nothing is left to remove.

use aws_sdk_sfn::Client;
use serde::Serialize;
use shared::{EnvironmentName, Result, Settings, TenantId};

use crate::workflows::deprovision_tenant::{self, DeletionRequest};
use crate::workflows::events::{self, Event, Status};

/// Output of start-deprovisioning.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was done with the event.
    pub status: Status,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The stack's environment.
    pub environment: EnvironmentName,
    /// The execution that deprovisions the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_arn: Option<String>,
    /// Why nothing was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Starts the deprovisioning of a tenant, unless this event has already started it. The detail of the event
/// `TenantCancelled` is the input of deprovision-tenant.
///
/// # Errors
/// Those of [`deprovision_tenant::check`].
pub async fn start(machines: &Client, settings: &Settings, event: Event<DeletionRequest>) -> Result<Answer> {
    let Event { id, detail } = event;
    let (tenant_id, environment) = (detail.tenant_id.clone(), settings.environment());
    if let Some(reason) = events::foreign(detail.environment, settings) {
        let status = Status::Ignored;
        return Ok(Answer { status, tenant_id, environment, execution_arn: None, reason: Some(reason) });
    }
    deprovision_tenant::check(settings, detail.clone())?;
    let machine = settings.required("DEPROVISION_TENANT_ARN")?;
    // At most 12 + 1 + 64 characters. Step Functions allows 80, and may write no log if there is a dot among them.
    let name = format!("{tenant_id}-{id}").replace('.', "-");
    let execution = events::start(machines, machine, &name, &detail).await?;
    tracing::info!(%tenant_id, execution = execution.arn, status = ?execution.state, "cancellation");
    Ok(Answer {
        status: execution.status(Status::Deprovisioned),
        tenant_id,
        environment,
        reason: execution.reason(),
        execution_arn: Some(execution.arn),
    })
}
