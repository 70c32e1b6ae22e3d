//! An update changes a tenant. If it fails, the tenant is as before.

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinitionStatus};
use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, Rule};
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

async fn provisioned(stack: &Stack, fields: Value) -> String {
    let tenant = new_tenant_id();
    let mut input = fields;
    input["tenant_id"] = json!(tenant);
    stack.run("provision-tenant", input).await.succeeded();
    tenant
}

async fn described(stack: &Stack, tenant: &str) -> Value {
    stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap()
}

async fn rule(stack: &Stack, tenant: &str) -> Rule {
    let rules = stack.rules().await;
    rules.into_iter().find(|rule| format!("{rule:?}").contains(&format!("{tenant}.{}", stack.domain))).unwrap()
}

/// The active revisions of the site.
async fn active_revisions(stack: &Stack, tenant: &str) -> Vec<String> {
    let listed = stack.ecs.list_task_definitions().family_prefix(stack.named(tenant));
    let listed = listed.status(TaskDefinitionStatus::Active).send().await.unwrap();
    listed.task_definition_arns().to_vec()
}

async fn is_locked(stack: &Stack, tenant: &str) -> bool {
    let bucket = &stack.variables("begin-update").await["BUCKET"];
    let lock = stack.s3.head_object().bucket(bucket).key(format!("update-tenant/{tenant}.json"));
    lock.send().await.is_ok()
}

/// Starts an update, and waits until it has the tenant's lock.
async fn started(stack: &Stack, input: Value) -> String {
    let arn = stack.start("update-tenant", &input).await;
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    while !is_locked(stack, input["tenant_id"].as_str().unwrap()).await {
        tick.tick().await;
        let execution = stack.sfn.describe_execution().execution_arn(&arn).send().await.unwrap();
        assert_eq!(execution.status, ExecutionStatus::Running, "the update ended before its lock was seen");
    }
    arn
}

#[tokio::test]
async fn tasks_that_no_visitor_would_reach_are_not_started_and_the_error_names_the_rule() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({})).await;
    let arn = rule(stack, &tenant).await.rule_arn.unwrap();
    stack.elb.delete_rule().rule_arn(arn).send().await.unwrap();
    let before = described(stack, &tenant).await;
    let input = json!({"tenant_id": tenant, "force_new_deployment": true});
    let (error, cause) = stack.run("update-tenant", input.clone()).await.failed();
    assert_eq!(error, "EnvironmentNotReady", "{cause}");
    let message = text(&cause["message"]);
    assert!(message.contains("no listener rule") && message.contains("dev-create-listener-rule"), "{message}");
    assert_eq!(described(stack, &tenant).await["service"]["deployments"], before["service"]["deployments"]);

    // What the message says mends it.
    let owner = stack.invoke("inventory-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    let owner = &owner["resources"]["secret"]["found"][0]["owner"];
    let environment = stack.resolved().await;
    let listeners: Vec<_> =
        environment["listeners"].as_array().unwrap().iter().map(|listener| &listener["listener_arn"]).collect();
    let mended = json!({"tenant_id": tenant, "owner": owner, "listener_arns": listeners,
        "target_group_arn": before["target_group"]["arn"]});
    stack.invoke("create-listener-rule", &mended).await.unwrap();
    stack.run("update-tenant", input).await.succeeded();
}

