//! A provisioning creates a running tenant.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{
    AssignPublicIp, DeploymentRolloutState, EfsAuthorizationConfigIam, EfsTransitEncryption, PropagateTags,
    ServiceField, TaskDefinitionField,
};
use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{new_tenant_id, text};

#[tokio::test]
async fn a_provisioned_tenant_has_every_resource_with_its_settings_and_tags() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let input = json!({
        "tenant_id": tenant, "signup_id": "signup-7", "environment": "dev",
        "image": "pretend/wordpress:6-apache", "cpu": "512", "memory": 1024, "desired_count": 2,
        "environment_variables": {"SHOP": "yes"}
    });
    let outcome = stack.run("provision-tenant", input).await;
    let owner = outcome.arn.clone();
    let result = outcome.succeeded();
    assert_eq!(result["status"], "provisioned");
    assert_eq!(result["environment"], "dev");
    assert_eq!(result["signup_id"], "signup-7");
    assert_eq!(text(&result["url"]), format!("https://{tenant}.{}", stack.domain));

    secret(stack, &tenant, &owner, &result).await;
    access_point(stack, &tenant, &owner, &result).await;
    log_group(stack, &tenant, &owner).await;
    load_balancing(stack, &tenant, &owner, &result).await;
    task_role(stack, &tenant, &owner, &result).await;
    task_definition(stack, &tenant, &owner, &result).await;
    service(stack, &tenant, &owner, &result).await;
}

fn assert_tags<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>, tenant: &str, owner: &str) {
    let tags: BTreeSet<_> = tags.into_iter().collect();
    for tag in [
        ("tenant:id", tenant),
        ("tenant:environment", "dev"),
        ("tenant:managed-by", "tenant-management"),
        ("tenant:execution", owner),
    ] {
        assert!(tags.contains(&tag), "{tag:?} is not in {tags:?}");
    }
}

async fn secret(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let name = format!("dev-{tenant}-db-credentials");
    let secret = stack.secrets.describe_secret().secret_id(&name).send().await.unwrap();
    assert_eq!(secret.arn(), result["secret_arn"].as_str());
    assert_tags(secret.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())), tenant, owner);
    let value = stack.secrets.get_secret_value().secret_id(&name).send().await.unwrap();
    let fields: Value = serde_json::from_str(value.secret_string().unwrap()).unwrap();
    assert_eq!(fields["username"], format!("{tenant}_user"));
    assert_eq!(fields["database"], format!("{tenant}_db"));
    assert_eq!(fields["endpoint"], format!("{}:{}", text(&fields["host"]), fields["port"]));
}

async fn access_point(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let described = stack.efs.describe_access_points().access_point_id(result["access_point_id"].as_str().unwrap());
    let described = described.send().await.unwrap();
    let access_point = &described.access_points()[0];
    assert_tags(access_point.tags().iter().map(|tag| (tag.key(), tag.value())), tenant, owner);
    assert!(access_point.tags().iter().any(|tag| (tag.key(), tag.value()) == ("Name", &format!("dev-{tenant}-ap"))));
    let user = access_point.posix_user().unwrap();
    assert_eq!((user.uid(), user.gid()), (33, 33));
    let directory = access_point.root_directory().unwrap();
    assert_eq!(directory.path(), Some(format!("/wordpress/{tenant}/wp-content").as_str()));
    let creation = directory.creation_info().unwrap();
    assert_eq!((creation.owner_uid(), creation.owner_gid(), creation.permissions()), (33, 33, "755"));
}

async fn log_group(stack: &Stack, tenant: &str, owner: &str) {
    let name = format!("/ecs/dev-{tenant}");
    let groups = stack.logs.describe_log_groups().log_group_name_prefix(&name).send().await.unwrap();
    let group = &groups.log_groups()[0];
    assert_eq!((group.log_group_name(), group.retention_in_days()), (Some(name.as_str()), Some(90)));
    let arn = group.arn().unwrap().trim_end_matches(":*");
    let tags = stack.logs.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_tags(tags.tags().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str())), tenant, owner);
}

async fn load_balancing(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let groups = stack.elb.describe_target_groups().names(format!("dev-{tenant}-tg")).send().await.unwrap();
    let group = &groups.target_groups()[0];
    assert_eq!(group.target_group_arn(), result["target_group_arn"].as_str());
    assert_eq!((group.port(), group.health_check_path()), (Some(80), Some("/tenant-management/alive.txt")));
    assert_eq!(group.target_type().map(|kind| kind.as_str()), Some("ip"));
    assert_eq!(group.matcher().and_then(|matcher| matcher.http_code()), Some("200"));

    let rule =
        stack.elb.describe_rules().rule_arns(result["listener_rule_arn"].as_str().unwrap()).send().await.unwrap();
    let rule = &rule.rules()[0];
    assert_eq!(rule.priority(), Some(result["priority"].to_string().as_str()));
    assert_eq!(rule.conditions()[0].host_header_config().unwrap().values(), [format!("{tenant}.{}", stack.domain)]);
    assert_eq!(rule.actions()[0].target_group_arn(), group.target_group_arn());

    for arn in [group.target_group_arn().unwrap(), rule.rule_arn().unwrap()] {
        let tags = stack.elb.describe_tags().resource_arns(arn).send().await.unwrap();
        let tags = tags.tag_descriptions()[0].tags();
        assert_tags(tags.iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())), tenant, owner);
    }
}

