//! A tenant of an earlier version, whose whole document root is on the file system, is moved to the mount of new
//! tenants, with its visitors.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
use local::visitor::Visitor;
use serde_json::{Value, json};
use tests::Stack;
use tests::earlier::{GRACE_SECONDS, INSTALLER};
use tests::site::{self, Site};
use tests::stack::{new_tenant_id, text, variable};

const IMAGE: &str = "wordpress:6-apache";
/// The next release.
const NEXT: &str = "wordpress:next-apache";
/// A release that answers every page with an error.
const FATAL: &str = "wordpress:fatal-apache";
/// One pixel.
const PICTURE: &[u8] = include_bytes!("pixel.png");

async fn group(stack: &Stack, tenant: &str) -> TargetGroup {
    let named = stack.elb.describe_target_groups().names(stack.named(&format!("{tenant}-tg"))).send().await;
    named.unwrap().target_groups.unwrap().remove(0)
}

async fn grace_seconds(stack: &Stack, tenant: &str) -> Option<i32> {
    let services = stack.ecs.describe_services().cluster(stack.named("cluster"));
    let services = services.services(stack.named(&format!("{tenant}-service"))).send().await.unwrap();
    services.services()[0].health_check_grace_period_seconds()
}

/// The directories of the tenant's access points.
async fn directories(stack: &Stack, tenant: &str) -> Vec<String> {
    let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    let mut all: Vec<_> = told["access_points"].as_array().unwrap().iter().map(|it| text(&it["path"])).collect();
    all.sort();
    all
}

/// The release of WordPress that serves the site, as its feed says.
async fn release(visitor: &Visitor) -> String {
    let feed = visitor.get("/feed/").await.unwrap().text;
    let (_, rest) = feed.split_once("<generator>").unwrap_or_else(|| panic!("{feed}"));
    rest.split_once("</generator>").unwrap().0.to_owned()
}

/// Visits the site again and again until it is told to stop. Returns the statuses other than 200.
fn visiting(visitor: Visitor, ends: Arc<AtomicBool>) -> tokio::task::JoinHandle<Vec<u16>> {
    tokio::spawn(async move {
        let mut others = Vec::new();
        while !ends.load(Ordering::Relaxed) {
            let status = visitor.get("/").await.unwrap().status;
            others.extend(Some(status).filter(|status| *status != 200));
        }
        others
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_of_an_earlier_version_gets_the_images_core_and_keeps_what_the_customer_has_made() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let tenant = new_tenant_id();
    let made = stack.run("provision-tenant", json!({"tenant_id": tenant, "image": IMAGE})).await.succeeded();
    let site = Site::of(stack, &made);
    let (user, password) = site.credentials().await;
    let administrator = site.administrator().await;
    let post = administrator.publish("We are open", "Come in.").await.unwrap();
    let picture = administrator.upload("pixel.png", PICTURE.to_vec()).await.unwrap();
    stack.make_one_of_an_earlier_version(&tenant).await;
    let root = Path::new(&variable("FILES_DIRECTORY")).join(format!("wordpress/{tenant}"));
    assert!(root.join("wp-config.php").exists(), "WordPress itself is on the file system");
    let visitor = site.visitor();
    let is_all_there = async || {
        assert!(visitor.get(&post).await.unwrap().text.contains("Come in."));
        assert_eq!(visitor.get(&picture).await.unwrap().status, 200);
    };
    is_all_there().await;
    let old = release(&visitor).await;
    stack.run("update-tenant", json!({"tenant_id": tenant, "image": NEXT})).await.succeeded();
    assert_eq!(release(&visitor).await, old, "an image does not update a core that is on the file system");

    let before = stack.snapshot(&tenant).await.len();
    let input = json!({"tenant_id": tenant, "move_content": true, "image": FATAL});
    let (error, cause) = stack.run("update-tenant", input).await.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
    assert_eq!(directories(stack, &tenant).await, [format!("/wordpress/{tenant}")], "its access point is deleted");
    assert_eq!(group(stack, &tenant).await.health_check_path(), Some(INSTALLER));
    assert_eq!(grace_seconds(stack, &tenant).await, Some(GRACE_SECONDS));
    assert_eq!(stack.snapshot(&tenant).await.len(), before);
    is_all_there().await;

    let ends = Arc::new(AtomicBool::new(false));
    let visits = visiting(site.visitor(), ends.clone());
    let input = json!({"tenant_id": tenant, "move_content": true});
    let moved = stack.run("update-tenant", input.clone()).await.succeeded();
    ends.store(true, Ordering::Relaxed);
    assert_eq!(visits.await.unwrap(), Vec::<u16>::new(), "every visitor got the site, all the time");
    assert_eq!((&moved["status"], &moved["changes"]), (&json!("updated"), &json!(["mounts"])), "{moved}");
    assert_eq!(
        (&moved["previous"]["mounts"], &moved["current"]["mounts"]),
        (&json!("document-root"), &json!("content"))
    );
    is_all_there().await;
    assert_ne!(release(&visitor).await, old, "the core is the image's");
    // A newer core may ask its administrator to update the database first. Who is not logged in is led to the login page.
    let administrator = site.visitor();
    administrator.log_in(&user, &password).await.unwrap();
    let page = administrator.get("/wp-admin/").await.unwrap();
    let location = page.location.unwrap_or_default();
    assert!(
        page.status == 200 || location.contains("/wp-admin/upgrade.php"),
        "the administrator is the same: {location}"
    );
    assert_eq!(group(stack, &tenant).await.health_check_path(), Some("/tenant-management/alive.txt"));
    assert!(grace_seconds(stack, &tenant).await > Some(GRACE_SECONDS));
    let directory = format!("/wordpress/{tenant}");
    assert_eq!(directories(stack, &tenant).await, [directory.clone(), directory + "/wp-content"]);

    let again = stack.run("update-tenant", input).await.succeeded();
    assert_eq!(again["status"], "unchanged", "{again}");
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    fs::remove_dir_all(root).unwrap();
}

#[tokio::test]
async fn a_tenant_without_files_on_the_file_system_or_without_tasks_is_refused_and_untouched() {
    let (stack, _together) = Stack::together().await;
    let environment = stack.resolved().await;
    let (bare, stopped) = (new_tenant_id(), new_tenant_id());
    stack.make_by_the_runbook(&bare, &environment).await;
    stack.run("provision-tenant", json!({"tenant_id": stopped})).await.succeeded();
    stack.make_one_of_an_earlier_version(&stopped).await;
    stack.run("update-tenant", json!({"tenant_id": stopped, "suspended": true})).await.succeeded();
    for (tenant, named) in [(&bare, "mounts no files"), (&stopped, "\"suspended\": false")] {
        let before = stack.snapshot(tenant).await;
        let (error, cause) =
            stack.run("update-tenant", json!({"tenant_id": tenant, "move_content": true})).await.failed();
        assert_eq!((error.as_str(), &cause["step"]), ("ResourceConflict", &json!("begin-update")), "{cause}");
        assert!(text(&cause["message"]).contains(named), "{cause}");
        assert_eq!(stack.snapshot(tenant).await, before);
    }
    // Resumed and moved by one update, and never shown as it was.
    let input = json!({"tenant_id": stopped, "suspended": false, "move_content": true});
    let moved: Value = stack.run("update-tenant", input).await.succeeded();
    assert_eq!((&moved["current"]["mounts"], &moved["current"]["desired_count"]), (&json!("content"), &json!(1)));
    for tenant in [bare, stopped] {
        stack
            .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
            .await
            .succeeded();
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    }
}