#[tokio::test]
async fn an_update_changes_image_size_and_count_and_nothing_else() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({"image": "pretend/wordpress:6"})).await;
    let before = described(stack, &tenant).await;
    let input = json!({"tenant_id": tenant, "environment": "dev", "image": "pretend/wordpress:7", "cpu": "512", "memory": 1024, "desired_count": 2});
    let result = stack.run("update-tenant", input.clone()).await.succeeded();
    assert_eq!(result["status"], "updated", "{result}");
    assert_eq!(result["changes"], json!(["image", "cpu", "memory", "desired_count"]));
    assert_eq!(
        (&result["previous"]["image"], &result["current"]["image"]),
        (&json!("pretend/wordpress:6"), &json!("pretend/wordpress:7"))
    );
    let after = described(stack, &tenant).await;
    assert_eq!(
        (&after["status"], &after["service"]["desired_count"], &after["service"]["running_count"]),
        (&json!("active"), &json!(2), &json!(2)),
        "{after}"
    );
    for (field, value) in [("image", json!("pretend/wordpress:7")), ("cpu", json!(512)), ("memory", json!(1024))] {
        assert_eq!(after["task_definition"][field], value, "{after}");
    }
    for same in ["url", "target_group.arn", "listener_rules", "access_points", "secret", "log_group", "lacks"] {
        let of = |tenant: &Value| tenant.pointer(&format!("/{}", same.replace('.', "/"))).cloned();
        assert_eq!(of(&before), of(&after), "{same}");
    }
    let definition = |arn: &Value| stack.ecs.describe_task_definition().task_definition(text(arn)).send();
    let old = definition(&result["previous"]["task_definition_arn"]).await.unwrap().task_definition.unwrap();
    let new = definition(&result["current"]["task_definition_arn"]).await.unwrap().task_definition.unwrap();
    assert_eq!((old.volumes(), old.runtime_platform()), (new.volumes(), new.runtime_platform()));
    assert_eq!((old.task_role_arn(), old.execution_role_arn()), (new.task_role_arn(), new.execution_role_arn()));
    let (old, new) = (&old.container_definitions()[0], &new.container_definitions()[0]);
    assert_eq!(
        (old.secrets(), old.mount_points(), old.health_check()),
        (new.secrets(), new.mount_points(), new.health_check())
    );

    let snapshot = stack.snapshot(&tenant).await;
    let again = stack.run("update-tenant", input).await.succeeded();
    assert_eq!((&again["status"], &again["changes"]), (&json!("unchanged"), &json!([])), "{again}");
    assert!(text(&again["message"]).contains("already as it is wanted"), "{again}");
    assert_eq!(stack.snapshot(&tenant).await, snapshot);
    assert!(!is_locked(stack, &tenant).await);
}

#[tokio::test]
async fn a_forced_deployment_starts_new_tasks_of_the_same_definition() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({})).await;
    let tasks = || async {
        let listed = stack.ecs.list_tasks().cluster("dev-cluster").service_name(format!("dev-{tenant}-service"));
        listed.send().await.unwrap().task_arns.unwrap_or_default()
    };
    // What is left of the job that follows a deployment is not the site's.
    let pieces = || async {
        let all = stack.snapshot(&tenant).await;
        all.into_iter().filter(|piece| !piece.contains(&format!("dev-{tenant}-job"))).collect::<Vec<_>>()
    };
    let (before, snapshot) = (tasks().await, pieces().await);
    let input = json!({"tenant_id": tenant, "force_new_deployment": true});
    let result = stack.run("update-tenant", input).await.succeeded();
    assert_eq!(result["changes"], json!(["force_new_deployment"]), "{result}");
    let after = tasks().await;
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    assert_eq!(pieces().await, snapshot, "no new revision");
}

#[tokio::test]
async fn an_image_that_never_becomes_steady_leads_back_to_the_old_revision() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({"image": "pretend/wordpress:6", "desired_count": 2})).await;
    let before = stack.snapshot(&tenant).await;
    for image in ["registry.example/does-not-exist:1", "registry.example/crash:1"] {
        let input = json!({"tenant_id": tenant, "image": image, "desired_count": 3});
        let (error, cause) = stack.run("update-tenant", input).await.failed();
        assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
        assert_eq!(cause["step"], "check-service-deployment", "{cause}");
        assert!(text(&cause["message"]).ends_with("again as it was before"), "{cause}");
        let (previous, attempted) = (&cause["previous"], &cause["attempted"]);
        assert_eq!(
            (&previous["image"], &previous["desired_count"]),
            (&json!("pretend/wordpress:6"), &json!(2)),
            "{cause}"
        );
        assert_eq!((&attempted["image"], &attempted["desired_count"]), (&json!(image), &json!(3)), "{cause}");
        assert_eq!(stack.snapshot(&tenant).await, before, "also without the revision that failed");
        let after = described(stack, &tenant).await;
        assert_eq!((&after["status"], &after["service"]["running_count"]), (&json!("active"), &json!(2)), "{after}");
    }
}

#[tokio::test]
async fn the_second_of_two_updates_at_once_is_refused_and_names_the_first() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({"image": "pretend/wordpress:6"})).await;
    let first = started(stack, json!({"tenant_id": tenant, "image": "pretend/wordpress:7"})).await;
    let (error, cause) = stack.run("update-tenant", json!({"tenant_id": tenant, "desired_count": 2})).await.failed();
    assert_eq!(error, "ResourceConflict", "{cause}");
    assert!(text(&cause["message"]).contains(&first), "{cause}");
    stack.ended(&first).await.succeeded();
    let result = stack.run("update-tenant", json!({"tenant_id": tenant, "desired_count": 2})).await.succeeded();
    assert_eq!(
        (&result["current"]["image"], &result["current"]["desired_count"]),
        (&json!("pretend/wordpress:7"), &json!(2))
    );
}

