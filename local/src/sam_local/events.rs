//! An input for each function, as a state machine has given it. It is taken from executions with two tenants that are
//! provisioned for this: one stays, and the other is deprovisioned. Every step is idempotent, so each function can be
//! invoked with its input again and again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aws_sdk_sfn::types::HistoryEvent;
use serde_json::{Value, json};
use tenantctl::watch::{self, Outcome};

use super::directory;
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::{aws, say};

/// The tenant that stays.
pub const STAYING: &str = "900000000001";
/// The tenant that was deprovisioned.
pub const GONE: &str = "900000000002";

/// The tenant id in the sample events of `events/`, which is replaced by the id of one of these tenants.
const SAMPLE_TENANT: &str = "100000000001";
const SAMPLE_EXECUTION: &str =
    "arn:aws:states:eu-west-1:536580886816:execution:dev-provision-tenant:6c1f0bbc-0d8e-5b0e-9a1e-3a5f3a1d2c4b";

/// Functions that no state machine calls, or only with a hosted zone, or only when a tenant is moved.
const STARTED_BY_HAND: [&str; 11] = [
    "describe-tenant",
    "list-tenants",
    "locate-tenant",
    "tail-tenant-logs",
    "start-provisioning",
    "start-deprovisioning",
    "start-conclusion",
    "create-dns-record",
    "delete-dns-record",
    "complete-secret",
    "update-target-group",
];

/// Where its event is, all of them are.
const WRITTEN_LAST: &str = "describe-tenant";

const BOUND: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(150);

/// Writes the events, unless the files exist and fit the stack. They fit if the tenant that stays is still complete.
///
/// # Errors
/// When a tenant cannot be provisioned, updated or deprovisioned.
pub(super) async fn refresh(settings: &Settings, environment: &Environment, functions: &[&str]) -> Result<()> {
    let files = directory(settings).join("events");
    fs::create_dir_all(&files).doing(format!("making {}", files.display()))?;
    let file = |function: &str| files.join(format!("{function}.json"));
    let samples = Samples {
        environment,
        machines: aws_sdk_sfn::Client::new(&aws::config(settings, environment)),
        functions: aws_sdk_lambda::Client::new(&aws::config(settings, environment)),
    };
    if file(WRITTEN_LAST).exists() && samples.are_usable().await? {
        return Ok(());
    }
    say::progress(format!(
        "provisioning tenant {STAYING}, and {GONE}, which is deprovisioned again, for `make invoke` …"
    ));
    let (mut inputs, execution) = samples.make().await?;
    for function in STARTED_BY_HAND {
        if !inputs.contains_key(function) {
            inputs.insert(function.to_owned(), samples.written(&settings.root.join("events"), function, &execution)?);
        }
    }
    let missing: Vec<_> = functions.iter().copied().filter(|function| !inputs.contains_key(*function)).collect();
    if !missing.is_empty() {
        say::progress(format!("no event for {}: no state machine of this stack calls it", missing.join(", ")));
    }
    let last = inputs.remove_entry(WRITTEN_LAST);
    for (function, input) in inputs.into_iter().chain(last) {
        let file = file(&function);
        fs::write(&file, format!("{input:#}\n")).doing(format!("writing {}", file.display()))?;
    }
    Ok(())
}

struct Samples<'a> {
    environment: &'a Environment,
    machines: aws_sdk_sfn::Client,
    functions: aws_sdk_lambda::Client,
}

