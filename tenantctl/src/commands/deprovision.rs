//! `deprovision`: the checklist, the question, and then deprovision-tenant.
//!
//! The state machine checks all of it once more. In prod, the tenant's id is typed by a person at a terminal, and nothing
//! replaces that.

use std::io::{BufRead, Write};

use serde_json::{Map, Value, json};
use shared::EnvironmentName;

use super::{Operator, flag, object, text};
use crate::arguments::Deprovision;
use crate::ask::Person;
use crate::failure::{Failure, Result};

impl Operator<'_> {
    pub(super) async fn deprovision(&mut self, options: &Deprovision) -> Result<()> {
        let environment = self.environment.name;
        let tenant = &options.tenant.tenant_id;
        if options.yes && environment == EnvironmentName::Prod {
            return Err(confirmation_needed(tenant));
        }
        let mut input = object([
            ("tenant_id", json!(tenant)),
            ("environment", json!(environment)),
            ("approved_by", json!(options.approved_by)),
            ("force_delete_secret", flag(options.force_delete_secret)),
            ("secret_recovery_days", json!(options.secret_recovery_days)),
            ("keep_log_group", flag(options.keep_log_group)),
            ("purge_files", flag(options.purge_files)),
        ]);
        input["checklist"] = object([
            ("owner_notified", flag(options.owner_notified)),
            ("data_backup", json!(options.data_backup)),
            ("billing_finalized", flag(options.billing_finalized)),
        ]);
        if Person::is_there() && !options.yes {
            self.show_what_goes(tenant).await?;
            ask(&mut Person::at_the_terminal(), environment, tenant, &mut input)?;
        } else if environment == EnvironmentName::Prod {
            return Err(confirmation_needed(tenant));
        } else if !options.yes {
            return Err(Failure::new(
                "NotConfirmed",
                format!("nobody is at a terminal to be asked whether tenant {tenant} goes: give --yes"),
            ));
        }
        self.execute("deprovision-tenant", tenant, &input, &options.waiting, |outcome| {
            format!(
                "Tenant {} is deprovisioned, in {:.0} s",
                text(&outcome.output, "tenant_id"),
                outcome.took.as_secs_f64()
            )
        })
        .await
    }

    async fn show_what_goes(&mut self, tenant: &str) -> Result<()> {
        self.screen.remark(&self.environment.place());
        let remark = match self.environment.call("describe-tenant", &json!({"tenant_id": tenant})).await {
            Ok(described) => format!("Tenant {tenant}: {} {}", text(&described, "status"), text(&described, "url")),
            // What is left of a tenant can be deprovisioned, too.
            Err(failure) if failure.error == "TenantNotFound" => failure.message,
            Err(failure) => return Err(failure),
        };
        self.screen.remark(&remark);
        Ok(())
    }
}

fn confirmation_needed(tenant: &str) -> Failure {
    Failure::new(
        "ConfirmationMismatch",
        format!(
            "in prod, a person confirms a deletion by typing the tenant's id: run this at a terminal and without --yes, \
             and type {tenant} when you are asked"
        ),
    )
}

/// Asks for the items of the checklist that no option has named, and for the confirmation.
fn ask<R: BufRead, W: Write>(
    person: &mut Person<R, W>,
    environment: EnvironmentName,
    tenant: &str,
    input: &mut Value,
) -> Result<()> {
    let mut checklist = input["checklist"].as_object().cloned().unwrap_or_default();
    let open = |checklist: &Map<String, Value>, item: &str| !checklist.contains_key(item);
    if open(&checklist, "owner_notified") {
        let answer = person.agrees("Has the tenant's owner been notified?")?;
        checklist.insert("owner_notified".to_owned(), json!(answer));
    }
    if open(&checklist, "data_backup") {
        let answer = person.ask("Is there a backup of the data (completed or not-required)?")?;
        checklist.insert("data_backup".to_owned(), json!(answer));
    }
    if open(&checklist, "billing_finalized") {
        let answer = person.agrees("Has the last bill been written?")?;
        checklist.insert("billing_finalized".to_owned(), json!(answer));
    }
    input["checklist"] = checklist.into();
    if input.get("approved_by").is_none() {
        input["approved_by"] = json!(person.ask("Who has approved the deletion?")?);
    }
    if environment == EnvironmentName::Prod {
        // The state machine compares it: one place decides.
        input["confirmation"] = json!(person.ask("This is prod. To remove the tenant, type its id:")?);
    } else if !person.agrees(&format!("Remove tenant {tenant} from {environment}?"))? {
        return Err(Failure::new("NotConfirmed", format!("tenant {tenant} stays as it is: nothing was started")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "100000000001";

    fn asked(environment: EnvironmentName, answers: &str, mut input: Value) -> Result<Value> {
        ask(&mut Person::who_answers(answers), environment, TENANT, &mut input)?;
        Ok(input)
    }

    #[test]
    fn what_no_option_names_is_asked_for() {
        let input = asked(EnvironmentName::Dev, "y\ncompleted\nn\nAda\ny\n", json!({"checklist": {}}));
        assert_eq!(
            input.unwrap(),
            json!({"checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": false},
                   "approved_by": "Ada"})
        );
    }

    #[test]
    fn what_an_option_names_is_not_asked_for() {
        let checklist = json!({"owner_notified": true, "data_backup": "not-required", "billing_finalized": true});
        let given = json!({"checklist": checklist, "approved_by": "Ada"});
        assert_eq!(asked(EnvironmentName::Sit, "yes\n", given.clone()).unwrap(), given);
        let failure = asked(EnvironmentName::Sit, "no\n", given).unwrap_err();
        assert_eq!((failure.error.as_str(), failure.exit_status()), ("NotConfirmed", 5));
    }

    #[test]
    fn in_prod_the_id_is_typed_and_yes_is_no_id() {
        let checklist = json!({"owner_notified": true, "data_backup": "not-required", "billing_finalized": true});
        let given = json!({"checklist": checklist, "approved_by": "Ada"});
        let input = asked(EnvironmentName::Prod, "100000000001\n", given.clone()).unwrap();
        assert_eq!(input["confirmation"], TENANT);
        // It is passed on, and the state machine refuses it.
        assert_eq!(asked(EnvironmentName::Prod, "yes\n", given).unwrap()["confirmation"], "yes");
    }
}
