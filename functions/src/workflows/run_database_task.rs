//! Manages the tenant's database by an ECS task, for an environment in which no Lambda function can reach the database
//! server (runbook 4.8).
//!
//! The task runs `<env>-generic-db-init`, with the statements that [`crate::resources::database`] would run itself. It
//! receives the administrator's credentials as ECS secrets, and reads the tenant's password from Secrets Manager, so
//! neither is in the task's overrides. The exit status says what happened, and the end of the log says why.

use serde::Deserialize;
use shared::{EnvironmentName, Names, Owner, Result, Settings, TenantId};

pub mod outcome;
pub mod prepare;
mod statements;

/// The only container of the task.
const CONTAINER: &str = "mysql-client";

/// Input of run-database-task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// For create: the execution that creates it. For drop: drop only what this execution made.
    pub owner: Option<Owner>,
    /// Step Functions uses this field to link a nested execution with its parent.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Creates the tenant's database and user.
    Create,
    /// Drops the tenant's database and user.
    Drop,
}

impl Request {
    fn names(&self, settings: &Settings) -> Result<Names> {
        settings.guard(self.environment)?;
        Ok(settings.names(&self.tenant_id))
    }
}