#[tokio::test]
async fn the_lock_of_an_update_that_was_stopped_is_taken_over_but_not_at_once() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = provisioned(stack, json!({"image": "pretend/wordpress:6"})).await;
    let first = started(stack, json!({"tenant_id": tenant, "image": "pretend/wordpress:7"})).await;
    stack.sfn.stop_execution().execution_arn(&first).send().await.unwrap();
    assert_eq!(stack.ended(&first).await.status, ExecutionStatus::Aborted);
    let input = json!({"tenant_id": tenant, "image": "pretend/wordpress:8"});
    let (error, cause) = stack.run("update-tenant", input.clone()).await.failed();
    assert_eq!(error, "ResourceConflict", "{cause}");
    assert!(text(&cause["message"]).contains("a function of it may still work"), "{cause}");
    let variables = stack.variables("begin-update").await;
    let mut impatient = variables.clone();
    impatient.insert("LOCK_GRACE_SECONDS".to_owned(), "0".to_owned());
    stack.set_variables("begin-update", impatient).await;
    let outcome = stack.run("update-tenant", input).await;
    stack.set_variables("begin-update", variables).await;
    let result = outcome.succeeded();
    assert_eq!(result["current"]["image"], "pretend/wordpress:8");
    assert!(!is_locked(stack, &tenant).await);
}

/// What visitors get (the action of the listener rule, and the fixed page if any), and the desired count.
async fn seen(stack: &Stack, tenant: &str) -> (Option<ActionTypeEnum>, Option<String>, Value) {
    let action = rule(stack, tenant).await.actions()[0].clone();
    let code = action.fixed_response_config.and_then(|response| response.status_code);
    (action.r#type, code, described(stack, tenant).await["service"]["desired_count"].clone())
}

#[tokio::test]
async fn a_suspended_tenant_shows_a_page_comes_back_as_it_was_and_can_be_deprovisioned() {
    let (stack, _together) = Stack::together().await;
    let by_hand = new_tenant_id();
    stack.make_by_the_runbook(&by_hand, &stack.resolved().await).await;
    for (tenant, count) in [(provisioned(stack, json!({"desired_count": 2})).await, 2), (by_hand, 1)] {
        let site = (Some(ActionTypeEnum::Forward), None, json!(count));
        let page = (Some(ActionTypeEnum::FixedResponse), Some("503".to_owned()), json!(0));
        let before = rule(stack, &tenant).await;
        let suspend = json!({"tenant_id": tenant, "suspended": true});
        stack.run("update-tenant", suspend.clone()).await.succeeded();
        assert_eq!(seen(stack, &tenant).await, page);
        let status = &described(stack, &tenant).await["status"];
        assert!(["suspended", "partial"].contains(&status.as_str().unwrap()), "{status}");
        assert_eq!(stack.run("update-tenant", suspend.clone()).await.succeeded()["status"], "unchanged");

        let input = json!({"tenant_id": tenant, "image": "pretend/wordpress:9"});
        stack.run("update-tenant", input).await.succeeded();
        assert_eq!(seen(stack, &tenant).await, page, "it stays suspended with its new image");

        let result = stack.run("update-tenant", json!({"tenant_id": tenant, "suspended": false})).await.succeeded();
        assert_eq!(
            (&result["current"]["shows"], &result["current"]["image"]),
            (&json!("site"), &json!("pretend/wordpress:9"))
        );
        assert_eq!(seen(stack, &tenant).await, site);
        let after = rule(stack, &tenant).await;
        assert_eq!(after.actions()[0].target_group_arn(), before.actions()[0].target_group_arn());
        assert_eq!((after.priority(), after.conditions()), (before.priority(), before.conditions()));

        stack.run("update-tenant", suspend).await.succeeded();
        stack.run("deprovision-tenant", crate::deprovisioning::request(&tenant)).await.succeeded();
        let left = stack.snapshot(&tenant).await;
        assert!(left.iter().all(|left| left.contains("deleted")), "only the secret in its recovery window: {left:?}");
    }
}

#[tokio::test]
async fn a_suspension_that_fails_halfway_is_undone() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = provisioned(stack, json!({"desired_count": 2})).await;
    let before = seen(stack, &tenant).await;
    stack.take_away("update-listener-rule", "elasticloadbalancing:ModifyRule").await;
    let outcome = stack.run("update-tenant", json!({"tenant_id": tenant, "suspended": true})).await;
    stack.give_back("update-listener-rule").await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("AccessDenied", &json!(true)), "{cause}");
    assert_eq!(cause["step"], "update-listener-rule", "{cause}");
    assert_eq!(seen(stack, &tenant).await, before);
    assert_eq!(described(stack, &tenant).await["status"], "active");
}

