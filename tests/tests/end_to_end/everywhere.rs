//! A tenant is deprovisioned from several environments, each in its own account and region.

use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

const ALL: [&str; 3] = ["dev", "sit", "prod"];

fn request(tenant: &str, environments: Value) -> Value {
    let mut request = crate::deprovisioning::request(tenant);
    request["environments"] = environments;
    request["confirmation"] = json!(tenant);
    request
}

fn of<'a>(result: &'a Value, environment: &str) -> &'a Value {
    let all = result["environments"].as_array().unwrap();
    all.iter().find(|result| result["environment"] == environment).unwrap()
}

async fn all() -> [&'static Stack; 3] {
    [Stack::of("dev").await, Stack::of("sit").await, Stack::of("prod").await]
}

#[tokio::test]
async fn a_tenant_is_removed_from_every_account_and_database_and_other_tenants_stay() {
    let (_, _together) = Stack::together_in(&ALL).await;
    let (tenant, neighbour) = (new_tenant_id(), new_tenant_id());
    let mut before = Vec::new();
    for stack in all().await {
        stack.run("provision-tenant", json!({"tenant_id": neighbour})).await.succeeded();
        before.push(stack.snapshot(&neighbour).await);
        if stack.environment == "prod" {
            stack.make_by_the_runbook(&tenant, &stack.resolved().await).await;
        } else {
            stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
        }
        assert!(stack.snapshot(&tenant).await.len() >= 9);
    }
    // The deprovisioning may be started in any of the environments.
    let prod = Stack::of("prod").await;
    let result = prod.run("deprovision-tenant-everywhere", request(&tenant, json!(["prod", "sit", "dev"]))).await;
    let result = result.succeeded();
    let order: Vec<_> =
        result["environments"].as_array().unwrap().iter().map(|one| text(&one["environment"])).collect();
    assert_eq!(order, ["dev", "sit", "prod"]);
    for (stack, before) in all().await.into_iter().zip(before) {
        let told = of(&result, stack.environment);
        assert_eq!((text(&told["account"]), text(&told["region"])), (stack.account.clone(), stack.region.clone()));
        assert_eq!(told["status"], "deprovisioned");
        assert!(told["removed"].as_array().unwrap().contains(&json!(format!("{tenant}_db"))), "{told}");
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
        assert_eq!(stack.snapshot(&neighbour).await, before);
    }
}

#[tokio::test]
async fn absent_in_one_environment_is_a_result_and_absent_everywhere_is_an_error() {
    let (dev, _together) = Stack::together_in(&ALL).await;
    let tenant = new_tenant_id();
    let [_, sit, prod] = all().await;
    for stack in [dev, prod] {
        stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    }
    let before = prod.snapshot(&tenant).await;
    // Without prod, no confirmation is needed.
    let mut input = request(&tenant, json!(["dev", "sit"]));
    input.as_object_mut().unwrap().remove("confirmation");
    let result = dev.run("deprovision-tenant-everywhere", input.clone()).await.succeeded();
    assert_eq!(
        (&of(&result, "dev")["status"], &of(&result, "sit")["status"]),
        (&json!("deprovisioned"), &json!("absent"))
    );
    assert_eq!(prod.snapshot(&tenant).await, before, "the same id in another environment");

    let (error, cause) = sit.run("deprovision-tenant-everywhere", input).await.failed();
    assert_eq!(error, "TenantNotFound", "{cause}");
}

#[tokio::test]
async fn an_environment_that_fails_is_reported_with_its_reasons_and_does_not_hide_the_others() {
    let (dev, _alone) = Stack::alone_in(&ALL).await;
    let tenant = new_tenant_id();
    let [_, sit, prod] = all().await;
    for stack in all().await {
        stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    }
    let sit_before = sit.snapshot(&tenant).await;
    let peer = "arn:aws:iam::815856636111:role/sit-tenant-management-peer";
    dev.take_away_on("start-peer-execution", "sts:AssumeRole", peer).await;
    prod.take_away("delete-secret", "secretsmanager:DeleteSecret").await;
    let outcome = dev.run("deprovision-tenant-everywhere", request(&tenant, json!(["dev", "sit", "prod"]))).await;
    dev.give_back("start-peer-execution").await;
    prod.give_back("delete-secret").await;

    let (error, cause) = outcome.failed();
    assert_eq!(error, "TeardownIncomplete", "{cause}");
    assert_eq!(of(&cause, "dev")["status"], "deprovisioned");
    let refused = of(&cause, "sit");
    assert_eq!((&refused["status"], &refused["error"]), (&json!("failed"), &json!("AccessDenied")), "{refused}");
    assert!(text(&refused["message"]).contains(peer), "{refused}");
    let left = of(&cause, "prod");
    assert_eq!(
        (&left["error"], &left["leftovers"][0]["kind"]),
        (&json!("TeardownIncomplete"), &json!("secret")),
        "{left}"
    );
    assert_eq!(sit.snapshot(&tenant).await, sit_before);

    dev.run("deprovision-tenant-everywhere", request(&tenant, json!(["sit", "prod"]))).await.succeeded();
    for stack in all().await {
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_repeated_start_finds_the_execution_of_the_first() {
    let (dev, _together) = Stack::together_in(&["dev", "sit"]).await;
    let tenant = new_tenant_id();
    let sit = Stack::of("sit").await;
    sit.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let execution =
        format!("arn:aws:states:{}:{}:execution:dev-deprovision-tenant-everywhere:{tenant}", dev.region, dev.account);
    let mut wanted = crate::deprovisioning::request(&tenant);
    wanted["environment"] = json!("sit");
    let input = json!({"execution": execution, "environment": "sit", "request": wanted});
    let first = dev.invoke("start-peer-execution", &input).await.unwrap();
    let second = dev.invoke("start-peer-execution", &input).await.unwrap();
    let arn = text(&first["execution_arn"]);
    sit.ended(&arn).await.succeeded();
    let third = dev.invoke("start-peer-execution", &input).await.unwrap();
    assert_eq!((&first, &first), (&second, &third), "while it runs, and when it has ended");
    let check = dev.invoke("check-peer-execution", &json!({"environment": "sit", "execution_arn": arn})).await.unwrap();
    assert_eq!((&check["ended"], &check["result"]["status"]), (&json!(true), &json!("deprovisioned")), "{check}");
}

#[tokio::test]
async fn nothing_is_touched_without_the_confirmation_that_prod_wants() {
    let (dev, _together) = Stack::together_in(&ALL).await;
    let tenant = new_tenant_id();
    dev.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = dev.snapshot(&tenant).await;
    for confirmation in [json!(null), json!("yes")] {
        let mut input = request(&tenant, json!(null));
        input["confirmation"] = confirmation;
        let (error, cause) = dev.run("deprovision-tenant-everywhere", input).await.failed();
        assert_eq!(error, "ConfirmationMismatch", "{cause}");
        assert!(text(&cause["message"]).contains(&tenant), "{cause}");
    }
    assert_eq!(dev.snapshot(&tenant).await, before);
}
