//! The tenant's database by an ECS task, for an environment whose database no Lambda function can reach (runbook 4.8).
//!
//! The task runs `<env>-generic-db-init`, with the statements that [`crate::resources::database`] would run itself. It gets
//! the administrator's credentials as ECS secrets, and reads the tenant's password from Secrets Manager: neither is in
//! the task's overrides. Its exit status says what happened; the end of its log says why.

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
    /// To create: the execution that creates it. To drop: drop only what this execution made.
    pub owner: Option<Owner>,
    /// Step Functions links a nested execution with its parent by this field.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Creates the tenant's database and user.
    Create,
    /// Drops them.
    Drop,
}

impl Request {
    fn names(&self, settings: &Settings) -> Result<Names> {
        settings.guard(self.environment)?;
        Ok(settings.names(&self.tenant_id))
    }
}
