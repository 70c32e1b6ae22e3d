//! The input of a teardown and of each of its delete steps, and what a teardown has to be confirmed for.

use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Error, ErrorKind, Names, Owner, Result, Settings, TenantId};

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
    /// The tenant's id once more. Without an owner, a tenant of which something is at stake is not removed without it.
    pub confirmation: Option<String>,
    /// Set by the first step of teardown-tenant: refuse what has to be confirmed and is not.
    #[serde(default)]
    pub before_deletions: bool,
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

    /// Checks the confirmation. `at_stake` is what the tenant's customer would lose. What one execution made goes without
    /// a confirmation, because it is a rollback; in prod, everything else needs one.
    ///
    /// # Errors
    /// `ConfirmationMismatch` when it is missing or not the tenant's id.
    pub(crate) fn confirmed(&self, environment: EnvironmentName, at_stake: &[String]) -> Result<()> {
        let tenant = &self.tenant_id;
        let refused =
            |why: String| Err(Error::new(ErrorKind::ConfirmationMismatch, format!("nothing was deleted; {why}")));
        match (self.confirmation.as_deref(), &self.owner) {
            (Some(typed), _) if typed == tenant.as_str() => Ok(()),
            (Some(typed), _) => refused(format!("confirmation: {typed:?} was typed, and the tenant is \"{tenant}\"")),
            (None, Some(_)) => Ok(()),
            (None, None) if at_stake.is_empty() && environment != EnvironmentName::Prod => Ok(()),
            (None, None) => {
                let has = if at_stake.is_empty() { "nothing at stake".to_owned() } else { at_stake.join(", ") };
                refused(format!(
                    "tenant {tenant} has {has}: a teardown removes it for good. To repair the tenant, ask \
                     {environment}-describe-tenant what is missing. To remove the customer, start \
                     {environment}-deprovision-tenant, which has a checklist. If you are sure, give this teardown \
                     the tenant's id once more: \"confirmation\": \"{tenant}\""
                ))
            }
        }
    }

    /// A teardown of everything of a tenant. The secret can be recovered for as long as AWS allows.
    pub fn of(tenant_id: TenantId) -> Self {
        Self {
            tenant_id,
            environment: None,
            owner: None,
            confirmation: None,
            before_deletions: false,
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

    fn confirmed(environment: EnvironmentName, request: Value, at_stake: &[&str]) -> Result<()> {
        let at_stake: Vec<_> = at_stake.iter().map(|what| (*what).to_owned()).collect();
        input::parse::<Teardown>(request).unwrap().confirmed(environment, &at_stake)
    }

    #[test]
    fn what_a_customer_would_lose_goes_only_with_the_tenants_id_typed_once_more() {
        let request = |confirmation: Value| json!({"tenant_id": "123456789012", "confirmation": confirmation});
        let has = ["database 123456789012_db"];
        assert!(confirmed(EnvironmentName::Dev, request(json!("123456789012")), &has).is_ok());
        for wrong in [json!(null), json!("yes"), json!("123456789013")] {
            let error = confirmed(EnvironmentName::Dev, request(wrong.clone()), &has).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfirmationMismatch, "{wrong}");
            assert!(error.chain().contains("nothing was deleted") && error.chain().contains("123456789012"));
        }
        let error = confirmed(EnvironmentName::Dev, request(json!(null)), &has).unwrap_err().chain();
        assert!(error.contains("123456789012_db") && error.contains("dev-describe-tenant"), "{error}");
    }

    #[test]
    fn a_rollback_and_what_nobody_would_miss_need_no_confirmation_except_in_prod() {
        let rollback = json!({"tenant_id": "123456789012", "owner": crate::testing::owner()});
        assert!(confirmed(EnvironmentName::Prod, rollback.clone(), &["database"]).is_ok());
        let mut wrong = rollback;
        wrong["confirmation"] = json!("123456789013");
        assert!(confirmed(EnvironmentName::Dev, wrong, &[]).is_err(), "a wrong one is refused in any case");
        let request = json!({"tenant_id": "123456789012"});
        assert!(confirmed(EnvironmentName::Dev, request.clone(), &[]).is_ok());
        assert!(confirmed(EnvironmentName::Prod, request, &[]).is_err());
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
