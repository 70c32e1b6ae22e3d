//! The request to deprovision a tenant, and the checks before anything is touched: the runbook's checklist (4.1), and
//! in prod the tenant's id, which a person types once more.

use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{EnvironmentName, Error, ErrorKind, Result, Settings, TenantId};

use crate::resources::teardown::RecoveryDays;

pub mod cancellation;
pub mod outcome;

const LONGEST_APPROVER: usize = 256;

/// Input of deprovision-tenant, as a person writes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeletionRequest {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The checklist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
    /// Who approved the deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// The tenant's id once more. Required in prod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<String>,
    /// Delete the secret immediately, without a recovery window.
    #[serde(default)]
    pub force_delete_secret: bool,
    /// Length of the recovery window in days.
    #[serde(default)]
    pub secret_recovery_days: RecoveryDays,
    /// Keep the log group and its events.
    #[serde(default)]
    pub keep_log_group: bool,
    /// Also delete the tenant's files.
    #[serde(default)]
    pub purge_files: bool,
    /// Step Functions uses this field to link a nested execution with its parent.
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID", skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
}

/// The runbook's checklist.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// The tenant's owner has been informed.
    #[serde(default)]
    pub owner_notified: bool,
    /// `completed` or `not-required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_backup: Option<String>,
    /// The last bill has been written.
    #[serde(default)]
    pub billing_finalized: bool,
}

impl Checklist {
    /// The open items, each with the value that closes it.
    fn open_items(&self) -> Vec<String> {
        let mut open = Vec::new();
        if !self.owner_notified {
            open.push("checklist.owner_notified: tell the tenant's owner, and say true".to_owned());
        }
        match self.data_backup.as_deref() {
            Some("completed" | "not-required") => {}
            Some(other) => open.push(format!(
                "checklist.data_backup: {other:?} is not enough: allowed are \"completed\" and \"not-required\""
            )),
            None => open.push("checklist.data_backup: say \"completed\" or \"not-required\"".to_owned()),
        }
        if !self.billing_finalized {
            open.push("checklist.billing_finalized: finish the billing, and say true".to_owned());
        }
        open
    }
}

/// Output of check-deletion-request.
#[derive(Debug, Serialize)]
pub struct Approved {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment.
    pub environment: EnvironmentName,
    /// Who approved the deletion.
    pub approved_by: String,
    /// Also delete the tenant's files.
    pub purge_files: bool,
    /// Input for teardown-tenant.
    pub teardown: TeardownInput,
}

/// Input of a teardown-tenant that removes everything of a tenant.
#[derive(Debug, Serialize)]
pub struct TeardownInput {
    tenant_id: TenantId,
    environment: EnvironmentName,
    /// The tenant's id: the checklist has confirmed the teardown.
    confirmation: TenantId,
    force_delete_secret: bool,
    secret_recovery_days: RecoveryDays,
    keep_log_group: bool,
}

/// Checks the request to deprovision one tenant. Changes nothing.
///
/// # Errors
/// `InvalidRequest`, `WrongEnvironment`, `ChecklistIncomplete` with every open item, `ConfirmationMismatch`,
/// `EnvironmentNotReady` when files are to be deleted and the stack has no access to them.
pub fn check(settings: &Settings, request: DeletionRequest) -> Result<Approved> {
    settings.guard(request.environment)?;
    let environment = settings.environment();
    let approved_by = request.approve(environment)?;
    request.check_files(settings)?;
    Ok(Approved {
        approved_by,
        purge_files: request.purge_files,
        teardown: TeardownInput {
            tenant_id: request.tenant_id.clone(),
            environment,
            confirmation: request.tenant_id.clone(),
            force_delete_secret: request.force_delete_secret,
            secret_recovery_days: request.secret_recovery_days,
            keep_log_group: request.keep_log_group,
        },
        tenant_id: request.tenant_id,
        environment,
    })
}

impl DeletionRequest {
    /// Returns who approved the request, when no item is open.
    ///
    /// # Errors
    /// `ChecklistIncomplete` with every open item; `ConfirmationMismatch` when only the confirmation is wrong.
    pub(super) fn approve(&self, environment: EnvironmentName) -> Result<String> {
        let approver = self.approved_by.as_deref().unwrap_or_default().trim();
        if approver.chars().count() > LONGEST_APPROVER || approver.chars().any(char::is_control) {
            return Err(invalid(format!(
                "approved_by: allowed are at most {LONGEST_APPROVER} characters on one line, and here are {}",
                approver.chars().count()
            )));
        }
        let mut open = self.checklist.clone().unwrap_or_default().open_items();
        if approver.is_empty() {
            open.push("approved_by: name who approved the deletion".to_owned());
        }
        let unconfirmed = self.unconfirmed(environment == EnvironmentName::Prod);
        let kind = match (open.is_empty(), &unconfirmed) {
            (true, None) => return Ok(approver.to_owned()),
            (true, Some(_)) => ErrorKind::ConfirmationMismatch,
            (false, _) => ErrorKind::ChecklistIncomplete,
        };
        open.extend(unconfirmed);
        Err(Error::new(kind, format!("nothing was deleted; open are: {}", open.join("; "))))
    }

