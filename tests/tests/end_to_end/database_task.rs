//! A database server that only ECS tasks can reach. The stack of sit has one.

use aws_sdk_ecs::types::DesiredStatus;
use aws_sdk_sfn::types::ExecutionStatus;
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tests::stack::{new_tenant_id, text};
use tests::{Stack, database};

async fn secret(stack: &Stack, name: &str) -> Value {
    let value = stack.secrets.get_secret_value().secret_id(stack.named(name)).send().await.unwrap();
    serde_json::from_str(value.secret_string().unwrap()).unwrap()
}

async fn database_of(stack: &Stack, tenant: &str) -> Vec<String> {
    database::of_tenant(stack, tenant).await
}

#[tokio::test]
async fn a_task_creates_the_same_database_as_a_function_and_drops_it_as_completely() {
    let (dev, _together) = Stack::together_in(&["dev", "sit"]).await;
    let sit = Stack::of("sit").await;
    let tenant = new_tenant_id();
    let mut made = Vec::new();
    for stack in [dev, sit] {
        stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
        // Leave out the authentication string and the owner, which differ.
        let lines = database_of(stack, &tenant).await.into_iter().filter(|line| !line.starts_with("owner of "));
        made.push(lines.map(|line| line.split(" *").next().unwrap().to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(made[0], made[1], "database, user, grants and the record of the site");
    let password = text(&secret(sit, &format!("{tenant}-db-credentials")).await["password"]);
    let mut connection = database::connect(sit, &format!("{tenant}_user"), &password).await.unwrap();
    connection.query_drop(format!("CREATE TABLE `{tenant}_db`.posts (id INT)")).await.unwrap();
    connection.disconnect().await.unwrap();

    let inventory = sit.invoke("inventory-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!(inventory["resources"]["database"]["status"], "unchecked", "no function reaches it");
    let result = sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    assert!(result["removed"].as_array().unwrap().contains(&json!(format!("{tenant}_user"))), "{result}");
    assert_eq!(sit.snapshot(&tenant).await, Vec::<String>::new());
    let (error, cause) = sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.failed();
    assert_eq!(error, "TenantNotFound", "{cause}");
}

#[tokio::test]
async fn a_task_may_create_and_drop_a_database_twice() {
    let (sit, _together) = Stack::together_in(&["sit"]).await;
    let tenant = new_tenant_id();
    let owner = sit.run("provision-tenant", json!({"tenant_id": tenant})).await.arn;
    let before = database_of(sit, &tenant).await;
    let create = json!({"action": "create", "tenant_id": tenant, "owner": owner});
    let made = sit.run("run-database-task", create).await.succeeded();
    assert_eq!(made, json!({"database": format!("{tenant}_db"), "database_user": format!("{tenant}_user")}));
    assert_eq!(database_of(sit, &tenant).await, before);
    let drop = json!({"action": "drop", "tenant_id": tenant});
    let dropped = sit.run("run-database-task", drop.clone()).await.succeeded();
    assert_eq!(dropped["removed"], json!([format!("{tenant}_db"), format!("{tenant}_user")]));
    assert_eq!(sit.run("run-database-task", drop).await.succeeded()["removed"], json!([]));
    assert_eq!(database_of(sit, &tenant).await, Vec::<String>::new());
    sit.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
}

#[tokio::test]
async fn a_foreign_database_is_a_conflict_and_a_rollback_leaves_it_as_it_is() {
    let (sit, _together) = Stack::together_in(&["sit"]).await;
    let tenant = new_tenant_id();
    let mut administrator = database::administrator(sit).await;
    administrator.query_drop(format!("CREATE DATABASE `{tenant}_db`")).await.unwrap();
    let before = sit.snapshot(&tenant).await;

    let (error, cause) = sit.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!((error.as_str(), &cause["step"]), ("ResourceConflict", &json!("create-database")), "{cause}");
    assert!(text(&cause["message"]).contains(&format!("{tenant}_db")), "{cause}");
    assert_eq!((&cause["rolled_back"], &cause["leftovers"]), (&json!(true), &json!([])), "{cause}");
    assert_eq!(sit.snapshot(&tenant).await, before);

    sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    assert_eq!(sit.snapshot(&tenant).await, Vec::<String>::new(), "without an owner it goes");
}

#[tokio::test]
async fn a_task_that_cannot_do_its_work_says_why_and_the_database_is_a_leftover() {
    let (sit, _alone) = Stack::alone_in(&["sit"]).await;
    let tenant = new_tenant_id();
    sit.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let right = secret(sit, "rds-master-credentials").await;
    let mut wrong = right.clone();
    wrong["password"] = json!("not-the-password");
    let put = |value: &Value| {
        sit.secrets.put_secret_value().secret_id(sit.named("rds-master-credentials")).secret_string(value.to_string())
    };
    put(&wrong).send().await.unwrap();
    let outcome = sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await;
    let provisioning = sit.run("provision-tenant", json!({"tenant_id": new_tenant_id()})).await;
    put(&right).send().await.unwrap();

    let (error, cause) = outcome.failed();
    assert_eq!(error, "TeardownIncomplete", "{cause}");
    let left = &cause["leftovers"].as_array().unwrap()[..];
    assert_eq!((left.len(), &left[0]["identifier"]), (1, &json!(format!("{tenant}_db"))), "{cause}");
    assert!(text(&left[0]["reason"]).contains("ERROR 1045"), "{cause}");
    let (error, cause) = provisioning.failed();
    assert_eq!((error.as_str(), &cause["step"]), ("AccessDenied", &json!("create-database")), "{cause}");
    let unknown = text(&cause["leftovers"][0]["kind"]);
    assert_eq!((&cause["rolled_back"], unknown.as_str()), (&json!(false), "database"), "{cause}");

    sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    assert_eq!(sit.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_teardown_that_is_stopped_has_the_database_as_a_leftover() {
    let (sit, _together) = Stack::together_in(&["sit"]).await;
    let tenant = new_tenant_id();
    sit.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let deprovisioning = sit.start("deprovision-tenant", &crate::deprovisioning::request(&tenant)).await;
    let task = running(sit, "run-database-task", &tenant).await;
    let teardown = running(sit, "teardown-tenant", &tenant).await;
    sit.sfn.stop_execution().execution_arn(teardown).send().await.unwrap();
    // Stopping the teardown stops the task's execution as well.
    sit.ended(&task).await;
    let (error, cause) = sit.ended(&deprovisioning).await.failed();
    assert_eq!(error, "TeardownIncomplete", "{cause}");
    let leftovers = cause["leftovers"].as_array().unwrap();
    assert!(leftovers.iter().any(|left| left["identifier"] == format!("{tenant}_db")), "{cause}");

    sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    assert_eq!(sit.snapshot(&tenant).await, Vec::<String>::new());
}

/// Waits for a running execution of a machine that works on this tenant, and returns its ARN.
pub(crate) async fn running(stack: &Stack, machine: &str, tenant: &str) -> String {
    let start = std::time::Instant::now();
    loop {
        assert!(start.elapsed().as_secs() < 60, "no execution of {machine} works on {tenant}");
        let executions = stack.sfn.list_executions().state_machine_arn(stack.machine_arn(machine));
        let executions = executions.status_filter(ExecutionStatus::Running).send().await.unwrap().executions;
        for execution in executions {
            let arn = execution.execution_arn;
            let described = stack.sfn.describe_execution().execution_arn(&arn).send().await.unwrap();
            if described.input().is_some_and(|input| input.contains(tenant)) {
                return arn;
            }
        }
    }
}

#[tokio::test]
async fn no_password_is_in_a_task_a_history_or_a_log() {
    let (sit, _together) = Stack::together_in(&["sit"]).await;
    let tenant = new_tenant_id();
    let provisioned = sit.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let passwords = [
        text(&secret(sit, &format!("{tenant}-db-credentials")).await["password"]),
        text(&secret(sit, "rds-master-credentials").await["password"]),
    ];
    let deprovisioned = sit.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await;

    let mut texts = tests::logs::of_functions(sit).await;
    for outcome in [&provisioned, &deprovisioned] {
        texts.push(format!("{outcome:?}"));
        texts.extend(sit.written(&outcome.arn).await);
    }
    deprovisioned.succeeded();
    let executions = sit
        .sfn
        .list_executions()
        .state_machine_arn(sit.machine_arn("run-database-task"))
        .into_paginator()
        .items()
        .send();
    for execution in executions.collect::<Result<Vec<_>, _>>().await.unwrap() {
        texts.extend(sit.written(&execution.execution_arn).await);
    }
    assert!(
        texts.iter().any(|text| text.contains(&format!("DROP DATABASE IF EXISTS `{tenant}_db`"))),
        "{}",
        texts.len()
    );
    let tasks = sit.ecs.list_tasks().cluster("sit-cluster").family("sit-generic-db-init");
    let tasks = tasks.desired_status(DesiredStatus::Stopped).send().await.unwrap().task_arns.unwrap_or_default();
    assert!(!tasks.is_empty());
    for chunk in tasks.chunks(100) {
        let described = sit.ecs.describe_tasks().cluster("sit-cluster").set_tasks(Some(chunk.to_vec())).send().await;
        texts.push(format!("{described:?}"));
    }
    let log = sit.logs.filter_log_events().log_group_name("/ecs/sit-generic-db-init").into_paginator().send();
    let log = log.collect::<Result<Vec<_>, _>>().await.unwrap();
    let log = log.into_iter().flat_map(|page| page.events.unwrap_or_default()).filter_map(|event| event.message);
    let log: Vec<_> = log.collect();
    assert!(log.iter().any(|line| line.starts_with("created")), "{log:?}");
    texts.extend(log);
    for password in passwords {
        assert!(password.len() >= 16);
        assert_eq!(texts.iter().find(|text| text.contains(&password)), None);
    }
}
