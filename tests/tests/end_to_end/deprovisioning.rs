//! A deprovisioning checks the checklist, removes the tenant completely, and touches no other tenant.

use aws_sdk_ecs::types::ContainerDefinition;
use serde_json::{Value, json};
use tests::Stack;
pub(crate) use tests::deprovisioning::request;
use tests::stack::{new_tenant_id, text};

fn with(tenant: &str, field: &str, value: Value) -> Value {
    let mut request = request(tenant);
    request[field] = value;
    request
}

#[tokio::test]
async fn a_tenant_is_removed_completely_and_the_answer_says_what_was_removed_and_what_is_kept() {
    let (stack, _together) = Stack::together().await;
    let (tenant, neighbour) = (new_tenant_id(), new_tenant_id());
    stack.run("provision-tenant", json!({"tenant_id": neighbour})).await.succeeded();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&neighbour).await;

    let result = stack.run("deprovision-tenant", request(&tenant)).await.succeeded();
    assert_eq!((&result["status"], &result["approved_by"]), (&json!("deprovisioned"), &json!("Ada")));
    assert_eq!((&result["absent"], &result["leftovers"]), (&json!([]), &json!([])), "{result}");
    assert_eq!(result["removed"].as_array().unwrap().len(), 12, "{result}");
    assert_eq!(result["kept"][0]["identifier"], format!("/wordpress/{tenant}"), "the files are kept: {result}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    assert_eq!(stack.snapshot(&neighbour).await, before);

    let (error, cause) = stack.run("deprovision-tenant", request(&tenant)).await.failed();
    assert_eq!(error, "TenantNotFound", "{cause}");
    assert!(text(&cause["message"]).contains(&tenant), "{cause}");
}

#[tokio::test]
async fn open_checklist_items_are_named_all_together_and_nothing_is_touched() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    for (input, error, named) in [
        (
            json!({"tenant_id": tenant}),
            "ChecklistIncomplete",
            vec!["owner_notified", "data_backup", "billing_finalized", "approved_by"],
        ),
        (with(&tenant, "approved_by", json!("")), "ChecklistIncomplete", vec!["approved_by"]),
        (with(&tenant, "confirmation", json!("123")), "ConfirmationMismatch", vec!["\"123\"", &tenant]),
        (with(&tenant, "environment", json!("prod")), "WrongEnvironment", vec!["\"prod\""]),
        (with(&tenant, "tenant_id", json!("12")), "InvalidRequest", vec!["tenant_id", "12 digits"]),
        (with(&tenant, "force", json!(true)), "InvalidRequest", vec!["`force`"]),
        (with(&tenant, "secret_recovery_days", json!(1)), "InvalidRequest", vec!["secret_recovery_days"]),
        (json!([tenant]), "InvalidRequest", vec!["object"]),
    ] {
        let (name, cause) = stack.run("deprovision-tenant", input.clone()).await.failed();
        assert_eq!(name, error, "{input}: {cause}");
        for part in named {
            assert!(text(&cause["message"]).contains(part), "{part}: {cause}");
        }
    }
    assert_eq!(stack.snapshot(&tenant).await, before);
}

