//! The end of each execution is reported exactly once, and what a failed provisioning has left is removed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use tests::Stack;
use tests::bus::fits_its_schema;
use tests::stack::{new_tenant_id, text};

/// States in which an execution is stopped: those that call something or wait. Other states end too soon to be hit. If
/// a stop comes too late for a state, it hits the next one.
const STOPS: [&str; 18] = [
    "Resolve the environment",
    "Choose the tenant id",
    "Take the inventory",
    "Claim the tenant id",
    "Create what depends on nothing else",
    "Create the database",
    "Create the files",
    "Create the access point",
    "Create the task role",
    "Create the site credentials",
    "Create the log group",
    "Create the target group",
    "Create the listener rule",
    "Register the task definition",
    "Create the service and the DNS record",
    "Create the service",
    "Create the DNS record",
    "Check the deployment",
];

impl Run {
    async fn entered(&self, state: &str) {
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(15));
        loop {
            tick.tick().await;
            let history = self.stack.history(&self.arn).await;
            let entered = |event: &aws_sdk_sfn::types::HistoryEvent| {
                event.state_entered_event_details().is_some_and(|details| details.name() == state)
            };
            if history.iter().any(entered) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{} did not enter {state:?}", self.arn);
        }
    }

    /// Stops the execution, unless it has ended meanwhile.
    async fn stop(&self) {
        let stop = self.stack.sfn.stop_execution().execution_arn(&self.arn).cause("a test");
        if let Err(error) = stop.send().await {
            assert!(error.message().is_some_and(|message| message.contains("not running")), "{error:?}");
        }
    }
}

struct Run {
    stack: &'static Stack,
    arn: String,
}

async fn start(stack: &'static Stack, machine: &str, input: Value) -> Run {
    Run { stack, arn: stack.start(machine, &input).await }
}

#[tokio::test]
async fn a_provisioning_that_succeeds_and_one_that_fails_are_reported_once_each() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let (tenant, failing) = (new_tenant_id(), new_tenant_id());
    let broken = json!({"tenant_id": failing, "signup_id": "signup-9", "image": "pretend/wordpress:does-not-exist"});
    let good = start(stack, "provision-tenant", json!({"tenant_id": tenant, "signup_id": "signup-8"})).await;
    let bad = start(stack, "provision-tenant", broken).await;
    let refused = start(stack, "provision-tenant", json!({"tenant_id": "12"})).await;

    let event = bus.the_one_about(&good.arn).await;
    assert_eq!(event["detail-type"], "TenantProvisioned");
    assert_eq!((&event["detail"]["tenant_id"], &event["detail"]["signup_id"]), (&json!(tenant), &json!("signup-8")));
    assert_eq!(text(&event["detail"]["url"]), format!("https://{tenant}.{}", stack.domain));

    let event = bus.the_one_about(&bad.arn).await;
    assert_eq!(event["detail-type"], "TenantProvisioningFailed");
    let detail = &event["detail"];
    assert_eq!((&detail["status"], &detail["error"]), (&json!("FAILED"), &json!("DeploymentFailed")));
    assert_eq!((&detail["tenant_id"], &detail["signup_id"]), (&json!(failing), &json!("signup-9")));
    assert_eq!((&detail["rolled_back"], &detail["leftovers"]), (&json!(true), &json!([])));
    assert!(text(&detail["message"]).contains("CannotPullContainer"), "{event}");
    assert!(text(&detail["message"]).contains(&format!("/ecs/dev-{failing}")), "its log is kept: {event}");
    stack.run("teardown-tenant", json!({"tenant_id": failing, "confirmation": failing})).await.succeeded();

    let event = bus.the_one_about(&refused.arn).await;
    let detail = &event["detail"];
    assert_eq!((&detail["error"], detail.get("tenant_id")), (&json!("InvalidRequest"), None), "{event}");
    bus.close().await;
}

