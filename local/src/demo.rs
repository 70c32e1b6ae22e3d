//! The demo: tenants are provisioned, updated and deprovisioned, two provisionings fail, and nothing is left.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use tenantctl::arguments::Cli;
use tenantctl::watch::{self, Followed, Observer, Outcome, Passage};
use tenantctl::{fields, status};

use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::{aws, say, stack};

mod sites;

use sites::Sites;

const BOUND: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(150);
const REFUSED_TENANT: &str = "990000000001";
const BROKEN_TENANT: &str = "990000000002";
const DENY_CREATE_SERVICE: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "ecs:CreateService", "Resource": "*"}]}"#;
const TAKEN_AWAY: &str = "taken-away-by-the-demo";
const MISSING_IMAGE: &str = "registry.example.com/wordpress:does-not-exist";

/// The local stack's next release of WordPress, see docs/local-stack.md.
const NEW_IMAGE: &str = "public.ecr.aws/docker/library/wordpress:next-apache";

/// Starts the local stack, runs the demo on it, and stops it.
///
/// # Errors
/// When anything is not as it should be. The stack is stopped all the same.
pub fn run(settings: &Settings) -> Result<()> {
    say::chapter("Starting the local stack");
    let shown = stack::up(settings).and_then(|()| aws::block_on(show(settings)));
    say::chapter("Stopping the local stack");
    let stopped = stack::down(settings);
    shown.and(stopped)?;
    say::chapter("All as promised");
    Ok(())
}

