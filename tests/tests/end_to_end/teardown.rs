//! The teardown, which every removal of a tenant uses.

use serde_json::json;
use tests::Stack;
use tests::stack::new_tenant_id;
use tests::stale::Stale;

#[tokio::test]
async fn a_teardown_removes_everything_and_a_second_one_is_harmless() {
    let (stack, _together) = Stack::together().await;
    let (tenant, bystander) = (new_tenant_id(), new_tenant_id());
    stack.run("provision-tenant", json!({"tenant_id": bystander})).await.succeeded();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&bystander).await;

    let input = json!({"tenant_id": tenant, "environment": "dev", "confirmation": tenant, "force_delete_secret": true});
    let result = stack.run("teardown-tenant", input).await.succeeded();
    assert_eq!(result["removed"].as_array().unwrap().len(), 12, "{result}");
    assert_eq!(result["leftovers"], json!([]));
    let reason = "files stay on the file system unless purge_files is true";
    let files = json!({"kind": "files", "identifier": format!("/wordpress/{tenant}"), "reason": reason});
    assert_eq!(result["kept"], json!([files]));
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());

    let again = stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(again["removed"], json!([]));
    assert_eq!(stack.snapshot(&bystander).await, before);
}

#[tokio::test]
async fn a_customers_tenant_goes_only_with_its_id_typed_once_more_even_if_a_part_of_it_is_missing() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let made = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.elb.delete_rule().rule_arn(made["listener_rule_arn"].as_str().unwrap()).send().await.unwrap();
    let before = stack.snapshot(&tenant).await;
    for confirmation in [json!(null), json!("yes"), json!(new_tenant_id())] {
        let input = json!({"tenant_id": tenant, "confirmation": confirmation, "force_delete_secret": true});
        let (error, cause) = stack.run("teardown-tenant", input).await.failed();
        assert_eq!((error.as_str(), &cause["removed"]), ("ConfirmationMismatch", &json!([])), "{cause}");
        assert!(cause["message"].as_str().unwrap().contains("nothing was deleted"), "{cause}");
    }
    let (_, cause) = stack.run("teardown-tenant", json!({"tenant_id": tenant})).await.failed();
    for named in [format!("{tenant}_db"), format!("/wordpress/{tenant}"), format!("dev-{tenant}-service")] {
        assert!(cause["message"].as_str().unwrap().contains(&named), "{named}: {cause}");
    }
    assert_eq!(stack.snapshot(&tenant).await, before);
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await.succeeded();
}

#[tokio::test]
async fn nothing_goes_unconfirmed_while_nobody_can_see_what_there_is() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    stack.take_away("inventory-tenant", "ecs:DescribeServices").await;
    let refused = stack.run("teardown-tenant", json!({"tenant_id": tenant})).await;
    stack.give_back("inventory-tenant").await;
    let (error, cause) = refused.failed();
    assert_eq!((error.as_str(), &cause["removed"]), ("AccessDenied", &json!([])), "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, before);
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await.succeeded();
}

#[tokio::test]
async fn a_secret_stays_recoverable_unless_it_is_forced_and_the_answer_says_until_when() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let result = stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "secret_recovery_days": 7}))
        .await
        .succeeded();
    assert!(result["going"][0]["reason"].as_str().unwrap().contains("recoverable until"), "{result}");

    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!(error, "TenantAlreadyExists", "the id is not free yet: {cause}");
    // The same fact is told in the same words, with the command that frees the id.
    let (_, told) = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap_err();
    for message in [cause["message"].as_str().unwrap(), &told] {
        assert!(message.contains("to use the id now, start dev-teardown-tenant with"), "{message}");
        assert!(message.contains("recoverable until") && message.contains("purge_files"), "{message}");
    }

    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    stack.invoke("purge-files", &json!({"tenant_id": tenant})).await.unwrap();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
}

#[tokio::test]
async fn resources_that_somebody_else_has_deleted_are_no_error() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let made = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.elb.delete_rule().rule_arn(made["listener_rule_arn"].as_str().unwrap()).send().await.unwrap();
    stack.efs.delete_access_point().access_point_id(made["access_point_id"].as_str().unwrap()).send().await.unwrap();
    stack.logs.delete_log_group().log_group_name(format!("/ecs/dev-{tenant}")).send().await.unwrap();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_resource_that_a_deletion_did_not_see_is_deleted_in_another_round() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let stale = Stale::start("/access-points", r#"{"AccessPoints": []}"#).await;
    let original = stack.variables("delete-access-point").await;
    let mut misled = original.clone();
    misled.insert("AWS_ENDPOINT_URL_EFS".to_owned(), stale.endpoint.clone());
    stack.set_variables("delete-access-point", misled).await;
    let outcome = stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await;
    stack.set_variables("delete-access-point", original).await;
    assert!(stale.has_answered());
    assert_eq!(outcome.succeeded()["removed"].as_array().unwrap().len(), 12);
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn every_deletion_is_tried_even_if_the_inventory_fails() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.take_away("inventory-tenant", "logs:DescribeLogGroups").await;
    let outcome = stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await;
    stack.give_back("inventory-tenant").await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["leftovers"][0]["kind"]), ("TeardownIncomplete", &json!("unknown")), "{cause}");
    assert_eq!(
        (&cause["step"], &cause["failures"][0]["step"]),
        (&json!("inventory-tenant"), &json!("inventory-tenant")),
        "{cause}"
    );
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_that_never_existed_is_torn_down_with_success() {
    let (stack, _together) = Stack::together().await;
    let result = stack.run("teardown-tenant", json!({"tenant_id": new_tenant_id()})).await.succeeded();
    assert_eq!(result["removed"], json!([]));
}