#[tokio::test]
async fn an_execution_that_is_stopped_in_any_state_leaves_nothing_and_is_reported_once() {
    let (stack, _together) = Stack::together().await;
    let begun = Instant::now();
    let mut bus = stack.announcements().await;
    let bystander = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": bystander})).await.succeeded();
    let before = stack.snapshot(&bystander).await;

    let mut runs = Vec::new();
    for states in STOPS.chunks(5) {
        let stops = states.iter().map(|state| tokio::spawn(async move { (stopped_in(stack, state).await, *state) }));
        for stop in stops.collect::<Vec<_>>() {
            runs.push(stop.await.unwrap());
        }
    }
    // Also stop an execution while it rolls back.
    let broken = start(stack, "provision-tenant", json!({"image": "pretend/wordpress:does-not-exist"})).await;
    broken.entered("Roll back").await;
    broken.stop().await;
    runs.push((broken, "Roll back"));

    for (run, state) in &runs {
        let event = bus.the_one_about(&run.arn).await;
        let detail = &event["detail"];
        assert_eq!(event["detail-type"], "TenantProvisioningFailed", "{state}");
        assert_eq!((&detail["status"], &detail["leftovers"]), (&json!("ABORTED"), &json!([])), "{state}: {event}");
        assert!(
            text(&detail["message"]).contains("stopped") && text(&detail["message"]).ends_with("a test"),
            "{event}"
        );
        let chosen = chosen(stack, &run.arn).await;
        assert_eq!(detail.get("tenant_id"), chosen.as_ref(), "{state}: {event}");
        assert_eq!(detail["rolled_back"], chosen.is_some(), "{state}: {event}");
        if let Some(tenant) = chosen {
            assert_eq!(stack.snapshot(&text(&tenant)).await, Vec::<String>::new(), "stopped in {state}");
        }
    }
    assert_eq!(stack.snapshot(&bystander).await, before);
    bus.close().await;
    assert!(begun.elapsed() < Duration::from_secs(180), "{:?}", begun.elapsed());
}

/// Starts a provisioning and stops it in that state. On a busy machine it may succeed before the stop arrives. Then it
/// is torn down, and another one is tried.
async fn stopped_in(stack: &'static Stack, state: &str) -> Run {
    for _ in 0..10 {
        // The input has no tenant id, so the conclusion has to find the id in the execution's history.
        let run = start(stack, "provision-tenant", json!({"signup_id": "stopped"})).await;
        run.entered(state).await;
        run.stop().await;
        let execution = stack.sfn.describe_execution().execution_arn(&run.arn).send().await.unwrap();
        if *execution.status() == ExecutionStatus::Aborted {
            return run;
        }
        let made: Value = serde_json::from_str(execution.output().unwrap()).unwrap();
        let tenant = &made["tenant_id"];
        let removal = json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true});
        stack.run("teardown-tenant", removal).await.succeeded();
    }
    panic!("no provisioning can be stopped in {state}");
}

/// The tenant id that a provisioning has chosen, if it came so far.
async fn chosen(stack: &Stack, arn: &str) -> Option<Value> {
    let history = stack.history(arn).await;
    let mut exits = history.iter().filter_map(|event| event.state_exited_event_details());
    let output = exits.find(|exit| exit.name() == "Choose the tenant id")?.output()?;
    Some(serde_json::from_str::<Value>(output).unwrap()["tenant_id"].clone())
}

