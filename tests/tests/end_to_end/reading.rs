//! The functions that only read: list-tenants, describe-tenant, locate-tenant, tail-tenant-logs.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use aws_sdk_ecs::types::ContainerDefinition;
use aws_sdk_efs::types::Tag;
use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetTypeEnum};
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tests::stack::{new_tenant_id, text};
use tests::{Stack, database};

fn entry<'a>(tenants: &'a [Value], id: &str) -> Option<&'a Value> {
    tenants.iter().find(|tenant| tenant["tenant_id"] == id)
}

fn lacks(tenant: &Value) -> Vec<String> {
    tenant["lacks"].as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn tenants_orphans_and_what_the_runbook_made_are_listed_with_what_they_lack() {
    // Alone: other tests' tenants would come and go between two pages, which the total would not show.
    let (stack, _alone) = Stack::alone().await;
    let (tenant, by_hand) = (new_tenant_id(), new_tenant_id());
    stack.run("provision-tenant", json!({"tenant_id": tenant, "image": "pretend/wordpress:6.4"})).await.succeeded();
    let environment = stack.resolved().await;
    stack.make_by_the_runbook(&by_hand, &environment).await;
    let orphans: Vec<_> = (0..6).map(|_| new_tenant_id()).collect();
    let [database, secret, group, access_point, family, logs] =
        [0, 1, 2, 3, 4, 5].map(|number| orphans[number].clone());
    let mut administrator = database::administrator(stack).await;
    administrator.query_drop(format!("CREATE DATABASE `{database}_db`")).await.unwrap();
    let made = stack.secrets.create_secret().name(format!("dev-{secret}-db-credentials")).secret_string("{}");
    made.send().await.unwrap();
    let made = stack.elb.create_target_group().name(format!("dev-{group}-tg")).protocol(ProtocolEnum::Http).port(80);
    made.vpc_id(text(&environment["vpc_id"])).target_type(TargetTypeEnum::Ip).send().await.unwrap();
    let name = Tag::builder().key("Name").value(format!("dev-{access_point}-ap")).build().unwrap();
    let made = stack.efs.create_access_point().client_token(&access_point).tags(name);
    made.file_system_id(text(&environment["file_systems"][0]["file_system_id"])).send().await.unwrap();
    // One task definition of exactly this family, and one of a family with a longer name, which belongs to no tenant.
    for family in [family.clone(), format!("{}0", new_tenant_id())] {
        let container = ContainerDefinition::builder().name("x").image("x").build();
        let definition = stack.ecs.register_task_definition().family(format!("dev-{family}"));
        definition.container_definitions(container).send().await.unwrap();
    }
    stack.logs.create_log_group().log_group_name(format!("/ecs/dev-{logs}")).send().await.unwrap();

    let all = stack.listed(json!({"limit": 7})).await;
    let ids: Vec<_> = all.iter().map(|tenant| text(&tenant["tenant_id"])).collect();
    assert!(ids.is_sorted() && ids.iter().all(|id| id.len() == 12), "{ids:?}");
    let whole = entry(&all, &tenant).unwrap();
    assert_eq!((&whole["status"], &whole["lacks"]), (&json!("active"), &json!([])), "{whole}");
    assert_eq!((&whole["desired_count"], &whole["running_count"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&whole["image"], &whole["cpu"], &whole["memory"]),
        (&json!("pretend/wordpress:6.4"), &json!(256), &json!(512))
    );
    assert_eq!((&whole["url"], &whole["age_days"]), (&json!(format!("https://{tenant}.{}", stack.domain)), &json!(0)));
    let runbook = entry(&all, &by_hand).unwrap();
    assert_eq!((&runbook["status"], lacks(runbook)), (&json!("partial"), vec!["log-group".to_owned()]), "{runbook}");
    for (orphan, kind) in [
        (&database, "database"),
        (&secret, "secret"),
        (&group, "target-group"),
        (&access_point, "access-point"),
        (&family, "task-definition"),
    ] {
        let orphan = entry(&all, orphan).unwrap();
        assert_eq!(orphan["status"], "partial", "{orphan}");
        assert!(lacks(orphan).len() == 7 && !lacks(orphan).contains(&kind.to_owned()), "{kind}: {orphan}");
    }
    let retired = entry(&all, &logs).unwrap();
    assert_eq!((&retired["status"], lacks(retired).len()), (&json!("retired"), 0), "a log alone: {retired}");
    let partial = stack.listed(json!({"status": "partial"})).await;
    assert!(partial.iter().all(|tenant| tenant["status"] == "partial"));
    assert!(entry(&partial, &by_hand).is_some() && entry(&partial, &tenant).is_none());

    for orphan in orphans.iter().chain([&tenant, &by_hand]) {
        stack
            .run("teardown-tenant", json!({"tenant_id": orphan, "confirmation": orphan, "force_delete_secret": true}))
            .await
            .succeeded();
    }
    let gone = stack.listed(json!({"limit": 100})).await;
    assert!(orphans.iter().all(|orphan| entry(&gone, orphan).is_none()));
}

/// More than ECS lists on a page, and than a page of the list has.
#[tokio::test]
async fn the_list_has_all_tenants_of_110_services_target_groups_and_families() {
    all_are_listed(110).await;
}

#[tokio::test]
#[ignore = "takes long: make bulk"]
async fn the_list_has_all_tenants_of_250_services_target_groups_and_families() {
    all_are_listed(250).await;
}

async fn all_are_listed(count: usize) {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let environment = stack.resolved().await;
    let tenants: BTreeSet<_> = (0..count).map(|_| new_tenant_id()).collect();
    let mut groups = Vec::new();
    for tenant in &tenants {
        let container = ContainerDefinition::builder().name("wordpress").image("pretend/wordpress:1").build();
        let definition = stack.ecs.register_task_definition().family(stack.named(tenant)).cpu("256").memory("512");
        definition.container_definitions(container).send().await.unwrap();
        let group = stack.elb.create_target_group().name(stack.named(&format!("{tenant}-tg")));
        let group = group.protocol(ProtocolEnum::Http).port(80).vpc_id(text(&environment["vpc_id"]));
        let group = group.target_type(TargetTypeEnum::Ip).send().await.unwrap();
        groups.push(group.target_groups()[0].target_group_arn().unwrap().to_owned());
        let service = stack.ecs.create_service().cluster(stack.named("cluster")).desired_count(0);
        let service = service.service_name(stack.named(&format!("{tenant}-service")));
        service.task_definition(stack.named(tenant)).send().await.unwrap();
    }
    let all = stack.listed(json!({"limit": 100})).await;
    for tenant in &tenants {
        let listed = entry(&all, tenant).unwrap();
        assert_eq!(
            (&listed["image"], &listed["desired_count"]),
            (&json!("pretend/wordpress:1"), &json!(0)),
            "{listed}"
        );
        let missing = ["access-point", "database", "listener-rule", "log-group", "secret"];
        assert_eq!(lacks(listed).into_iter().collect::<BTreeSet<_>>(), missing.map(str::to_owned).into());
    }
    let listed: Vec<_> = all.iter().map(|tenant| text(&tenant["tenant_id"])).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "each once");
    for tenant in &tenants {
        let service = stack.ecs.delete_service().cluster(stack.named("cluster")).force(true);
        service.service(stack.named(&format!("{tenant}-service"))).send().await.unwrap();
        let revision = format!("{}:1", stack.named(tenant));
        stack.ecs.deregister_task_definition().task_definition(revision).send().await.unwrap();
    }
    for group in groups {
        stack.elb.delete_target_group().target_group_arn(group).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_tenant_is_described_with_all_its_resources() {
    let (stack, _together) = Stack::together_in(&["dev", "sit"]).await;
    let tenant = new_tenant_id();
    let made = stack.run("provision-tenant", json!({"tenant_id": tenant, "desired_count": 2})).await.succeeded();
    let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!((&told["status"], &told["lacks"]), (&json!("active"), &json!([])), "{told:#}");
    assert_eq!(told["url"], made["url"]);
    assert_eq!((&told["service"]["arn"], &told["service"]["running_count"]), (&made["service_arn"], &json!(2)));
    assert_eq!(told["service"]["deployments"][0]["rollout_state"], "COMPLETED", "{told:#}");
    assert_eq!(told["task_definition"]["arn"], made["task_definition_arn"]);
    assert_eq!(told["target_group"]["arn"], made["target_group_arn"]);
    assert_eq!(told["listener_rules"][0]["host"], made["host"]);
    assert_eq!(told["access_points"][0]["path"], format!("/wordpress/{tenant}/wp-content"));
    assert_eq!(told["site_credentials"]["arn"], made["admin_secret_arn"]);
    assert_eq!(told["secret"]["arn"], made["secret_arn"]);
    assert_eq!((&told["database"]["exists"], &told["database"]["user_exists"]), (&json!(true), &json!(true)));
    assert_eq!(told["log_group"]["name"], format!("/ecs/dev-{tenant}"));
    let secret = stack.secrets.get_secret_value().secret_id(text(&made["secret_arn"])).send().await.unwrap();
    let secret: Value = serde_json::from_str(secret.secret_string().unwrap()).unwrap();
    assert!(!told.to_string().contains(&text(&secret["password"])));

    let (error, message) = stack.invoke("describe-tenant", &json!({"tenant_id": new_tenant_id()})).await.unwrap_err();
    assert_eq!(error, "TenantNotFound", "{message}");
    let [sit, unchecked] = [Stack::of("sit").await, Stack::of("sit").await];
    sit.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let told = unchecked.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!((&told["status"], &told["database"]["status"]), (&json!("active"), &json!("unchecked")), "{told:#}");
    sit.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
}

#[tokio::test]
async fn who_is_not_well_is_one_list_and_each_is_told_why() {
    let (stack, _together) = Stack::together().await;
    let [scaled, ruleless, suspended] = [(); 3].map(|()| new_tenant_id());
    let signup = format!("signup-{scaled}");
    let title = format!("Käse & Söhne {scaled}");
    let asked = json!({"tenant_id": scaled, "signup_id": signup, "site": {"title": title}});
    let made = stack.run("provision-tenant", asked).await;
    let execution = made.arn.clone();
    made.succeeded();
    let made = stack.run("provision-tenant", json!({"tenant_id": ruleless})).await.succeeded();
    stack.elb.delete_rule().rule_arn(text(&made["listener_rule_arn"])).send().await.unwrap();
    stack.run("provision-tenant", json!({"tenant_id": suspended})).await.succeeded();
    let suspension = stack.run("update-tenant", json!({"tenant_id": suspended, "suspended": true})).await;
    let suspender = suspension.arn.clone();
    suspension.succeeded();
    let found = stack.listed(json!({"signup_id": signup})).await;
    assert_eq!((found.len(), &found[0]["tenant_id"], &found[0]["title"]), (1, &json!(scaled), &json!(title)));
    assert_eq!((&found[0]["status"], &found[0]["healthy_count"]), (&json!("active"), &json!(1)), "{found:?}");
    assert_eq!(stack.listed(json!({"title": format!("SÖHNE {scaled}")})).await.len(), 1);
    let told = stack.invoke("describe-tenant", &json!({"tenant_id": scaled})).await.unwrap();
    assert_eq!((&told["executions"][0]["arn"], told.get("probable_cause")), (&json!(execution), None), "{told:#}");
    assert!(text(&told["executions"][0]["console"]).ends_with(&execution), "{told:#}");

    let scale = stack.ecs.update_service().cluster("dev-cluster").service(format!("dev-{scaled}-service"));
    scale.desired_count(0).send().await.unwrap();
    let unwell = stack.listed(json!({"not": "active"})).await;
    for (tenant, status, cause) in [
        (&scaled, "unhealthy", "somebody has scaled it by hand".to_owned()),
        (&ruleless, "partial", "dev-create-listener-rule".to_owned()),
        (&suspended, "suspended", format!("it was suspended by {suspender}")),
    ] {
        assert_eq!(entry(&unwell, tenant).unwrap()["status"], status, "{tenant}");
        let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
        assert_eq!(told["status"], status, "{told:#}");
        assert!(text(&told["probable_cause"]).contains(&cause), "{cause}: {told:#}");
    }
    for tenant in [scaled, ruleless, suspended] {
        let removal = json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true});
        stack.run("teardown-tenant", removal).await.succeeded();
    }
}

#[tokio::test]
async fn the_end_of_the_log_is_shown_newest_last() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let tail = async |extra: Value| {
        let mut input = json!({"tenant_id": tenant});
        for (name, value) in extra.as_object().unwrap() {
            input[name] = value.clone();
        }
        stack.invoke("tail-tenant-logs", &input).await
    };
    let (error, message) = tail(json!({})).await.unwrap_err();
    assert_eq!(error, "TenantNotFound");
    assert!(message.contains(&format!("/ecs/dev-{tenant}")), "{message}");

    let group = format!("/ecs/dev-{tenant}");
    stack.logs.create_log_group().log_group_name(&group).send().await.unwrap();
    assert_eq!(tail(json!({})).await.unwrap()["events"], json!([]), "empty is an answer");
    stack.logs.create_log_stream().log_group_name(&group).log_stream_name("a/b/c").send().await.unwrap();
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let line = |minutes: i64, message: &str| {
        InputLogEvent::builder().timestamp(now - minutes * 60_000).message(message).build().unwrap()
    };
    let lines = [line(90, "long ago"), line(20, "an error"), line(10, "fine"), line(5, "an error again")];
    let put = stack.logs.put_log_events().log_group_name(&group).log_stream_name("a/b/c");
    put.set_log_events(Some(lines.to_vec())).send().await.unwrap();
    let messages = |answer: &Value| -> Vec<String> {
        answer["events"].as_array().unwrap().iter().map(|event| text(&event["message"])).collect()
    };
    assert_eq!(messages(&tail(json!({})).await.unwrap()), ["an error", "fine", "an error again"]);
    assert_eq!(messages(&tail(json!({"since": "15m"})).await.unwrap()), ["fine", "an error again"]);
    assert_eq!(
        messages(&tail(json!({"since": "2h", "filter": "error"})).await.unwrap()),
        ["an error", "an error again"]
    );
    let newest = tail(json!({"since": "2h", "limit": 2})).await.unwrap();
    assert_eq!((messages(&newest), &newest["truncated"]), (vec!["fine".into(), "an error again".into()], &json!(true)));
    for (wrong, field) in [(json!({"since": "yesterday"}), "since"), (json!({"limit": 0}), "limit")] {
        let (error, message) = tail(wrong).await.unwrap_err();
        assert_eq!(error, "InvalidRequest");
        assert!(message.contains(field), "{message}");
    }
    stack.logs.delete_log_group().log_group_name(group).send().await.unwrap();
}

