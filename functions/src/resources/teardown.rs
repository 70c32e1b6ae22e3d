//! The input of a teardown and of each of its delete steps.

use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Names, Owner, Result, Settings, TenantId};

/// Input of teardown-tenant, of its first step inventory-tenant, and of every delete step. The first step reads all
/// fields, so a wrong input is found before anything is deleted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    /// The tenant to remove.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// Remove only what this execution made (rollback). If absent, remove everything of the tenant.
    pub owner: Option<Owner>,
    /// Delete the secret immediately, without a recovery window.
    #[serde(default)]
    pub force_delete_secret: bool,
    /// Length of the recovery window in days.
    #[serde(default)]
    pub secret_recovery_days: RecoveryDays,
    /// Keep the log group and its events.
    #[serde(default)]
    pub keep_log_group: bool,
    /// Step Functions uses this field to link a nested execution with its parent.
    #[serde(default, rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

impl Teardown {
    /// The names of the tenant's resources.
    ///
    /// # Errors
    /// `WrongEnvironment` when the request is meant for another stack.
    pub fn names(&self, settings: &Settings) -> Result<Names> {
        settings.guard(self.environment)?;
        Ok(settings.names(&self.tenant_id))
    }

    /// A teardown of everything of a tenant. The secret can be recovered for as long as AWS allows.
    pub fn of(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            environment: None,
            owner: None,
            force_delete_secret: false,
            secret_recovery_days: RecoveryDays::default(),
            keep_log_group: false,
            started_by: None,
        }
    }
}

/// How long a deleted secret can be recovered: 7 to 30 days, 30 by default. Source: the API reference of Secrets
/// Manager, DeleteSecret, `RecoveryWindowInDays`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct RecoveryDays(i64);

impl RecoveryDays {
    /// Days.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl Default for RecoveryDays {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<i64> for RecoveryDays {
    type Error = String;

    fn try_from(days: i64) -> Result<Self, String> {
        if (7..=30).contains(&days) {
            Ok(Self(days))
        } else {
            Err(format!("{days} is not a recovery window: allowed are 7 to 30 days"))
        }
    }
}

impl From<RecoveryDays> for i64 {
    fn from(days: RecoveryDays) -> Self {
        days.0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::{ErrorKind, input};

    use super::*;
    use crate::testing::settings;

    #[test]
    fn a_teardown_for_another_environment_is_refused() {
        let names = |environment: &str| {
            let request = json!({"tenant_id": "123456789012", "environment": environment});
            input::parse::<Teardown>(request).unwrap().names(&settings(&[]))
        };
        assert_eq!(names("dev").unwrap().service(), "dev-123456789012-service");
        assert_eq!(names("prod").unwrap_err().kind(), ErrorKind::WrongEnvironment);
    }

    #[test]
    fn a_teardown_is_bounded() {
        let parse = |request: Value| input::parse::<Teardown>(request);
        assert_eq!(parse(json!({"tenant_id": "123456789012"})).unwrap().secret_recovery_days.get(), 30);
        for wrong in [
            json!({}),
            json!({"tenant_id": "123456789012", "secret_recovery_days": 6}),
            json!({"tenant_id": "123456789012", "force": true}),
        ] {
            assert_eq!(parse(wrong).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
    }
}
