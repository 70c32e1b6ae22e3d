//! A failed provisioning leaves nothing behind, and never touches foreign resources.

use serde_json::json;
use tests::Stack;
use tests::stack::{new_tenant_id, text};

#[tokio::test]
async fn a_deployment_that_fails_is_rolled_back_with_the_services_own_reasons() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let outcome =
        stack.run("provision-tenant", json!({"tenant_id": tenant, "image": "pretend/wordpress:does-not-exist"})).await;
    let (error, cause) = outcome.failed();
    assert_eq!(error, "DeploymentFailed", "{cause}");
    assert_eq!(cause["step"], "check-service-deployment");
    assert!(text(&cause["message"]).contains("CannotPullContainer"), "{cause}");
    assert_eq!((&cause["rolled_back"], &cause["leftovers"]), (&json!(true), &json!([])), "{cause}");
    assert!(cause["removed"].as_array().unwrap().len() >= 9, "{cause}");
    stack.only_its_log_is_left(&tenant, &cause).await;
    stack.run("teardown-tenant", json!({"tenant_id": tenant})).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_id_whose_log_is_left_is_free_after_a_teardown() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let broken = json!({"tenant_id": tenant, "image": "pretend/wordpress:does-not-exist"});
    let (_, failed) = stack.run("provision-tenant", broken).await.failed();
    stack.only_its_log_is_left(&tenant, &failed).await;
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!(error, "TenantAlreadyExists", "{cause}");
    assert!(text(&cause["message"]).contains("its log"), "{cause}");
    stack.only_its_log_is_left(&tenant, &failed).await;

    stack.run("teardown-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
}

#[tokio::test]
async fn when_several_branches_fail_the_first_names_the_error() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.take_away("create-database", "secretsmanager:GetSecretValue").await;
    stack.take_away("create-listener-rule", "elasticloadbalancing:CreateRule").await;
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    stack.give_back("create-database").await;
    stack.give_back("create-listener-rule").await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["step"]), ("AccessDenied", &json!("create-database")), "{cause}");
    assert_eq!((&cause["rolled_back"], &cause["leftovers"]), (&json!(true), &json!([])), "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_existing_tenant_is_untouched_by_a_second_provisioning_of_its_id() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!(error, "TenantAlreadyExists", "{cause}");
    assert!(text(&cause["message"]).contains("update-tenant") && text(&cause["message"]).contains(&tenant), "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, before);
}

#[tokio::test]
async fn exactly_one_of_two_provisionings_of_one_id_at_once_succeeds() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let input = json!({"tenant_id": tenant});
    let executions = [stack.start("provision-tenant", &input).await, stack.start("provision-tenant", &input).await];
    let mut won = 0;
    for arn in executions {
        let outcome = stack.ended(&arn).await;
        if outcome.error.is_empty() {
            won += 1;
        } else {
            assert_eq!(outcome.failed().0, "TenantAlreadyExists");
        }
    }
    assert_eq!(won, 1);
    let inventory = stack.invoke("inventory-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert!(
        inventory["resources"].as_object().unwrap().values().all(|resource| resource["status"] == "present"),
        "{inventory}"
    );
}

#[tokio::test]
async fn foreign_resources_under_the_id_are_neither_used_nor_removed() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.logs.create_log_group().log_group_name(format!("/ecs/dev-{tenant}")).send().await.unwrap();
    let before = stack.snapshot(&tenant).await;
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!(error, "TenantAlreadyExists", "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, before);

    // A foreign resource appears between the inventory and the step: the step refuses it, and the rollback leaves it
    // alone.
    let owner =
        format!("arn:aws:states:{}:{}:execution:dev-provision-tenant:test-{tenant}", stack.region, stack.account);
    let step = json!({"tenant_id": tenant, "owner": owner});
    assert_eq!(stack.invoke("create-log-group", &step).await.unwrap_err().0, "ResourceConflict");
    let rollback =
        stack.run("teardown-tenant", json!({"tenant_id": tenant, "owner": owner, "force_delete_secret": true})).await;
    let kept = rollback.succeeded();
    assert!(kept["kept"][0]["identifier"].as_str().unwrap().contains(&tenant), "{kept}");
    assert_eq!(stack.snapshot(&tenant).await, before);
}

#[tokio::test]
async fn a_rollback_that_cannot_finish_names_what_is_left() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.take_away("create-service", "ecs:CreateService").await;
    stack.take_away("delete-target-group", "elasticloadbalancing:DeleteTargetGroup").await;
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    stack.give_back("create-service").await;
    stack.give_back("delete-target-group").await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["step"]), ("AccessDenied", &json!("create-service")), "{cause}");
    assert_eq!(cause["rolled_back"], false, "{cause}");
    let leftovers = cause["leftovers"].as_array().unwrap();
    assert_eq!(leftovers.len(), 1, "{cause}");
    assert!(text(&leftovers[0]["identifier"]).contains(&format!("dev-{tenant}-tg")), "{cause}");

    stack.run("teardown-tenant", json!({"tenant_id": tenant})).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}