#[tokio::test]
async fn a_tenant_is_located_even_if_another_environment_cannot_be_reached() {
    let (dev, _alone) = Stack::alone_in(&["dev", "sit", "prod"]).await;
    let tenant = new_tenant_id();
    let prod = Stack::of("prod").await;
    dev.run("provision-tenant", json!({"tenant_id": tenant, "image": "pretend/wordpress:6.4"})).await.succeeded();
    prod.run("provision-tenant", json!({"tenant_id": tenant, "image": "pretend/wordpress:6.3"})).await.succeeded();
    // A task that serves the site records the version. These serve none, so the test does it.
    for (stack, version) in [(dev, "6.4.3"), (prod, "6.3.2")] {
        let record = format!(
            "UPDATE tenant_management.sites SET wordpress_version = '{version}' WHERE database_name = '{tenant}_db'"
        );
        database::administrator(stack).await.query_drop(record).await.unwrap();
    }
    let seen = dev.invoke("locate-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    let places: Vec<_> = seen["environments"].as_array().unwrap().iter().collect();
    let statuses: Vec<_> = places.iter().map(|place| text(&place["status"])).collect();
    assert_eq!(statuses, ["active", "absent", "active"], "{seen:#}");
    let versions = [0, 2].map(|place| text(&places[place]["wordpress_version"]));
    assert_eq!(versions, ["6.4.3", "6.3.2"], "{seen:#}");
    assert_eq!((text(&places[2]["account"]), text(&places[2]["region"])), (prod.account.clone(), prod.region.clone()));

    let peer = "arn:aws:iam::093646564004:role/prod-tenant-management-peer";
    dev.take_away_on("locate-tenant", "sts:AssumeRole", peer).await;
    let seen = dev.invoke("locate-tenant", &json!({"tenant_id": tenant})).await;
    dev.give_back("locate-tenant").await;
    let seen = seen.unwrap();
    let places = &seen["environments"];
    assert_eq!((&places[0]["status"], &places[2]["status"]), (&json!("active"), &json!("unreachable")), "{seen:#}");
    assert_eq!(places[2]["error"], "AccessDenied");
    assert!(text(&places[2]["message"]).contains(peer), "{seen:#}");
    for stack in [dev, prod] {
        stack
            .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
            .await
            .succeeded();
    }
}
