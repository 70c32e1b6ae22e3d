//! The tenant's site, by what its visitors get. Nothing here asks the product about it.

use std::fs;

use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tests::database_route::Condition;
use tests::site::{self, Site};
use tests::stack::{new_tenant_id, text};
use tests::{Stack, database};

const IMAGE: &str = "wordpress:6-apache";
/// The next release.
pub(super) const NEXT: &str = "wordpress:next-apache";
/// A release that answers every page with an error.
pub(super) const FATAL: &str = "wordpress:fatal-apache";
/// One pixel.
const PICTURE: &[u8] = include_bytes!("pixel.png");

/// Provisions a tenant with a real site.
pub(super) async fn provision(stack: &'static Stack, input: Value) -> (Site, Value) {
    let mut input = input;
    input["tenant_id"] = json!(new_tenant_id());
    input["image"] = json!(IMAGE);
    let made = stack.run("provision-tenant", input).await.succeeded();
    (Site::of(stack, &made), made)
}

/// Removes a tenant and its files.
pub(super) async fn remove(stack: &Stack, site: &Site) {
    stack
        .run(
            "teardown-tenant",
            json!({"tenant_id": site.tenant, "confirmation": site.tenant, "force_delete_secret": true}),
        )
        .await
        .succeeded();
    fs::remove_dir_all(site.content().parent().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_site_is_installed_belongs_to_its_administrator_and_is_at_its_host() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let asked = json!({"site": {"title": "Käse & Söhne", "admin_user": "jo", "admin_email": "jo@example.com"}});
    let ((cheese, made), (other, _)) = tokio::join!(provision(stack, asked), provision(stack, json!({})));

    let home = cheese.visitor().get("/").await.unwrap();
    assert_eq!((home.status, home.title()), (200, "Käse &amp; Söhne"), "{}", home.text);
    assert!(home.text.contains("</html>"));
    let other_home = other.visitor().get("/").await.unwrap();
    assert_eq!(other_home.title(), format!("{}.{}", other.tenant, stack.domain));

    let installer = cheese.visitor().get("/wp-admin/install.php").await.unwrap();
    assert!(!installer.text.contains("<form"), "{}", installer.text);
    let admin_url = text(&made["admin_url"]);
    let login = cheese.visitor().get("/wp-admin/").await.unwrap();
    assert_eq!(login.status, 302);
    assert!(login.location.unwrap().starts_with(admin_url.trim_end_matches("wp-admin/")), "it stays on the host");
    assert!(made["seconds_until_served"].as_u64().is_some_and(|seconds| seconds < 120), "{made}");

    let (user, password) = cheese.credentials().await;
    assert_eq!(user, "jo");
    assert!(cheese.visitor().log_in(&user, &password).await.unwrap());
    let (_, password_of_other) = other.credentials().await;
    for wrong in [password_of_other.as_str(), "", "jo"] {
        assert!(!cheese.visitor().log_in(&user, wrong).await.unwrap(), "{wrong}");
    }
    assert!(!cheese.log().await.contains(&password), "the password is in no log");
    for site in [&cheese, &other] {
        remove(stack, site).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_image_is_a_new_core_and_what_the_customer_has_made_stays() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let version = async || {
        let told = stack.invoke("describe-tenant", &json!({"tenant_id": site.tenant})).await.unwrap();
        text(&told["database"]["wordpress_version"])
    };
    let old = version().await;
    let administrator = site.administrator().await;
    let post = administrator.publish("We are open", "Come in.").await.unwrap();
    let picture = administrator.upload("pixel.png", PICTURE.to_vec()).await.unwrap();

    let update = json!({"tenant_id": site.tenant, "image": NEXT, "desired_count": 2});
    let updated = stack.run("update-tenant", update).await.succeeded();
    let new = version().await;
    assert!(!old.is_empty() && new != old, "{old}");
    let versions = [&updated["previous_wordpress_version"], &updated["wordpress_version"]];
    assert_eq!(versions, [&json!(old), &json!(new)], "{updated}");
    assert!(updated["database_upgraded"] == true && updated["could_go_back_until"].is_string(), "{updated}");
    // Both tasks are asked in turn, and each knows the login that another task has given. Who is not logged in is led to
    // the login page, and a core whose tables are too old leads its administrator to their upgrade.
    for _ in 0..6 {
        assert_eq!(administrator.get("/wp-admin/").await.unwrap().status, 200);
        assert!(site.visitor().get(&post).await.unwrap().text.contains("Come in."));
        assert_eq!(site.visitor().get(&picture).await.unwrap().status, 200);
    }

    let (error, cause) = stack.run("update-tenant", json!({"tenant_id": site.tenant, "image": FATAL})).await.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
    assert!(text(&cause["message"]).contains("/wp-login.php answers HTTP/1.1 500"), "{cause}");
    assert!(site.visitor().get(&post).await.unwrap().text.contains("Come in."), "the old one still serves");
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_image_is_refused_unless_it_is_allowed() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let update = async |image: &str, allow: bool| {
        let request = json!({"tenant_id": site.tenant, "image": image, "allow_downgrade": allow});
        stack.run("update-tenant", request).await
    };
    update(NEXT, false).await.succeeded();

    // The tag does not say that it is older, so its first task finds out.
    let (error, cause) = update(IMAGE, false).await.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
    assert!(text(&cause["message"]).contains("changed the tables last"), "{cause}");
    assert_eq!(site.visitor().get("/").await.unwrap().status, 200);

    let back = update(IMAGE, true).await.succeeded();
    assert_eq!(back["database_upgraded"], false, "{back}");
    assert_eq!(site.visitor().get("/").await.unwrap().status, 200);
    // Now this version is the one that the tables belong to.
    stack.run("update-tenant", json!({"tenant_id": site.tenant, "force_new_deployment": true})).await.succeeded();
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_upgraded_leaves_the_new_core_and_says_what_to_do() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let administrator = site.administrator().await;
    let plugins = site.content().join("mu-plugins");
    fs::create_dir(&plugins).unwrap();
    let broken = "<?php if (PHP_SAPI === 'cli') { a_function_that_is_not_there(); }";
    fs::write(plugins.join("broken.php"), broken).unwrap();
    let (error, cause) = stack.run("update-tenant", json!({"tenant_id": site.tenant, "image": NEXT})).await.failed();
    let message = text(&cause["message"]);
    assert_eq!((error.as_str(), text(&cause["step"]).as_str()), ("DeploymentFailed", "upgrade-database"), "{cause}");
    for part in ["a_function_that_is_not_there()", "dev-run-tenant-job"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    let location = administrator.get("/wp-admin/").await.unwrap().location.unwrap_or_default();
    assert!(location.contains("/wp-admin/upgrade.php"), "{location}");

    fs::remove_dir_all(&plugins).unwrap();
    let job = json!({"tenant_id": site.tenant, "job": "upgrade-database"});
    let done = stack.run("run-tenant-job", job.clone()).await.succeeded();
    assert_eq!(done["database"]["upgraded"], true, "{done}");
    assert_eq!(administrator.get("/wp-admin/").await.unwrap().status, 200);
    let again = stack.run("run-tenant-job", job).await.succeeded();
    assert_eq!(again["database"]["upgraded"], false, "{again}");
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_breaks_every_page_fails_a_deployment_and_is_named() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let tasks = site.tasks().await;
    let plugins = site.content().join("mu-plugins");
    fs::create_dir(&plugins).unwrap();
    fs::write(plugins.join("broken.php"), "<?php if (PHP_SAPI !== 'cli') { a_function_that_is_not_there(); }").unwrap();
    assert_eq!(site.visitor().get("/").await.unwrap().status, 500);

    let again = json!({"tenant_id": site.tenant, "force_new_deployment": true});
    let (error, cause) = stack.run("update-tenant", again).await.failed();
    assert_eq!(error, "DeploymentFailed", "{cause}");
    let message = text(&cause["message"]);
    for part in ["/wp-login.php answers HTTP/1.1 500", "a_function_that_is_not_there() in", "broken.php"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(site.tasks().await, tasks, "the task that serves stays, since a new one would have the same plugin");
    fs::remove_dir_all(&plugins).unwrap();
    site.answers(200).await;
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hardening_that_hides_login_and_installer_changes_nothing() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let rules = site.content().join(".htaccess.site");
    let rule = "RewriteEngine On\nRewriteRule ^wp-login\\.php|^wp-admin/install\\.php - [F]\n";
    fs::write(&rules, rule.to_owned() + &fs::read_to_string(&rules).unwrap()).unwrap();
    assert_eq!(site.visitor().get("/wp-login.php").await.unwrap().status, 403);
    let again = json!({"tenant_id": site.tenant, "force_new_deployment": true});
    stack.run("update-tenant", again).await.succeeded();
    assert_eq!(site.visitor().get("/wp-login.php").await.unwrap().status, 403, "the new task has the rule, too");
    assert_eq!(site.visitor().get("/").await.unwrap().status, 200);
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installed_site_whose_tables_are_missing_is_never_replaced_by_an_empty_one() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let mut administrator = database::administrator(stack).await;
    let tables = format!("SELECT table_name FROM information_schema.tables WHERE table_schema = '{}_db'", site.tenant);
    let names: Vec<String> = administrator.query(&tables).await.unwrap();
    assert!(names.iter().any(|name| name == "wp_options"), "{names:?}");
    for name in &names {
        administrator.query_drop(format!("DROP TABLE `{}_db`.`{name}`", site.tenant)).await.unwrap();
    }
    let again = json!({"tenant_id": site.tenant, "force_new_deployment": true});
    assert_eq!(stack.run("update-tenant", again).await.failed().0, "DeploymentFailed");
    assert!(site.log().await.contains("the tables of the site are missing"), "{}", site.log().await);
    assert_eq!(administrator.query::<String, _>(&tables).await.unwrap(), Vec::<String>::new());
    administrator.disconnect().await.unwrap();
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_site_shows_its_page_and_a_resumed_one_the_site() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    stack.run("update-tenant", json!({"tenant_id": site.tenant, "suspended": true})).await.succeeded();
    let page = site.visitor().get("/").await.unwrap();
    assert_eq!(page.status, 503, "{}", page.text);
    stack.run("update-tenant", json!({"tenant_id": site.tenant, "suspended": false})).await.succeeded();
    assert_eq!(site.visitor().get("/").await.unwrap().status, 200);
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_hangs_while_visitors_wait_replaces_no_task_and_the_site_heals() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, route) = crate::outages::site_with_a_route(stack).await;
    let tasks = site.tasks().await;
    route.be(Condition::Hung).await;
    // Three times as many visitors as run and wait at a time.
    let visitors: Vec<_> =
        (0..72).map(|_| site.visitor()).map(|visitor| tokio::spawn(async move { visitor.get("/").await })).collect();
    let mut statuses = Vec::new();
    for visitor in visitors {
        statuses.push(visitor.await.unwrap().unwrap().status);
    }
    route.be(Condition::Open).await;
    assert!(statuses.iter().all(|status| [500, 502, 503, 504].contains(status)), "{statuses:?}");
    site.answers(200).await;
    assert_eq!(site.tasks().await, tasks, "no task was replaced");
    remove(stack, &site).await;
}
