//! A new tenant never gets an earlier one's files, and a rollback removes only what its own execution has made.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

/// Makes files of a tenant that nobody knows, as an earlier tenant has left them.
async fn left_by_an_earlier_tenant(stack: &Stack, tenant: &str) -> PathBuf {
    let directory = stack.all_files().await.join(tenant);
    fs::create_dir_all(directory.join("wp-content/uploads")).unwrap();
    fs::write(directory.join("wp-content/uploads/picture"), "pixels").unwrap();
    directory
}

async fn purge(stack: &Stack, tenant: &str) {
    assert_eq!(stack.invoke("purge-files", &json!({"tenant_id": tenant})).await.unwrap()["removed"], true);
    assert_eq!(stack.files(tenant).await, Vec::<String>::new());
}

async fn files_of(stack: &Stack, tenant: &str) -> Value {
    let inventory = stack.invoke("inventory-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    inventory["resources"]["files"].clone()
}

#[tokio::test]
async fn an_id_whose_directory_exists_is_refused_before_anything_is_made_and_the_directory_is_untouched() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    left_by_an_earlier_tenant(stack, &tenant).await;
    let before = stack.files(&tenant).await;
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["step"]), ("TenantAlreadyExists", &json!("inventory-tenant")), "{cause}");
    let message = text(&cause["message"]);
    assert!(message.contains(&format!("/wordpress/{tenant}")) && message.contains("purge_files"), "{message}");
    assert_eq!((&cause["rolled_back"], &cause["removed"]), (&json!(false), &json!([])), "{cause}");
    assert_eq!(stack.files(&tenant).await, before);
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    purge(stack, &tenant).await;
}

#[tokio::test]
async fn files_have_an_owner_stay_when_a_person_removes_the_tenant_and_keep_its_id_until_they_are_purged() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let owner = outcome.arn.clone();
    assert_eq!(outcome.succeeded()["files_directory"], format!("/wordpress/{tenant}"));
    let described = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!((&described["files"]["owner"], &described["lacks"]), (&json!(owner), &json!([])), "{described}");
    assert!(described["files"]["since"].is_string(), "{described}");
    let directory = format!("/wordpress/{tenant}");
    let found = json!([{"identifier": directory, "owner": owner, "going": false}]);
    assert_eq!(files_of(stack, &tenant).await, json!({"status": "present", "found": found}));

    stack.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
    let (error, message) = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap_err();
    assert!(error == "TenantNotFound" && message.contains(&directory), "{error}: {message}");
    let listed = stack.listed(json!({})).await;
    assert!(listed.iter().all(|listed| listed["tenant_id"] != tenant), "files alone are no tenant");
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    assert_eq!(error, "TenantAlreadyExists", "{cause}");

    purge(stack, &tenant).await;
    assert_eq!(files_of(stack, &tenant).await, json!({"status": "absent"}));
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    purge(stack, &tenant).await;
}

#[tokio::test]
async fn a_rollback_leaves_no_directory_and_one_entry_in_the_quarantine() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let broken = json!({"tenant_id": tenant, "image": "pretend/wordpress:does-not-exist"});
    let (error, cause) = stack.run("provision-tenant", broken).await.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
    assert!(cause["removed"].as_array().unwrap().contains(&json!(format!("/wordpress/{tenant}"))), "{cause}");
    let left = stack.files(&tenant).await;
    let entry = &left[0];
    assert!(entry.starts_with(&format!(".quarantine/{tenant}-")), "{left:?}");
    assert!(
        left.iter().all(|path| path.starts_with(entry)) && left.contains(&format!("{entry}/owner.json")),
        "{left:?}"
    );

    // The id is free when the log of the failed deployment is removed, too.
    stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await.succeeded();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    purge(stack, &tenant).await;
}

#[tokio::test]
async fn a_rollback_leaves_a_directory_that_was_there_before_as_it_was() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    left_by_an_earlier_tenant(stack, &tenant).await;
    let before = stack.files(&tenant).await;
    // The directory has appeared after the inventory: the step refuses it, and the rollback leaves it alone.
    let owner =
        format!("arn:aws:states:{}:{}:execution:dev-provision-tenant:test-{tenant}", stack.region, stack.account);
    let step = json!({"tenant_id": tenant, "owner": owner});
    let (error, message) = stack.invoke("create-files", &step).await.unwrap_err();
    assert!(error == "ResourceConflict" && message.contains(&format!("/wordpress/{tenant}")), "{error}: {message}");
    let result = stack.run("teardown-tenant", step).await.succeeded();
    assert_eq!(result["kept"][0]["reason"], "not made by tenant management", "{result}");
    assert_eq!(stack.files(&tenant).await, before);
    purge(stack, &tenant).await;
}

#[tokio::test]
async fn an_audit_names_the_directories_of_no_tenant_and_empties_the_quarantine() {
    let (stack, _alone) = Stack::alone().await;
    let (orphan, whole) = (new_tenant_id(), new_tenant_id());
    left_by_an_earlier_tenant(stack, &orphan).await;
    stack.run("provision-tenant", json!({"tenant_id": whole})).await.succeeded();
    let root = stack.all_files().await;
    let (expired, kept) = (format!("{orphan}-20200101T000000Z"), format!("{orphan}-29990101T000000Z"));
    for entry in [&expired, &kept] {
        fs::create_dir_all(root.join(".quarantine").join(entry).join("wp-content")).unwrap();
    }
    // At most 100 are named, the first by their ids: those of other tests may come first.
    let audited = stack.run("audit-tenants", json!({})).await.succeeded();
    let named: Vec<_> =
        audited["abandoned_files"].as_array().unwrap().iter().map(|found| text(&found["directory"])).collect();
    let more = audited["more_abandoned_files"].as_u64().unwrap();
    assert!(named.contains(&format!("/wordpress/{orphan}")) || more > 0, "{audited}");
    assert!(!named.contains(&format!("/wordpress/{whole}")), "{audited}");
    assert!(!root.join(".quarantine").join(&expired).exists() && root.join(".quarantine").join(&kept).exists());
    assert!(root.join(&orphan).exists(), "an audit deletes the files of nobody");

    stack
        .run("teardown-tenant", json!({"tenant_id": whole, "confirmation": whole, "force_delete_secret": true}))
        .await
        .succeeded();
    for tenant in [orphan, whole] {
        purge(stack, &tenant).await;
    }
}