#[tokio::test]
async fn a_resource_that_a_slow_function_creates_during_the_clean_up_is_removed_as_well() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    let run = start(stack, "provision-tenant", json!({"tenant_id": tenant})).await;
    run.entered("Create the service").await;
    run.stop().await;
    let conclusion = Run { stack, arn: stack.conclusion_of(&run.arn).await };
    conclusion.entered("Wait for what may still run").await;
    // Do what a slow function does that was called before the execution was stopped.
    stack.invoke("create-log-group", &json!({"tenant_id": tenant, "owner": run.arn})).await.unwrap();
    assert_eq!(stack.snapshot(&tenant).await.len(), 1);
    let event = bus.the_one_about(&run.arn).await;
    assert_eq!(event["detail"]["rolled_back"], true, "{event}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    let removals = stack.history(&conclusion.arn).await;
    let removals = removals.iter().filter_map(|event| event.state_entered_event_details());
    assert_eq!(removals.filter(|entered| entered.name() == "Remove what it made").count(), 2);
    bus.close().await;
}

#[tokio::test]
async fn a_database_that_only_a_task_reaches_is_dropped_again_when_no_task_can_still_run() {
    let (stack, _together) = Stack::together_in(&["sit"]).await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    let run = start(stack, "provision-tenant", json!({"tenant_id": tenant})).await;
    run.entered("Create the database by a task").await;
    run.stop().await;
    let event = bus.the_one_about(&run.arn).await;
    assert_eq!((&event["detail"]["rolled_back"], &event["detail"]["leftovers"]), (&json!(true), &json!([])), "{event}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    let conclusion = stack.history(&stack.conclusion_of(&run.arn).await).await;
    let entered = conclusion.iter().filter_map(|event| event.state_entered_event_details());
    assert_eq!(entered.filter(|entered| entered.name() == "Remove what it made").count(), 2);
    bus.close().await;
}

#[tokio::test]
async fn an_end_that_is_reported_several_times_is_concluded_once() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let mut ends = stack.ends_of("deprovision-tenant").await;
    let input = json!({"tenant_id": new_tenant_id()});
    let run = start(stack, "deprovision-tenant", input).await;
    let told = ends.about(&run.arn).await;
    assert_eq!(told.len(), 1, "Step Functions reports it once");
    let mut conclusions = BTreeSet::new();
    for _ in 0..3 {
        conclusions.insert(text(&stack.invoke("start-conclusion", &told[0]).await.unwrap()["execution_arn"]));
    }
    bus.the_one_about(&run.arn).await;
    conclusions.insert(text(&stack.invoke("start-conclusion", &told[0]).await.unwrap()["execution_arn"]));
    assert_eq!(conclusions.len(), 1);
    bus.the_one_about(&run.arn).await;
    bus.close().await;
    ends.close().await;
}

#[tokio::test]
async fn a_deprovisioning_is_reported_whether_it_succeeds_or_is_refused_but_its_teardown_is_not() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let refused = start(stack, "deprovision-tenant", json!({"tenant_id": tenant})).await;
    let event = bus.the_one_about(&refused.arn).await;
    assert_eq!(event["detail-type"], "TenantDeprovisioningFailed");
    assert_eq!(
        (&event["detail"]["error"], &event["detail"]["tenant_id"]),
        (&json!("ChecklistIncomplete"), &json!(tenant))
    );

    let removed = start(stack, "deprovision-tenant", crate::deprovisioning::request(&tenant)).await;
    let event = bus.the_one_about(&removed.arn).await;
    assert_eq!((&event["detail-type"], &event["detail"]["tenant_id"]), (&json!("TenantDeprovisioned"), &json!(tenant)));

    let teardown = json!({"detail": {"executionArn": removed.arn.replace("deprovision-tenant", "teardown-tenant")}});
    let (error, message) = stack.invoke("start-conclusion", &teardown).await.unwrap_err();
    assert_eq!(error, "InvalidRequest", "{message}");
    bus.close().await;
}