#[tokio::test]
async fn an_update_that_cannot_go_back_says_so() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = provisioned(stack, json!({})).await;
    let before = stack.snapshot(&tenant).await;
    let input = json!({"tenant_id": tenant, "desired_count": 2});
    stack.take_away("update-service", "ecs:UpdateService").await;
    let outcome = stack.run("update-tenant", input.clone()).await;
    stack.give_back("update-service").await;
    let (error, cause) = outcome.failed();
    assert_eq!(
        (error.as_str(), &cause["rolled_back"]),
        ("AccessDenied", &json!(true)),
        "nothing to go back from: {cause}"
    );
    assert_eq!(stack.snapshot(&tenant).await, before);

    stack.take_away("check-service-deployment", "ecs:DescribeServices").await;
    let outcome = stack.run("update-tenant", input).await;
    stack.give_back("check-service-deployment").await;
    let (error, cause) = outcome.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("AccessDenied", &json!(false)), "{cause}");
    assert!(text(&cause["message"]).contains("the way back failed, too"), "{cause}");
    assert!(!is_locked(stack, &tenant).await);
}

#[tokio::test]
async fn a_tenant_that_the_runbook_made_is_updated_and_goes_back_without_a_circuit_breaker() {
    let (stack, _together) = Stack::together_in(&["sit"]).await;
    let tenant = new_tenant_id();
    stack.make_by_the_runbook(&tenant, &stack.resolved().await).await;
    let input =
        json!({"tenant_id": tenant, "image": "pretend/wordpress:7", "cpu": 512, "memory": 1024, "desired_count": 2});
    let result = stack.run("update-tenant", input).await.succeeded();
    assert_eq!(result["previous"]["image"], "pretend/wordpress:latest", "{result}");
    let before = stack.snapshot(&tenant).await;
    let (error, cause) =
        stack.run("update-tenant", json!({"tenant_id": tenant, "image": "does-not-exist:1"})).await.failed();
    assert_eq!((error.as_str(), &cause["rolled_back"]), ("DeploymentFailed", &json!(true)), "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, before);
}

#[tokio::test]
async fn revisions_beyond_the_last_ten_are_deregistered() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({})).await;
    for number in 0..11 {
        let container = ContainerDefinition::builder().name("wordpress").image(format!("pretend/wordpress:{number}"));
        let definition = stack.ecs.register_task_definition().family(stack.named(&tenant)).cpu("256").memory("512");
        definition.container_definitions(container.build()).send().await.unwrap();
    }
    let before = active_revisions(stack, &tenant).await;
    let result =
        stack.run("update-tenant", json!({"tenant_id": tenant, "image": "pretend/wordpress:12"})).await.succeeded();
    assert_eq!(result["deregistered"], json!(before[..3]), "{result}");
    let after = active_revisions(stack, &tenant).await;
    assert_eq!((&after[..9], after.len()), (&before[3..], 10));
    assert_eq!(result["current"]["task_definition_arn"], after[9]);
}

#[tokio::test]
async fn a_wrong_update_is_refused_and_touches_nothing() {
    let (stack, _together) = Stack::together().await;
    let tenant = provisioned(stack, json!({})).await;
    let before = stack.snapshot(&tenant).await;
    let unknown = new_tenant_id();
    for (input, error, named) in [
        (json!({}), "InvalidRequest", "tenant_id"),
        (json!([]), "InvalidRequest", "JSON object"),
        (json!({"tenant_id": tenant}), "InvalidRequest", "at least one of"),
        (json!({"tenant_id": tenant, "cpu": 1024}), "InvalidRequest", "2048, 3072"),
        (json!({"tenant_id": tenant, "desired_count": 0}), "InvalidRequest", "1 to 50"),
        (json!({"tenant_id": tenant, "image": 7}), "InvalidRequest", "image"),
        (json!({"tenant_id": tenant, "scale": 2}), "InvalidRequest", "desired_count"),
        (json!({"tenant_id": tenant, "environment": "prod", "desired_count": 2}), "WrongEnvironment", "prod"),
        (json!({"tenant_id": unknown, "desired_count": 2}), "TenantNotFound", &unknown),
    ] {
        let (name, cause) = stack.run("update-tenant", input.clone()).await.failed();
        assert_eq!((name.as_str(), &cause["step"]), (error, &json!("begin-update")), "{input}: {cause}");
        assert!(text(&cause["message"]).contains(named), "{input}: {cause}");
    }
    assert_eq!(stack.snapshot(&tenant).await, before);
    assert!(!is_locked(stack, &tenant).await && !is_locked(stack, &unknown).await);
}