async fn task_role(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let role = stack.iam.get_role().role_name(format!("dev-{tenant}-task")).send().await.unwrap().role.unwrap();
    assert_eq!(Some(role.arn()), result["task_role_arn"].as_str());
    assert_tags(role.tags().iter().map(|tag| (tag.key(), tag.value())), tenant, owner);
    let boundary = role.permissions_boundary().and_then(|with| with.permissions_boundary_arn());
    let expected = format!("arn:aws:iam::{}:policy/dev-tenant-task-boundary", stack.account);
    assert_eq!(boundary, Some(expected.as_str()));
    let policies = stack.iam.list_role_policies().role_name(role.role_name()).send().await.unwrap();
    assert_eq!(policies.policy_names(), ["use-files"]);
    let policy = stack.iam.get_role_policy().role_name(role.role_name()).policy_name("use-files").send().await.unwrap();
    let policy = percent_encoding::percent_decode_str(policy.policy_document()).decode_utf8().unwrap();
    assert!(policy.contains(result["access_point_arn"].as_str().unwrap()), "{policy}");
    assert!(policy.contains(&format!(":file-system/{}", text(&result["file_system_id"]))), "{policy}");
}

async fn task_definition(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let described =
        stack.ecs.describe_task_definition().task_definition(result["task_definition_arn"].as_str().unwrap());
    let described = described.include(TaskDefinitionField::Tags).send().await.unwrap();
    assert_tags(described.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())), tenant, owner);
    let definition = described.task_definition().unwrap();
    assert_eq!(definition.family(), Some(format!("dev-{tenant}").as_str()));
    assert_eq!((definition.cpu(), definition.memory()), (Some("512"), Some("1024")));
    let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", stack.account);
    assert_eq!(definition.execution_role_arn(), Some(role("dev-ecs-task-execution-role").as_str()));
    assert_eq!(definition.task_role_arn(), Some(role(&format!("dev-{tenant}-task")).as_str()));
    assert_eq!(definition.task_role_arn(), result["task_role_arn"].as_str());

    let volume = definition.volumes()[0].efs_volume_configuration().unwrap();
    assert_eq!(volume.transit_encryption(), Some(&EfsTransitEncryption::Enabled));
    let authorization = volume.authorization_config().unwrap();
    assert_eq!(authorization.access_point_id(), result["access_point_id"].as_str());
    assert_eq!(authorization.iam(), Some(&EfsAuthorizationConfigIam::Enabled));

    let container = &definition.container_definitions()[0];
    assert_eq!((container.name(), container.image()), (Some("wordpress"), Some("pretend/wordpress:6-apache")));
    assert_eq!(container.port_mappings()[0].container_port(), Some(80));
    assert_eq!(container.mount_points()[0].container_path(), Some("/var/www/html/wp-content"));
    assert!(container.health_check().is_some());
    let further = container.environment().iter().find(|variable| variable.name() == Some("SHOP"));
    assert_eq!(further.and_then(|variable| variable.value()), Some("yes"));
    let secrets: BTreeSet<_> = container.secrets().iter().map(|secret| (secret.name(), secret.value_from())).collect();
    let arn = text(&result["secret_arn"]);
    for (variable, key) in [
        ("WORDPRESS_DB_HOST", "endpoint"),
        ("WORDPRESS_DB_USER", "username"),
        ("WORDPRESS_DB_PASSWORD", "password"),
        ("WORDPRESS_DB_NAME", "database"),
        ("WORDPRESS_AUTH_KEY", "auth_key"),
        ("WORDPRESS_NONCE_SALT", "nonce_salt"),
    ] {
        assert!(secrets.contains(&(variable, format!("{arn}:{key}::").as_str())), "{variable} is not in {secrets:?}");
    }
    let logs = container.log_configuration().unwrap().options().unwrap();
    assert_eq!(logs["awslogs-group"], format!("/ecs/dev-{tenant}"));
    assert_eq!(logs["awslogs-region"], stack.region);
}