#[tokio::test]
async fn a_deprovisioning_that_is_stopped_half_way_says_what_is_left_and_its_conclusion_fails() {
    let (stack, _alone) = Stack::alone().await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    // The secret stays, however late the stop comes.
    stack.take_away("delete-secret", "secretsmanager:DeleteSecret").await;
    let run = start(stack, "deprovision-tenant", crate::deprovisioning::request(&tenant)).await;
    run.entered("Tear the tenant down").await;
    let teardown = Run { stack, arn: crate::database_task::running(stack, "teardown-tenant", &tenant).await };
    teardown.entered("Delete the secret").await;
    run.stop().await;
    // AWS stops what the execution waits for. The emulator does not.
    teardown.stop().await;
    let event = bus.the_one_about(&run.arn).await;
    let conclusion = stack.ended(&stack.conclusion_of(&run.arn).await).await;
    stack.give_back("delete-secret").await;
    let detail = &event["detail"];
    assert_eq!((&event["detail-type"], &detail["status"]), (&json!("TenantDeprovisioningFailed"), &json!("ABORTED")));
    let kinds: Vec<_> = detail["leftovers"].as_array().unwrap().iter().map(|left| text(&left["kind"])).collect();
    assert_eq!(kinds, ["secret"], "{event}");
    assert!(
        text(&detail["message"]).contains("gone are: ") && text(&detail["message"]).contains("database"),
        "{event}"
    );
    assert!(text(&detail["remedy"]).contains("dev-deprovision-tenant again with the same input"), "{event}");
    let (error, cause) = conclusion.failed();
    assert_eq!((error.as_str(), &cause["leftovers"]), ("TeardownIncomplete", &detail["leftovers"]), "{cause}");
    assert!(text(&cause["message"]).contains("again with the same input"), "{cause}");

    stack.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    bus.close().await;
}

#[tokio::test]
async fn a_deprovisioning_that_is_stopped_before_it_removes_anything_leaves_nothing_half_removed() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let run = start(stack, "deprovision-tenant", crate::deprovisioning::request(&tenant)).await;
    run.entered("Check the request").await;
    run.stop().await;
    let event = bus.the_one_about(&run.arn).await;
    assert_eq!((&event["detail"]["status"], event["detail"].get("remedy")), (&json!("ABORTED"), None), "{event}");
    let conclusion = stack.conclusion_of(&run.arn).await;
    let name = run.arn.rsplit(':').next().unwrap();
    assert!(conclusion.contains(&format!(":{name}-")), "a search for the execution's name finds both: {conclusion}");
    stack.ended(&conclusion).await.succeeded();
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await.succeeded();
    bus.close().await;
}

#[tokio::test]
async fn an_update_is_reported_with_its_changes_and_a_refused_one_is_reported_as_well() {
    let (stack, _together) = Stack::together().await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let update = start(stack, "update-tenant", json!({"tenant_id": tenant, "desired_count": 2})).await;
    let event = bus.the_one_about(&update.arn).await;
    assert_eq!((&event["detail-type"], &event["detail"]["tenant_id"]), (&json!("TenantUpdated"), &json!(tenant)));
    let detail = &event["detail"];
    assert_eq!(detail["changes"], json!(["desired_count"]), "{event}");
    assert_eq!((&detail["previous"]["desired_count"], &detail["current"]["desired_count"]), (&json!(1), &json!(2)));

    let refused = start(stack, "update-tenant", json!({"tenant_id": new_tenant_id(), "desired_count": 2})).await;
    let event = bus.the_one_about(&refused.arn).await;
    assert_eq!(
        (&event["detail-type"], &event["detail"]["error"]),
        (&json!("TenantUpdateFailed"), &json!("TenantNotFound"))
    );
    bus.close().await;
}

