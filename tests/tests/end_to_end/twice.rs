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
                Err((error, message)) => assert_eq!(error, "Transient", "{function}, of two at once: {message}"),
            }
        }
        last
    }

    /// Runs a deletion twice at once and once more. None may fail.
    async fn delete(&self, function: &str) {
        let input = json!({"tenant_id": self.tenant, "owner": self.owner, "force_delete_secret": true});
        let run = || self.stack.invoke(function, &input);
        let (first, second) = tokio::join!(run(), run());
        for answer in [first, second, run().await] {
            answer.unwrap_or_else(|error| panic!("{function}: {error:?}"));
        }
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