    /// The error message about the confirmation, if it is missing or wrong.
    pub(super) fn unconfirmed(&self, needed: bool) -> Option<String> {
        let tenant_id = &self.tenant_id;
        match self.confirmation.as_deref() {
            Some(typed) if typed == tenant_id.as_str() => None,
            Some(typed) => Some(format!("confirmation: {typed:?} was typed, and the tenant is \"{tenant_id}\"")),
            None if needed => Some(format!("confirmation: type the tenant's id, \"{tenant_id}\", as prod wants it")),
            None => None,
        }
    }

    /// Checks that the stack can delete files, if the request asks for it.
    ///
    /// # Errors
    /// `EnvironmentNotReady` when it cannot.
    pub(super) fn check_files(&self, settings: &Settings) -> Result<()> {
        if self.purge_files && settings.optional("FILES_DIRECTORY").is_none() {
            return Err(Error::new(
                ErrorKind::EnvironmentNotReady,
                "purge_files: this stack has no access to the tenants' files: set its parameters \
                 FilesAccessPointArn and LambdaSubnetIds, or leave purge_files out",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::input;

    use super::*;
    use crate::testing::settings;

    fn with(changes: &Value) -> Value {
        let mut request = json!({
            "tenant_id": "123456789012",
            "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
            "approved_by": "Ada",
        });
        for (field, value) in changes.as_object().unwrap() {
            request[field] = value.clone();
        }
        request
    }

    fn run(environment: &str, changes: Value) -> Result<Approved> {
        let request = input::parse(with(&changes))?;
        check(&settings(&[("ENVIRONMENT", environment)]), request)
    }

    #[test]
    fn a_complete_request_says_what_the_teardown_is_to_do() {
        let approved = run("dev", json!({"secret_recovery_days": 7, "keep_log_group": true})).unwrap();
        assert_eq!(
            serde_json::to_value(approved).unwrap(),
            json!({
                "tenant_id": "123456789012", "environment": "dev", "approved_by": "Ada", "purge_files": false,
                "teardown": {
                    "tenant_id": "123456789012", "environment": "dev", "confirmation": "123456789012",
                    "force_delete_secret": false, "secret_recovery_days": 7, "keep_log_group": true
                }
            })
        );
    }

    #[test]
    fn every_open_item_is_named_at_once() {
        let error = run("prod", json!({"checklist": {}, "approved_by": " "})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ChecklistIncomplete);
        for item in ["owner_notified", "data_backup", "billing_finalized", "approved_by", "confirmation"] {
            assert!(error.chain().contains(item), "{item}: {}", error.chain());
        }
        let error = run("dev", json!({"checklist": null})).unwrap_err();
        assert!(!error.chain().contains("approved_by"), "{}", error.chain());
    }

    #[test]
    fn a_backup_that_is_neither_completed_nor_unnecessary_is_open() {
        let checklist = json!({"owner_notified": true, "data_backup": "running", "billing_finalized": true});
        let error = run("dev", json!({"checklist": checklist})).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ChecklistIncomplete);
        assert!(error.chain().contains("\"running\"") && error.chain().contains("not-required"), "{}", error.chain());
    }

    #[test]
    fn prod_requires_a_confirmation_and_a_wrong_one_is_refused_everywhere() {
        for (environment, confirmation, confirmed) in [
            ("prod", json!("123456789012"), true),
            ("prod", json!(null), false),
            ("prod", json!("yes"), false),
            ("prod", json!("123456789013"), false),
            ("dev", json!(null), true),
            ("dev", json!("123456789013"), false),
        ] {
            let outcome = run(environment, json!({"confirmation": confirmation}));
            assert_eq!(outcome.is_ok(), confirmed, "{environment} with {confirmation}");
            if let Err(error) = outcome {
                assert_eq!(error.kind(), ErrorKind::ConfirmationMismatch);
            }
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (changes, field) in [
            (json!({"tenant_id": "1"}), "tenant_id"),
            (json!({"checklist": {"owner_notified": "yes"}}), "checklist.owner_notified"),
            (json!({"checklist": {"backup": true}}), "backup"),
            (json!({"secret_recovery_days": 3}), "secret_recovery_days"),
            (json!({"approved_by": "x".repeat(257)}), "approved_by"),
            (json!({"approved_by": "a\nb"}), "approved_by"),
            (json!({"tenant_ids": ["123456789012"]}), "tenant_ids"),
            (json!({"tenant_id": null}), "tenant_id"),
        ] {
            let error = run("dev", changes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.chain().contains(field), "{field}: {}", error.chain());
        }
        assert_eq!(run("dev", json!({"environment": "prod"})).unwrap_err().kind(), ErrorKind::WrongEnvironment);
    }

    #[test]
    fn deleting_files_is_accepted_only_where_the_stack_can_reach_them() {
        let request: DeletionRequest = input::parse(with(&json!({"purge_files": true}))).unwrap();
        assert_eq!(check(&settings(&[]), request.clone()).unwrap_err().kind(), ErrorKind::EnvironmentNotReady);
        assert!(check(&settings(&[("FILES_DIRECTORY", "/mnt/wordpress")]), request).unwrap().purge_files);
    }
}