#[tokio::test]
async fn an_execution_that_ends_by_an_error_no_state_can_catch_is_cleaned_up_and_reported() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let mut bus = stack.announcements().await;
    let machine = stack.machine_arn("provision-tenant");
    let definition = stack.sfn.describe_state_machine().state_machine_arn(&machine).send().await.unwrap().definition;
    let mut limited: Value = serde_json::from_str(&definition).unwrap();
    let mut broken = limited.clone();
    limited["TimeoutSeconds"] = json!(2);
    // The execution lasts until its time limit.
    limited["States"]["Check the deployment"] = json!({"Type": "Wait", "Seconds": 600, "Next": "Report the tenant"});
    broken["States"]["Check the deployment"]["Resource"] = json!("arn:aws:states:::nobody:knowsThis");
    let mut runs = Vec::new();
    for (changed, status, error) in
        [(limited, ExecutionStatus::TimedOut, "States.Timeout"), (broken, ExecutionStatus::Failed, "States.Runtime")]
    {
        let update = stack.sfn.update_state_machine().state_machine_arn(&machine).definition(changed.to_string());
        update.send().await.unwrap();
        let tenant = new_tenant_id();
        let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
        runs.push((outcome, status, error, tenant));
    }
    stack.sfn.update_state_machine().state_machine_arn(&machine).definition(definition).send().await.unwrap();
    for (outcome, status, error, tenant) in runs {
        assert_eq!(outcome.status, status, "{outcome:?}");
        let event = bus.the_one_about(&outcome.arn).await;
        let detail = &event["detail"];
        assert_eq!((&detail["status"], &detail["error"]), (&json!(status.as_str()), &json!(error)), "{event}");
        assert_eq!((&detail["tenant_id"], &detail["rolled_back"]), (&json!(tenant), &json!(true)), "{event}");
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    }
    bus.close().await;
}

#[tokio::test]
async fn leftovers_of_the_clean_up_are_reported_and_fail_the_conclusion() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let mut bus = stack.announcements().await;
    let tenant = new_tenant_id();
    stack.take_away("delete-target-group", "elasticloadbalancing:DeleteTargetGroup").await;
    let run = start(stack, "provision-tenant", json!({"tenant_id": tenant})).await;
    run.entered("Create the service").await;
    run.stop().await;
    let event = bus.the_one_about(&run.arn).await;
    let conclusion = stack.ended(&stack.conclusion_of(&run.arn).await).await;
    stack.give_back("delete-target-group").await;
    let leftovers = &event["detail"]["leftovers"];
    assert_eq!((leftovers.as_array().unwrap().len(), &leftovers[0]["kind"]), (1, &json!("target-group")), "{event}");
    assert!(text(&leftovers[0]["reason"]).contains("DeleteTargetGroup"), "{event}");
    assert_eq!(event["detail"]["rolled_back"], false);
    let (error, cause) = conclusion.failed();
    assert_eq!((error.as_str(), &cause["leftovers"]), ("TeardownIncomplete", leftovers), "{cause}");
    let teardown = json!({"tenant_id": tenant, "owner": run.arn, "force_delete_secret": true});
    stack.run("teardown-tenant", teardown).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    bus.close().await;
}

#[tokio::test]
async fn an_end_that_cannot_be_concluded_waits_in_the_queue_for_a_person() {
    let (stack, _alone) = Stack::alone().await;
    let mut bus = stack.announcements().await;
    let mut ends = stack.ends_of("deprovision-tenant").await;
    stack.take_away("start-conclusion", "states:StartExecution").await;
    let run = start(stack, "deprovision-tenant", json!({"tenant_id": new_tenant_id()})).await;
    let end = ends.about(&run.arn).await.remove(0);
    let kept = stack.unhandled(&text(&end["id"])).await.body;
    stack.give_back("start-conclusion").await;
    assert_eq!(kept["responsePayload"]["errorType"], "AccessDenied", "{kept}");
    stack.invoke("start-conclusion", &kept["requestPayload"]).await.unwrap();
    bus.the_one_about(&run.arn).await;
    bus.close().await;
    ends.close().await;
}

#[test]
fn the_sample_fits_its_schema() {
    let sample = std::fs::read_to_string("../events/announce-execution.json").unwrap();
    let sample: Value = serde_json::from_str(&sample).unwrap();
    fits_its_schema(&json!({
        "source": "tenant-management", "detail-type": sample["detail_type"], "detail": sample["detail"]
    }));
}
