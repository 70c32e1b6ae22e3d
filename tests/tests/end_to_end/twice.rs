//! Every step is idempotent: it may run twice, one run after the other or both at once. Lambda and Step Functions only
//! guarantee that a step runs at least once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Stack;
use tests::events::delivered;
use tests::kinds::{complete, deleting};
use tests::stack::{functions, new_tenant_id, text};

/// Functions whose answers may differ between equal calls. They report on everything that exists (other tests' tenants
/// included), on the time, or on what they did themselves, or they choose at random.
const ANSWERS_DIFFER: [&str; 7] = [
    "resolve-environment",
    "generate-tenant-id",
    "tail-tenant-logs",
    "list-tenants",
    "audit-tenants",
    "purge-quarantine",
    "announce-execution",
];

/// Runs a function twice at once and a third time. Returns the three answers. No run may fail.
async fn each_succeeds(stack: &Stack, function: &str, input: &Value) -> [Value; 3] {
    let run = || stack.invoke(function, input);
    let (first, second) = tokio::join!(run(), run());
    [first, second, run().await].map(|answer| answer.unwrap_or_else(|error| panic!("{function}: {error:?}")))
}

/// Runs a function twice at once and a third time, and returns the answer. All three must be equal.
async fn alike(stack: &Stack, function: &str, input: &Value) -> Value {
    let [first, second, last] = each_succeeds(stack, function, input).await;
    if !ANSWERS_DIFFER.contains(&function) {
        assert_eq!([&first, &second], [&last, &last], "{function}");
    }
    last
}

/// Calls these functions again with every input that an execution has given them.
async fn again(stack: &Stack, execution: &str, functions: &[&str]) {
    for function in functions {
        let mut asked = Vec::new();
        for event in stack.history(execution).await {
            let Some(details) = event.task_scheduled_event_details() else { continue };
            let parameters: Value = serde_json::from_str(details.parameters()).unwrap();
            if parameters["FunctionName"] == stack.named(function) {
                asked.push(parameters["Payload"].clone());
            }
        }
        assert!(!asked.is_empty(), "{execution} did not call {function}");
        for input in asked {
            alike(stack, function, &input).await;
        }
    }
}

/// A tenant that is provisioned and torn down step by step.
struct Steps {
    stack: &'static Stack,
    tenant: String,
    owner: String,
}

impl Steps {
    /// Runs a step twice at once and a third time; returns the last answer. All answers must be equal. Of the two runs
    /// at once, one may fail with an error that asks for a retry.
    async fn thrice(&self, function: &str, fields: Value) -> Value {
        let mut input = json!({"tenant_id": self.tenant, "owner": self.owner});
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let run = || self.stack.invoke(function, &input);
        let (first, second) = tokio::join!(run(), run());
        let last = run().await.unwrap_or_else(|error| panic!("{function} again: {error:?}"));
        for at_once in [first, second] {
            match at_once {
                // ECS registers a new revision at each call. The two revisions are equal, and a teardown deletes both.
                Ok(answer) if function == "register-task-definition" => {
                    let arn = text(&answer["task_definition_arn"]);
                    assert!(arn.contains(&format!("task-definition/dev-{}:", self.tenant)), "{arn}");
                }
                Ok(answer) => assert_eq!(answer, last, "{function}, of two at once"),
                Err((error, message)) => {
                    let passes = ["Throttled", "Transient"].contains(&error.as_str());
                    assert!(passes, "{function}, of two at once: {error}: {message}");
                }
            }
        }
        last
    }

    async fn delete(&self, function: &str) {
        let input = json!({"tenant_id": self.tenant, "owner": self.owner, "force_delete_secret": true});
        each_succeeds(self.stack, function, &input).await;
    }
}