async fn show(settings: &Settings) -> Result<()> {
    let environment = settings.environments.first().ok_or("ENVIRONMENTS names no environment")?;
    let demo = Demo {
        settings,
        environment,
        machines: aws_sdk_sfn::Client::new(&aws::config(settings, environment)),
        bus: aws_sdk_eventbridge::Client::new(&aws::config(settings, environment)),
        functions: aws_sdk_lambda::Client::new(&aws::config(settings, environment)),
        roles: aws_sdk_iam::Client::new(&aws::config(settings, environment)),
    };

    say::chapter("Two tenants sign up at once, by events on the bus. One of the events comes twice");
    let signup = event(settings, "tenant-signed-up")?;
    let detail = signup[0]["Detail"].as_str().unwrap_or_default();
    let mut first: Value = serde_json::from_str(detail).doing("reading the sample of a signup")?;
    // A known signup id starts no second provisioning, and this stack may have been up before the demo. So use new ids.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).doing("reading the clock")?.as_secs();
    first["signup_id"] = json!(format!("signup-{now}-a"));
    first["environment"] = json!(environment.name);
    let second = json!({"signup_id": format!("signup-{now}-b")});
    let provisioned = demo.sign_up(&[first.clone(), second, first]).await?;
    let mut tenants = Vec::new();
    for outcome in &provisioned {
        succeeded(outcome)?;
        let tenant = text(&outcome.output, "tenant_id").ok_or("provision-tenant gave no tenant_id")?;
        say::result(table(
            &format!("Tenant {tenant}, provisioned in {:.1} s", outcome.took.as_secs_f64()),
            &outcome.output,
        ));
        tenants.push(tenant.to_owned());
    }
    for tenant in &tenants {
        demo.expect_resources(tenant).await?;
    }

    let sites = Sites::of(settings, environment)?;
    let mut post = None;
    if let Some(sites) = &sites {
        say::chapter("Visitors reach both sites. The administrator of the first writes a post");
        for outcome in &provisioned {
            sites.see(&outcome.output).await?;
        }
        post = Some(sites.write_a_post(&provisioned[0].output).await?);
    }

    say::chapter("Both are listed, and one is described");
    demo.typed(&["list"], 0).await?;
    demo.typed(&["describe", &tenants[0]], 0).await?;

    say::chapter("One is updated: a new image, and two tasks. An update to an image that does not exist goes back");
    demo.typed(&["update", &tenants[0], "--image", NEW_IMAGE, "--desired-count", "2"], 0).await?;
    if let (Some(sites), Some(post)) = (&sites, &post) {
        let described = demo.call("describe-tenant", &json!({"tenant_id": tenants[0]})).await?;
        let version = described.pointer("/database/wordpress_version").unwrap_or(&Value::Null);
        say::result(table("WordPress is new, and the post is still there", &json!({"wordpress_version": version})));
        sites.read_the_post(&provisioned[0].output, post).await?;
        sites.say_how_to_visit();
    }
    let broken = json!({"tenant_id": tenants[0], "image": MISSING_IMAGE});
    let failed = demo.run("update-tenant", &[(tenants[0].clone(), broken)]).await?.remove(0);
    expect_failure(&failed, "DeploymentFailed")?;
    say::result(table(&format!("{} after {:.1} s", failed.error, failed.took.as_secs_f64()), &failed.cause));
    if failed.cause.get("rolled_back") != Some(&json!(true)) {
        return Err(format!("the failed update of {} does not say that it was rolled back", tenants[0]).into());
    }

    say::chapter("A third provisioning fails, because create-service lacks a permission. It is rolled back");
    let role = demo.take_away_create_service().await?;
    let outcome =
        demo.run("provision-tenant", &[(REFUSED_TENANT.to_owned(), json!({"tenant_id": REFUSED_TENANT}))]).await;
    demo.give_back_create_service(&role).await?;
    demo.expect_rollback(REFUSED_TENANT, &outcome?.remove(0), "AccessDenied", &[]).await?;

    say::chapter(
        "A fourth provisioning fails, because its image does not exist. It is rolled back, and its log is kept",
    );
    let broken = json!({"tenant_id": BROKEN_TENANT, "image": MISSING_IMAGE});
    let outcome = demo.run("provision-tenant", &[(BROKEN_TENANT.to_owned(), broken)]).await?.remove(0);
    demo.expect_rollback(BROKEN_TENANT, &outcome, "DeploymentFailed", &["log-group"]).await?;
    let teardown = json!({"tenant_id": BROKEN_TENANT});
    succeeded(&demo.run("teardown-tenant", &[(BROKEN_TENANT.to_owned(), teardown)]).await?.remove(0))?;
    demo.expect_only(BROKEN_TENANT, &[]).await?;

    say::chapter("Both tenants are deprovisioned, which is refused while the checklist has open items");
    let incomplete = status::of("ChecklistIncomplete");
    demo.typed(&["deprovision", &tenants[0], "--owner-notified", "--yes"], incomplete).await?;
    let checklist = ["--owner-notified", "--data-backup", "not-required", "--billing-finalized"];
    let forever = ["--approved-by", "Ada Lovelace", "--purge-files", "--force-delete-secret", "--yes"];
    for tenant in &tenants {
        demo.typed(&[&["deprovision", tenant], &checklist[..], &forever[..]].concat(), 0).await?;
    }
    for tenant in &tenants {
        demo.expect_only(tenant, &[]).await?;
    }
    Ok(())
}

/// Shows what executions do as progress.
struct Progress;

impl Observer for Progress {
    fn passage(&mut self, execution: &Followed, passage: &Passage) {
        say::progress(format!("{}  {passage}", execution.label));
    }
}

struct Demo<'a> {
    settings: &'a Settings,
    environment: &'a Environment,
    machines: aws_sdk_sfn::Client,
    bus: aws_sdk_eventbridge::Client,
    functions: aws_sdk_lambda::Client,
    roles: aws_sdk_iam::Client,
}

