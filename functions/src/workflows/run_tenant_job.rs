//! Runs one named job in a container like the one that serves the tenant's site.
//!
//! A job runs the tenant's code, so it has the tenant's role and database user, and nothing more. Whoever changes a
//! tenant has its lock, and a job is part of that: it runs under the lock of the execution that started it, or takes the
//! lock itself. A job may run again after it was cut off.

use serde::Deserialize;
use shared::{EnvironmentName, Names, Owner, Result, Settings, TenantId};

pub mod outcome;
pub mod prepare;

/// Input of run-tenant-job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// What to do.
    pub job: Job,
    /// The execution that has the tenant's lock, and in whose name the job runs. If absent, this execution takes it.
    pub lock_owner: Option<Owner>,
    /// Step Functions uses this field to link a nested execution with its parent.
    #[serde(default, rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

/// The script that runs a program of PHP with the tenant's WordPress.
macro_rules! script {
    ($php:literal) => {
        concat!(
            "cat >/tmp/job.php <<'END OF FILE'\n",
            include_str!($php),
            "END OF FILE\n",
            include_str!("../resources/task_definition/container/prepare.sh"),
            include_str!("run_tenant_job/run.sh")
        )
    };
}

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Brings the tables of WordPress to the version that the image has.
    UpgradeDatabase,
}

impl Job {
    /// Its name in inputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::UpgradeDatabase => "upgrade-database",
        }
    }

    /// What the container's shell runs.
    fn script(self) -> &'static str {
        match self {
            Self::UpgradeDatabase => script!("run_tenant_job/upgrade-database.php"),
        }
    }
}

impl Request {
    fn names(&self, settings: &Settings) -> Result<Names> {
        settings.guard(self.environment)?;
        Ok(settings.names(&self.tenant_id))
    }
}