#[tokio::test]
async fn every_step_may_run_twice_at_once_and_once_more() {
    // Alone, because of listener priorities: if another test frees one between two calls, they would choose different
    // ones.
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    let owner = format!("arn:aws:states:{}:{}:execution:dev-provision-tenant:{tenant}", stack.region, stack.account);
    let steps = Steps { stack, tenant: tenant.clone(), owner };
    let environment = stack.resolved().await;

    let server = json!({"database_host": environment["database_host"], "database_port": environment["database_port"]});
    let secret = steps.thrice("create-secret", server).await;
    steps.thrice("create-database", json!({})).await;
    steps.thrice("create-files", json!({})).await;
    let files = json!({"file_system_ids": [environment["file_systems"][0]["file_system_id"]]});
    let access_point = steps.thrice("create-access-point", files).await;
    let role = json!({"file_system_id": access_point["file_system_id"], "access_point_arns": [access_point["access_point_arn"]]});
    let role = steps.thrice("create-task-role", role).await;
    let administrator = steps.thrice("create-site-credentials", json!({"site": {"title": "Cheese"}})).await;
    steps.thrice("create-log-group", json!({})).await;
    let target_group = steps.thrice("create-target-group", json!({"vpc_id": environment["vpc_id"]})).await;
    let target_group = &target_group["target_group_arn"];
    let rule =
        json!({"listener_arns": [environment["listeners"][0]["listener_arn"]], "target_group_arn": target_group});
    steps.thrice("create-listener-rule", rule).await;
    let record = json!({"load_balancer": environment["listeners"][0]["load_balancer"]});
    steps.thrice("create-dns-record", record).await;
    let definition = json!({
        "image": "pretend/wordpress:6", "cpu": 256, "memory": 512, "scheme": "https", "secret_arn": secret["secret_arn"],
        "admin_secret_arn": administrator["admin_secret_arn"], "file_system_id": access_point["file_system_id"], "access_point_id": access_point["access_point_id"],
        "task_role_arn": role["task_role_arn"],
    });
    let definition = steps.thrice("register-task-definition", definition).await;
    let service = json!({
        "task_definition_arn": definition["task_definition_arn"], "target_group_arn": target_group, "desired_count": 1,
        "subnet_ids": environment["subnet_ids"], "security_group_id": environment["security_group_id"],
    });
    steps.thrice("create-service", service).await;
    let whole = stack.snapshot(&tenant).await;
    assert!([complete(), complete() + 1].contains(&whole.len()), "one of each, but perhaps two revisions: {whole:#?}");

    for function in deleting() {
        steps.delete(function).await;
    }
    let start = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    while !stack.snapshot(&tenant).await.is_empty() {
        tick.tick().await;
        assert!(start.elapsed() < Duration::from_secs(60), "{:#?}", stack.snapshot(&tenant).await);
    }
}