impl Demo<'_> {
    /// Runs a state machine once for each label and input, all at once.
    async fn run(&self, machine: &str, runs: &[(String, Value)]) -> Result<Vec<Outcome>> {
        let machine = self.environment.state_machine(machine);
        let mut executions: Vec<Followed> = Vec::new();
        for (label, input) in runs {
            executions.push(watch::start(&self.machines, &machine, label, None, input).await?);
        }
        Ok(watch::follow(&self.machines, &executions, Some(BOUND), PAUSE, &mut Progress).await?)
    }

    /// Shows a command of the operators' command line as it is typed, and runs it. It must end with this exit status.
    async fn typed(&self, words: &[&str], status: u8) -> Result<()> {
        let words = [&["--env", self.environment.name.as_str()], words].concat();
        let quoted = |word: &&str| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() };
        let line = format!("tenantctl {}", words.iter().map(quoted).collect::<Vec<_>>().join(" "));
        say::typed(&line);
        let cli = Cli::of_words(&words)?;
        match tenantctl::run(&cli, Some(&aws::config(self.settings, self.environment))).await {
            ended if ended == status => Ok(()),
            ended => Err(format!("{line}: it ended with the exit status {ended} and not {status}").into()),
        }
    }

    /// Puts the events of signups on the bus, and follows the executions that they start: one for each signup id.
    async fn sign_up(&self, details: &[Value]) -> Result<Vec<Outcome>> {
        let entry = |detail: &Value| {
            let entry = PutEventsRequestEntry::builder().source("signup").detail_type("TenantSignedUp");
            entry.detail(detail.to_string()).build()
        };
        let put = self.bus.put_events().set_entries(Some(details.iter().map(entry).collect())).send().await;
        let put = put.map_err(aws_sdk_eventbridge::error::SdkError::into_service_error);
        let put = put.doing("putting signups on the bus")?;
        if put.failed_entry_count() != 0 {
            return Err(format!("the bus refuses a signup: {:?}", put.entries()).into());
        }
        let machine = self.environment.state_machine("provision-tenant");
        let mut executions = Vec::new();
        for signup in details.iter().filter_map(|detail| text(detail, "signup_id")).collect::<BTreeSet<_>>() {
            executions.push(watch::appearing(&self.machines, &machine, signup, BOUND, PAUSE).await?);
        }
        Ok(watch::follow(&self.machines, &executions, Some(BOUND), PAUSE, &mut Progress).await?)
    }

    /// Denies create-service its main permission; returns the name of its role.
    async fn take_away_create_service(&self) -> Result<String> {
        let doing = "taking a permission from create-service";
        let name = self.environment.named("create-service");
        let function = self.functions.get_function_configuration().function_name(name).send().await;
        let function = function.map_err(aws_sdk_lambda::error::SdkError::into_service_error).doing(doing)?;
        let role = function.role().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
        let put = self.roles.put_role_policy().role_name(&role).policy_name(TAKEN_AWAY);
        let put = put.policy_document(DENY_CREATE_SERVICE).send().await;
        put.map_err(aws_sdk_iam::error::SdkError::into_service_error).doing(doing)?;
        Ok(role)
    }

    async fn give_back_create_service(&self, role: &str) -> Result<()> {
        let deleted = self.roles.delete_role_policy().role_name(role).policy_name(TAKEN_AWAY).send().await;
        let deleted = deleted.map_err(aws_sdk_iam::error::SdkError::into_service_error);
        deleted.doing("giving create-service its permission back").map(drop)
    }

    /// Checks that a provisioning has failed with this error, reports that it was rolled back, and has left only
    /// resources of these kinds.
    async fn expect_rollback(&self, tenant: &str, outcome: &Outcome, error: &str, left: &[&str]) -> Result<()> {
        expect_failure(outcome, error)?;
        say::result(table(&format!("{} after {:.1} s", outcome.error, outcome.took.as_secs_f64()), &outcome.cause));
        if outcome.cause.get("rolled_back") != Some(&json!(true)) {
            return Err(format!("the failed provisioning of {tenant} does not say that it was rolled back").into());
        }
        self.expect_only(tenant, left).await
    }

    /// Calls a function; returns its answer.
    async fn call(&self, function: &str, input: &Value) -> Result<Value> {
        let name = self.environment.named(function);
        let payload = input.to_string().into_bytes().into();
        let answer = self.functions.invoke().function_name(&name).payload(payload).send().await;
        let answer =
            answer.map_err(aws_sdk_lambda::error::SdkError::into_service_error).doing(format!("invoking {name}"))?;
        let payload: Value =
            answer.payload().and_then(|payload| serde_json::from_slice(payload.as_ref()).ok()).unwrap_or_default();
        if answer.function_error().is_some() {
            return Err(format!("{name} failed: {payload}").into());
        }
        Ok(payload)
    }

    /// Checks with inventory-tenant that a tenant has resources.
    async fn expect_resources(&self, tenant: &str) -> Result<()> {
        if self.inventory(tenant).await?.is_empty() {
            return Err(format!("tenant {tenant} has no resources after it was provisioned").into());
        }
        Ok(())
    }

    /// Checks with inventory-tenant that a tenant has resources of these kinds only.
    async fn expect_only(&self, tenant: &str, kinds: &[&str]) -> Result<()> {
        let left = self.inventory(tenant).await?;
        if left == kinds {
            return Ok(());
        }
        Err(format!("tenant {tenant} has [{}] and not [{}]", left.join(", "), kinds.join(", ")).into())
    }

    /// Shows a tenant's inventory; returns the kinds of which it has a resource.
    async fn inventory(&self, tenant: &str) -> Result<Vec<String>> {
        let payload = self.call("inventory-tenant", &json!({"tenant_id": tenant})).await?;
        say::result(table(&format!("Inventory of tenant {tenant}"), &inventory_rows(&payload)));
        Ok(present(&payload).into_iter().map(str::to_owned).collect())
    }
}