async fn service(stack: &Stack, tenant: &str, owner: &str, result: &Value) {
    let described = stack.ecs.describe_services().cluster("dev-cluster").services(format!("dev-{tenant}-service"));
    let described = described.include(ServiceField::Tags).send().await.unwrap();
    let service = &described.services()[0];
    assert_eq!(service.service_arn(), result["service_arn"].as_str());
    assert_tags(service.tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())), tenant, owner);
    assert_eq!((service.status(), service.desired_count(), service.running_count()), (Some("ACTIVE"), 2, 2));
    assert_eq!(service.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!(service.task_definition(), result["task_definition_arn"].as_str());
    let network = service.network_configuration().unwrap().awsvpc_configuration().unwrap();
    assert_eq!((network.assign_public_ip(), network.subnets().len()), (Some(&AssignPublicIp::Disabled), 2));
    let breaker = service.deployment_configuration().unwrap().deployment_circuit_breaker().unwrap();
    assert!(breaker.enable() && breaker.rollback());
    assert_eq!(service.health_check_grace_period_seconds(), Some(360));
    assert_eq!(service.propagate_tags(), Some(&PropagateTags::Service));
    assert_eq!(service.load_balancers()[0].target_group_arn(), result["target_group_arn"].as_str());
}

#[tokio::test]
async fn ten_tenants_at_once_get_ten_ids_and_ten_priorities() {
    let (stack, _together) = Stack::together().await;
    let mut executions = Vec::new();
    for number in 0..10 {
        executions.push(stack.start("provision-tenant", &json!({"signup_id": format!("signup-{number}")})).await);
    }
    let (mut ids, mut priorities) = (BTreeSet::new(), BTreeSet::new());
    for arn in executions {
        let result = stack.ended(&arn).await.succeeded();
        ids.insert(text(&result["tenant_id"]));
        priorities.insert(result["priority"].as_u64().unwrap());
    }
    assert_eq!((ids.len(), priorities.len()), (10, 10), "{ids:?} {priorities:?}");
    assert!(ids.iter().all(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())));
    let mut all: Vec<_> = stack.rules().await.iter().map(|rule| rule.priority().unwrap().to_owned()).collect();
    all.retain(|priority| priority != "default");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a priority is taken twice: {all:?}");
}

#[tokio::test]
async fn every_step_that_runs_again_returns_the_same_answer() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let owner = outcome.arn.clone();
    let made = outcome.succeeded();
    let before = stack.snapshot(&tenant).await;

    let resolved = stack.invoke("resolve-environment", &json!({"tenant_id": tenant})).await.unwrap();
    let environment = &resolved["environment"];
    let with = |fields: Value| {
        let mut input = json!({"tenant_id": tenant, "owner": owner});
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        input
    };
    for (function, fields) in [
        (
            "create-secret",
            json!({"database_host": environment["database_host"], "database_port": environment["database_port"]}),
        ),
        ("create-database", json!({})),
        ("create-access-point", json!({"file_system_ids": [made["file_system_id"]]})),
        (
            "create-task-role",
            json!({"file_system_id": made["file_system_id"], "access_point_arns": [made["access_point_arn"]]}),
        ),
        ("create-site-credentials", json!({})),
        ("create-log-group", json!({})),
        ("create-target-group", json!({"vpc_id": environment["vpc_id"]})),
        (
            "create-listener-rule",
            json!({"listener_arns": [made["listener_arn"]], "target_group_arn": made["target_group_arn"]}),
        ),
        ("create-dns-record", json!({"load_balancer": environment["listeners"][0]["load_balancer"]})),
        (
            "register-task-definition",
            json!({
                "image": "pretend/wordpress:6", "cpu": 256, "memory": 512, "scheme": "https", "secret_arn": made["secret_arn"],
                "admin_secret_arn": made["admin_secret_arn"], "file_system_id": made["file_system_id"], "access_point_id": made["access_point_id"],
                "task_role_arn": made["task_role_arn"]
            }),
        ),
        (
            "create-service",
            json!({
                "task_definition_arn": made["task_definition_arn"], "target_group_arn": made["target_group_arn"], "desired_count": 1,
                "subnet_ids": environment["subnet_ids"], "security_group_id": environment["security_group_id"]
            }),
        ),
    ] {
        let again = stack.invoke(function, &with(fields)).await.unwrap();
        for (name, value) in again.as_object().unwrap() {
            assert_eq!(*value, made[name], "{name} of {function}");
        }
    }
    // This comparison works because MariaDB's password hashes have no salt. With salted hashes, ALTER USER with the
    // same password would write another hash.
    assert_eq!(before, stack.snapshot(&tenant).await);
}

#[tokio::test]
async fn a_provisioning_takes_at_most_40_state_transitions() {
    let (stack, _together) = Stack::together().await;
    let outcome = stack.run("provision-tenant", json!({"tenant_id": new_tenant_id()})).await;
    let history = stack.history(&outcome.arn).await;
    outcome.succeeded();
    let states = history.iter().filter(|event| event.r#type().as_str().ends_with("StateEntered")).count();
    assert!((20..=40).contains(&states), "{states} states entered");
}