#[tokio::test]
async fn every_step_of_an_update_may_run_twice_at_once_and_once_more() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let owner = format!("arn:aws:states:{}:{}:execution:dev-update-tenant:{tenant}", stack.region, stack.account);

    let begin =
        json!({"owner": owner, "request": {"tenant_id": tenant, "image": "pretend/wordpress:7", "suspended": true}});
    let plan = alike(stack, "begin-update", &begin).await;
    let revise = json!({"tenant_id": tenant, "owner": owner, "previous": plan["previous"], "wanted": plan["wanted"]});
    let [_, _, revised] = each_succeeds(stack, "revise-task-definition", &revise).await;
    for shows in ["suspension-page", "site"] {
        let [_, _, turned] =
            each_succeeds(stack, "update-listener-rule", &json!({"tenant_id": tenant, "shows": shows})).await;
        assert_eq!(turned, json!({"shows": shows, "listener_rule_arns": []}), "the last run finds nothing to do");
    }
    each_succeeds(stack, "update-service", &json!({"tenant_id": tenant, "state": revised["state"]})).await;
    let prune = json!({"tenant_id": tenant, "owner": owner, "discard": false});
    each_succeeds(stack, "prune-task-definitions", &prune).await;
    each_succeeds(stack, "end-update", &json!({"tenant_id": tenant, "owner": owner})).await;

    let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!(
        (&told["task_definition"]["image"], &told["service"]["desired_count"]),
        (&json!("pretend/wordpress:7"), &json!(0))
    );
    // Shows that the lock is free.
    stack.run("update-tenant", json!({"tenant_id": tenant, "suspended": false})).await.succeeded();
    let job = stack.run("run-tenant-job", json!({"tenant_id": tenant, "job": "upgrade-database"})).await;
    again(stack, &job.arn, &["prepare-tenant-job", "read-tenant-job"]).await;
    job.succeeded();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_step_of_a_move_may_run_twice_at_once_and_once_more() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.make_one_of_an_earlier_version(&tenant).await;
    let owner = format!("arn:aws:states:{}:{}:execution:dev-update-tenant:{tenant}", stack.region, stack.account);
    let begin = json!({"owner": owner, "request": {"tenant_id": tenant, "move_content": true}});
    let plan = alike(stack, "begin-update", &begin).await;
    let [_, _, secret] = each_succeeds(stack, "complete-secret", &json!({"tenant_id": tenant})).await;
    assert_eq!(secret["added"], json!([]), "the last run finds nothing to add");
    let steps = Steps { stack, tenant: tenant.clone(), owner: owner.clone() };
    let files = json!({"file_system_ids": [plan["move"]["file_system_id"]], "beside_others": true});
    let access_point = steps.thrice("create-access-point", files).await;
    let content = json!({
        "file_system_id": access_point["file_system_id"], "access_point_id": access_point["access_point_id"],
        "secret_arn": secret["secret_arn"], "scheme": plan["move"]["scheme"],
    });
    let revise = json!({
        "tenant_id": tenant, "owner": owner, "previous": plan["previous"], "wanted": plan["wanted"], "content": content,
    });
    let [_, _, revised] = each_succeeds(stack, "revise-task-definition", &revise).await;
    each_succeeds(stack, "update-service", &json!({"tenant_id": tenant, "state": revised["state"]})).await;
    alike(stack, "update-target-group", &json!({"tenant_id": tenant})).await;
    each_succeeds(stack, "end-update", &json!({"tenant_id": tenant, "owner": owner})).await;
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn functions_that_read_start_and_report_may_run_twice_at_once_and_once_more() {
    let (stack, _together) = Stack::together_in(&["dev", "sit", "prod"]).await;
    let signup = format!("signup-{}", new_tenant_id());
    let signed_up = delivered(&signup, "TenantSignedUp", &json!({"signup_id": signup}));
    let [first, second, last] = each_succeeds(stack, "start-provisioning", &signed_up).await;
    let execution = text(&last["execution_arn"]);
    assert_eq!([&first["execution_arn"], &second["execution_arn"]], [&execution, &execution]);
    let tenant = text(&stack.ended(&execution).await.succeeded()["tenant_id"]);
    alike(stack, "start-provisioning", &signed_up).await;
    let steps = ["resolve-environment", "generate-tenant-id", "inventory-tenant", "check-service-deployment"];
    again(stack, &execution, &steps).await;
    for function in ["describe-tenant", "locate-tenant", "tail-tenant-logs"] {
        alike(stack, function, &json!({"tenant_id": tenant})).await;
    }
    alike(stack, "list-tenants", &json!({})).await;
    again(
        stack,
        &stack.run("audit-tenants", json!({})).await.arn,
        &["audit-tenants", "report-audit", "purge-quarantine"],
    )
    .await;

    let ended = json!({"detail": {"executionArn": execution, "redriveCount": 0}});
    let conclusion = text(&alike(stack, "start-conclusion", &ended).await["execution_arn"]);
    stack.ended(&conclusion).await.succeeded();
    again(stack, &conclusion, &["read-execution", "announce-execution"]).await;

    let mut detail = crate::deprovisioning::request(&tenant);
    detail["purge_files"] = json!(true);
    let cancelled = delivered(&tenant, "TenantCancelled", &detail);
    let [first, second, last] = each_succeeds(stack, "start-deprovisioning", &cancelled).await;
    let execution = text(&last["execution_arn"]);
    assert_eq!([&first["execution_arn"], &second["execution_arn"]], [&execution, &execution]);
    stack.ended(&execution).await.succeeded();
    alike(stack, "start-deprovisioning", &cancelled).await;
    again(stack, &execution, &["check-deletion-request", "purge-files"]).await;
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_step_of_a_deprovisioning_of_many_or_everywhere_may_run_twice_at_once_and_once_more() {
    let (stack, _together) = Stack::together_in(&["dev", "sit"]).await;
    let sit = Stack::of("sit").await;
    let tenant = new_tenant_id();
    for stack in [stack, sit] {
        let owner = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
        if stack.environment == "sit" {
            let input = json!({"action": "create", "tenant_id": tenant, "owner": owner.arn});
            let task = stack.run("run-database-task", input).await;
            again(stack, &task.arn, &["prepare-database-task", "read-database-task"]).await;
            task.succeeded();
        }
        owner.succeeded();
    }
    let many = stack.run("deprovision-tenants", crate::bulk::request(json!([tenant]))).await;
    again(stack, &many.arn, &["check-deletions", "report-deletions"]).await;
    many.succeeded();

    let mut request = crate::deprovisioning::request(&tenant);
    request["environments"] = json!(["dev", "sit"]);
    let everywhere = stack.run("deprovision-tenant-everywhere", request).await;
    let steps = ["check-deletion-everywhere", "start-peer-execution", "check-peer-execution"];
    again(stack, &everywhere.arn, &steps).await;
    everywhere.succeeded();
    for stack in [stack, sit] {
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    }
}

#[test]
fn every_function_is_run_twice_here() {
    let here = include_str!("twice.rs");
    let deletions: Vec<_> = deleting().collect();
    let is_here = |name: &str| here.contains(&format!("\"{name}\"")) || deletions.contains(&name);
    let forgotten: Vec<_> = functions().into_iter().filter(|name| !is_here(name)).collect();
    assert_eq!(forgotten, Vec::<String>::new());
}