/// An inventory's resources: kind, status and identifiers.
fn resources(inventory: &Value) -> Vec<(&str, &str, Vec<&str>)> {
    let resources = inventory.get("resources").and_then(Value::as_object).into_iter().flatten();
    resources
        .map(|(kind, resource)| {
            let found = resource.get("found").and_then(Value::as_array).into_iter().flatten();
            let identifiers = found.filter_map(|found| text(found, "identifier")).collect();
            (kind.as_str(), text(resource, "status").unwrap_or("unknown"), identifiers)
        })
        .collect()
}

fn inventory_rows(inventory: &Value) -> Value {
    let row = |(kind, status, found): (&str, &str, Vec<&str>)| {
        (kind.to_owned(), json!(format!("{status} {}", found.join(" ")).trim_end()))
    };
    Value::Object(resources(inventory).into_iter().map(row).collect())
}

/// The kinds of resources that an inventory finds.
fn present(inventory: &Value) -> Vec<&str> {
    let resources = resources(inventory);
    if resources.is_empty() {
        return vec!["something that is no inventory"];
    }
    resources.into_iter().filter(|(_, status, _)| *status != "absent").map(|(kind, ..)| kind).collect()
}

fn event(settings: &Settings, name: &str) -> Result<Value> {
    let file = settings.root.join("events").join(format!("{name}.json"));
    let text = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    serde_json::from_str(&text).doing(format!("reading {}", file.display()))
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn expect_failure(outcome: &Outcome, error: &str) -> Result<()> {
    if outcome.status == ExecutionStatus::Failed && outcome.error == error {
        return Ok(());
    }
    let ended = format!("{} {}: {}", outcome.status, outcome.error, outcome.cause);
    Err(format!("an execution ended {ended}, and not FAILED {error}").into())
}

fn succeeded(outcome: &Outcome) -> Result<()> {
    if outcome.status == ExecutionStatus::Succeeded {
        return Ok(());
    }
    Err(format!("an execution ended {}: {} {}", outcome.status, outcome.error, outcome.cause).into())
}

/// Formats a value as lines of name and value, under a title, after an empty line.
fn table(title: &str, value: &Value) -> String {
    format!("\n{}", fields::lines(title, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_with_a_present_or_going_resource_is_not_empty() {
        let inventory = json!({"resources": {"database": {"status": "present"}, "secret": {"status": "absent"}, "service": {"status": "going"}}});
        assert_eq!(present(&inventory), ["database", "service"]);
        assert!(present(&json!({"resources": {"secret": {"status": "absent"}}})).is_empty());
    }

    #[test]
    fn an_answer_that_is_not_an_inventory_does_not_count_as_empty() {
        assert!(!present(&json!({"errorMessage": "x"})).is_empty());
    }
}