#[tokio::test]
async fn secret_and_log_group_are_kept_on_request_and_deleted_in_a_second_run() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let mut gentle = with(&tenant, "force_delete_secret", json!(false));
    gentle["keep_log_group"] = json!(true);
    let result = stack.run("deprovision-tenant", gentle.clone()).await.succeeded();
    let kept: Vec<_> = result["kept"].as_array().unwrap().iter().map(|kept| text(&kept["kind"])).collect();
    assert_eq!(kept, ["site-credentials", "secret", "log-group", "files"], "{result}");
    assert!(text(&result["kept"][0]["reason"]).contains("recoverable until"), "{result}");
    assert_eq!(stack.snapshot(&tenant).await.len(), 3, "both secrets and the log group");

    let again = stack.run("deprovision-tenant", gentle).await.succeeded();
    assert_eq!(again["removed"], json!([]), "running it twice is fine: {again}");
    stack.run("deprovision-tenant", request(&tenant)).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn files_are_deleted_on_request_and_those_of_another_tenant_are_not() {
    let (stack, _together) = Stack::together().await;
    let (tenant, neighbour) = (new_tenant_id(), new_tenant_id());
    let files = stack.variables("purge-files").await["FILES_DIRECTORY"].clone();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    for id in [&tenant, &neighbour] {
        std::fs::create_dir_all(format!("{files}/{id}/wp-content/uploads")).unwrap();
        std::fs::write(format!("{files}/{id}/wp-content/uploads/picture"), "pixels").unwrap();
    }
    stack.run("deprovision-tenant", request(&tenant)).await.succeeded();
    assert!(std::fs::exists(format!("{files}/{tenant}/wp-content/uploads/picture")).unwrap());

    // The tenant is gone, but its files can still be deleted.
    let result = stack.run("deprovision-tenant", with(&tenant, "purge_files", json!(true))).await.succeeded();
    assert_eq!(result["removed"], json!([format!("/wordpress/{tenant}")]), "{result}");
    assert!(!std::fs::exists(format!("{files}/{tenant}")).unwrap());
    assert!(std::fs::exists(format!("{files}/{neighbour}/wp-content/uploads/picture")).unwrap());
    let nothing = stack.run("deprovision-tenant", with(&tenant, "purge_files", json!(true))).await.failed();
    assert_eq!(nothing.0, "TenantNotFound");
    std::fs::remove_dir_all(format!("{files}/{neighbour}")).unwrap();
}

#[tokio::test]
async fn a_leftover_is_named_with_its_arn_and_the_reason() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.take_away("delete-target-group", "elasticloadbalancing:DeleteTargetGroup").await;
    let outcome = stack.run("deprovision-tenant", request(&tenant)).await;
    stack.give_back("delete-target-group").await;
    let (error, cause) = outcome.failed();
    assert_eq!(error, "TeardownIncomplete", "{cause}");
    let leftovers = cause["leftovers"].as_array().unwrap();
    assert_eq!((leftovers.len(), &leftovers[0]["kind"]), (1, &json!("target-group")), "{cause}");
    assert!(
        text(&leftovers[0]["identifier"]).starts_with("arn:")
            && text(&leftovers[0]["reason"]).contains("DeleteTargetGroup"),
        "{cause}"
    );
    assert!(cause["removed"].as_array().unwrap().len() >= 7, "the rest was removed: {cause}");

    stack.run("deprovision-tenant", request(&tenant)).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_that_the_runbook_made_is_removed_by_its_exact_names() {
    let (stack, _together) = Stack::together().await;
    let (tenant, longer) = (new_tenant_id(), format!("{}-old", new_tenant_id()));
    let tenant_of_longer = &longer[..12];
    let others = [format!("dev-{longer}"), format!("dev-{tenant}0")];
    for family in &others {
        let container = ContainerDefinition::builder().name("x").image("x").build();
        stack.ecs.register_task_definition().family(family).container_definitions(container).send().await.unwrap();
    }
    stack.make_by_the_runbook(&tenant, &stack.resolved().await).await;
    let result = stack.run("deprovision-tenant", request(&tenant)).await.succeeded();
    assert_eq!(
        result["absent"],
        json!(["dns-record", "task-role", "log-group", "site-credentials"]),
        "the runbook makes none: {result}"
    );
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    for family in &others {
        let left = stack.ecs.list_task_definitions().family_prefix(family).send().await.unwrap();
        assert_eq!(left.task_definition_arns().len(), 1, "{family} is another's");
    }

    let (error, cause) = stack.run("deprovision-tenant", request(tenant_of_longer)).await.failed();
    assert_eq!(error, "TenantNotFound", "a resource whose name only begins like the tenant's is ignored: {cause}");
}