impl Samples<'_> {
    /// Whether the tenant that stays still exists, and is complete.
    async fn are_usable(&self) -> Result<bool> {
        let described = self.call_function("describe-tenant", &json!({"tenant_id": STAYING})).await?;
        Ok(described["status"] == "active")
    }

    /// The answer of a function; a failed one is an answer, too.
    async fn call_function(&self, function: &str, input: &Value) -> Result<Value> {
        let name = self.environment.named(function);
        let payload = input.to_string().into_bytes().into();
        let answer = self.functions.invoke().function_name(&name).payload(payload).send().await;
        let answer =
            answer.map_err(aws_sdk_lambda::error::SdkError::into_service_error).doing(format!("calling {name}"))?;
        let payload = answer.payload().map(|payload| payload.as_ref().to_owned()).unwrap_or_default();
        serde_json::from_slice(&payload).doing(format!("reading the answer of {name}"))
    }

    /// Runs each state machine. Returns the last input of each function that they have called, and the execution that
    /// has provisioned the tenant that stays.
    async fn make(&self) -> Result<(BTreeMap<String, Value>, String)> {
        let approved = json!({
            "checklist": {"owner_notified": true, "data_backup": "not-required", "billing_finalized": true},
            "approved_by": "make up", "force_delete_secret": true, "purge_files": true,
        });
        let leaving = |more: Value| merged(&approved, more);
        // Remove what an earlier start has left of these tenants, their files included.
        let removals =
            tokio::join!(self.run("teardown-tenant", removal(STAYING)), self.run("teardown-tenant", removal(GONE)),);
        removals.0.and(removals.1)?;
        for tenant in [STAYING, GONE] {
            self.call_function("purge-files", &json!({"tenant_id": tenant})).await?;
        }
        let (gone, staying) = tokio::join!(
            self.run("provision-tenant", json!({"tenant_id": GONE})),
            self.run("provision-tenant", json!({"tenant_id": STAYING, "signup_id": "sam-local"})),
        );
        let (gone, staying) = (succeeded(gone?)?, succeeded(staying?)?);
        let everywhere = json!({"tenant_id": GONE, "environments": [self.environment.name], "confirmation": GONE});
        let many = json!({"tenant_ids": [{"tenant_id": GONE, "confirmation": GONE}]});
        let (left, suspended) = tokio::join!(
            self.run("deprovision-tenant-everywhere", leaving(everywhere)),
            self.run("update-tenant", json!({"tenant_id": STAYING, "suspended": true})),
        );
        let left = succeeded(left?)?;
        succeeded(suspended?)?;
        let there = left.output["environments"][0]["execution_arn"].as_str().unwrap_or_default().to_owned();
        let (bulk, resumed, audit, conclusion) = tokio::join!(
            self.run("deprovision-tenants", leaving(many)),
            self.run("update-tenant", json!({"tenant_id": STAYING, "suspended": false})),
            self.run("audit-tenants", json!({})),
            self.run("conclude-execution", json!({"execution_arn": staying.arn})),
        );
        let more = [bulk?, resumed?, audit?, conclusion?];
        let database =
            self.run("run-database-task", json!({"action": "create", "tenant_id": STAYING, "owner": staying.arn}));
        let database = database.await?;
        // This one, which takes the lock itself, and not the one that the resumption has run under a lock of its own.
        let job = self.run("run-tenant-job", json!({"tenant_id": STAYING, "job": "upgrade-database"})).await?;
        let mut inputs = BTreeMap::new();
        for arn in [&gone.arn, &there, &left.arn, &staying.arn] {
            self.collect(arn, &mut inputs).await?;
        }
        for outcome in more {
            self.collect(&succeeded(outcome)?.arn, &mut inputs).await?;
        }
        self.collect(&database.arn, &mut inputs).await?;
        self.collect(&succeeded(job)?.arn, &mut inputs).await?;
        Ok((inputs, staying.arn))
    }

    /// Runs a state machine to its end.
    async fn run(&self, machine: &str, input: Value) -> Result<Ended> {
        let arn = self.environment.state_machine(machine);
        let started = watch::start(&self.machines, &arn, machine, None, &input).await?;
        let Outcome { error, cause, output, .. } = watch::ended(&self.machines, &started, BOUND, PAUSE).await?;
        let failure = (!error.is_empty()).then(|| format!("{machine} with {input} ended with {error}: {cause}"));
        Ok(Ended { arn: started.arn, output, failure })
    }

    /// Collects the inputs that an execution, and the executions that it has started, have given to functions.
    async fn collect(&self, execution: &str, inputs: &mut BTreeMap<String, Value>) -> Result<()> {
        let mut executions = vec![execution.to_owned()];
        while let Some(execution) = executions.pop() {
            for event in watch::history(&self.machines, &execution).await? {
                if let Some((function, input)) = self.call(&event) {
                    inputs.insert(function, input);
                }
                executions.extend(nested(&event));
            }
        }
        Ok(())
    }

    /// The function that a history event calls, and its input.
    fn call(&self, event: &HistoryEvent) -> Option<(String, Value)> {
        let mut parameters: Value = serde_json::from_str(event.task_scheduled_event_details()?.parameters()).ok()?;
        let function = parameters["FunctionName"].as_str()?.strip_prefix(&self.environment.named(""))?.to_owned();
        Some((function, parameters["Payload"].take()))
    }

    /// The sample event of a function that no state machine has called, with the ids of this stack.
    fn written(&self, samples: &Path, function: &str, execution: &str) -> Result<Value> {
        let file = samples.join(format!("{function}.json"));
        let text = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
        let tenant = if ["start-deprovisioning", "delete-dns-record"].contains(&function) { GONE } else { STAYING };
        let text = text.replace(SAMPLE_EXECUTION, execution).replace(SAMPLE_TENANT, tenant);
        let text = text.replace("\"dev\"", &format!("\"{}\"", self.environment.name));
        serde_json::from_str(&text).doing(format!("reading {}", file.display()))
    }
}

/// An execution that has ended.
struct Ended {
    arn: String,
    output: Value,
    failure: Option<String>,
}

fn succeeded(ended: Ended) -> Result<Ended> {
    match ended.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(ended),
    }
}

fn removal(tenant: &str) -> Value {
    json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true})
}

fn merged(common: &Value, more: Value) -> Value {
    let mut fields = common.as_object().cloned().unwrap_or_default();
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

/// The nested execution that a history event reports as ended.
fn nested(event: &HistoryEvent) -> Option<String> {
    let output = event.task_succeeded_event_details()?.output()?;
    let output: Value = serde_json::from_str(output).ok()?;
    output["ExecutionArn"].as_str().map(str::to_owned)
}
