//! Every step may run twice, one run after the other or both at once: Lambda and Step Functions promise no less.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

/// A tenant that is made and removed step by step.
struct Steps {
    stack: &'static Stack,
    tenant: String,
    owner: String,
}

impl Steps {
    /// Runs a step twice at once and once more; gives the last answer. All that answer must answer alike; of two at
    /// once, one may be told to come again.
    async fn thrice(&self, function: &str, fields: Value) -> Value {
        let mut input = json!({"tenant_id": self.tenant, "owner": self.owner});
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let run = || self.stack.invoke(function, &input);
        let (first, second) = tokio::join!(run(), run());
        let last = run().await.unwrap_or_else(|error| panic!("{function} again: {error:?}"));
        for at_once in [first, second] {
            match at_once {
                // AWS registers what it is given each time: two equal revisions, which go together.
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

    /// Runs a step twice at once and once more. None may fail; what each of them did is its own.
    async fn each_succeeds(&self, function: &str, input: &Value) -> Value {
        let run = || self.stack.invoke(function, input);
        let (first, second) = tokio::join!(run(), run());
        let [_, _, last] =
            [first, second, run().await].map(|answer| answer.unwrap_or_else(|error| panic!("{function}: {error:?}")));
        last
    }

    async fn delete(&self, function: &str) {
        let input = json!({"tenant_id": self.tenant, "owner": self.owner, "force_delete_secret": true});
        self.each_succeeds(function, &input).await;
    }
}

#[tokio::test]
async fn every_step_may_run_twice_at_once_and_once_more() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let owner = format!("arn:aws:states:{}:{}:execution:dev-provision-tenant:{tenant}", stack.region, stack.account);
    let steps = Steps { stack, tenant: tenant.clone(), owner };
    let environment = stack.resolved().await;

    let server = json!({"database_host": environment["database_host"], "database_port": environment["database_port"]});
    let secret = steps.thrice("create-secret", server).await;
    steps.thrice("create-database", json!({})).await;
    let files = json!({"file_system_ids": [environment["file_systems"][0]["file_system_id"]]});
    let access_point = steps.thrice("create-access-point", files).await;
    steps.thrice("create-log-group", json!({})).await;
    let target_group = steps.thrice("create-target-group", json!({"vpc_id": environment["vpc_id"]})).await;
    let target_group = &target_group["target_group_arn"];
    let rule =
        json!({"listener_arns": [environment["listeners"][0]["listener_arn"]], "target_group_arn": target_group});
    steps.thrice("create-listener-rule", rule).await;
    let record = json!({"load_balancer": environment["listeners"][0]["load_balancer"]});
    steps.thrice("create-dns-record", record).await;
    let definition = json!({
        "image": "wordpress:6", "cpu": 256, "memory": 512, "secret_arn": secret["secret_arn"],
        "file_system_id": access_point["file_system_id"], "access_point_id": access_point["access_point_id"],
    });
    let definition = steps.thrice("register-task-definition", definition).await;
    let service = json!({
        "task_definition_arn": definition["task_definition_arn"], "target_group_arn": target_group, "desired_count": 1,
        "subnet_ids": environment["subnet_ids"], "security_group_id": environment["security_group_id"],
    });
    steps.thrice("create-service", service).await;
    let whole = stack.snapshot(&tenant).await;
    assert!([12, 13].contains(&whole.len()), "one of each, but perhaps two revisions: {whole:#?}");

    for function in [
        "delete-service",
        "delete-dns-record",
        "delete-listener-rule",
        "delete-target-group",
        "deregister-task-definitions",
        "delete-access-point",
        "drop-database",
        "delete-log-group",
        "delete-secret",
    ] {
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
    let steps = Steps { stack, tenant: tenant.clone(), owner: owner.clone() };

    let begin = json!({"owner": owner, "request": {"tenant_id": tenant, "image": "wordpress:7", "suspended": true}});
    let plan = steps.each_succeeds("begin-update", &begin).await;
    assert_eq!(steps.each_succeeds("begin-update", &begin).await, plan);
    let revise = json!({"tenant_id": tenant, "owner": owner, "previous": plan["previous"], "wanted": plan["wanted"]});
    let revised = steps.each_succeeds("revise-task-definition", &revise).await;
    for shows in ["suspension-page", "site"] {
        let turned = steps.each_succeeds("update-listener-rule", &json!({"tenant_id": tenant, "shows": shows})).await;
        assert_eq!(turned, json!({"shows": shows, "listener_rule_arns": []}), "the last of them finds it done");
    }
    steps.each_succeeds("update-service", &json!({"tenant_id": tenant, "state": revised["state"]})).await;
    let prune = json!({"tenant_id": tenant, "owner": owner, "discard": false});
    steps.each_succeeds("prune-task-definitions", &prune).await;
    steps.each_succeeds("end-update", &json!({"tenant_id": tenant, "owner": owner})).await;

    let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!(
        (&told["task_definition"]["image"], &told["service"]["desired_count"]),
        (&json!("wordpress:7"), &json!(0))
    );
    // The lock is free.
    stack.run("update-tenant", json!({"tenant_id": tenant, "suspended": false})).await.succeeded();
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "force_delete_secret": true})).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}
