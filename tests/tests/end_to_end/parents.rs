//! A teardown succeeds even if the resources that contain the tenant's are gone: listener, cluster, file system.

use aws_sdk_efs::types::Tag;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, FixedResponseActionConfig, Listener, ProtocolEnum,
};
use serde_json::json;
use tests::Stack;
use tests::stack::{new_tenant_id, text};

async fn listeners(stack: &Stack) -> Vec<Listener> {
    let balancers = stack.elb.describe_load_balancers().names(stack.named("alb")).send().await.unwrap();
    let balancer = balancers.load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let listeners = stack.elb.describe_listeners().load_balancer_arn(balancer).send().await.unwrap();
    listeners.listeners.unwrap_or_default()
}

#[tokio::test]
async fn a_teardown_succeeds_when_listener_cluster_and_file_system_are_gone() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();

    // AWS deletes a cluster only without services, and a file system only without mount targets.
    let cluster = stack.named("cluster");
    let services = stack.ecs.list_services().cluster(&cluster).into_paginator().items().send();
    for service in services.collect::<Result<Vec<_>, _>>().await.unwrap() {
        stack.ecs.delete_service().cluster(&cluster).service(service).force(true).send().await.unwrap();
    }
    stack.ecs.delete_cluster().cluster(&cluster).send().await.unwrap();
    let listeners = listeners(stack).await;
    for listener in &listeners {
        stack.elb.delete_listener().listener_arn(listener.listener_arn().unwrap()).send().await.unwrap();
    }
    let systems = stack.efs.describe_file_systems().send().await.unwrap();
    let system = systems.file_systems()[0].file_system_id().to_owned();
    let targets = stack.efs.describe_mount_targets().file_system_id(&system).send().await.unwrap();
    for target in targets.mount_targets() {
        stack.efs.delete_mount_target().mount_target_id(target.mount_target_id()).send().await.unwrap();
    }
    let access_points = stack.efs.describe_access_points().file_system_id(&system).send().await.unwrap();
    for access_point in access_points.access_points() {
        let id = access_point.access_point_id().unwrap();
        stack.efs.delete_access_point().access_point_id(id).send().await.unwrap();
    }
    stack.efs.delete_file_system().file_system_id(&system).send().await.unwrap();

    let mut request = crate::deprovisioning::request(&tenant);
    request["confirmation"] = json!(tenant);
    let first = stack.run("deprovision-tenant", request.clone()).await;
    let second = stack.run("deprovision-tenant", request).await;
    restore(stack, &cluster, &listeners).await;

    let result = first.succeeded();
    let mut absent: Vec<_> = result["absent"].as_array().unwrap().iter().map(text).collect();
    absent.sort();
    assert_eq!(absent, ["access-point", "listener-rule", "service"], "{result}");
    assert_eq!(second.failed().0, "TenantNotFound");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    // Show that the environment is complete again. The first tenant's files keep its id.
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
}

async fn restore(stack: &Stack, cluster: &str, listeners: &[Listener]) {
    stack.ecs.create_cluster().cluster_name(cluster).send().await.unwrap();
    let name = Tag::builder().key("Name").value(stack.named("efs")).build().unwrap();
    stack.efs.create_file_system().creation_token(new_tenant_id()).tags(name).send().await.unwrap();
    for listener in listeners {
        let nothing = FixedResponseActionConfig::builder().status_code("404").build();
        let nothing = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(nothing).build();
        let certificates = listener.certificates().iter().filter_map(Certificate::certificate_arn);
        let certificates = certificates.map(|arn| Certificate::builder().certificate_arn(arn).build()).collect();
        stack
            .elb
            .create_listener()
            .load_balancer_arn(listener.load_balancer_arn().unwrap())
            .protocol(listener.protocol().cloned().unwrap_or(ProtocolEnum::Http))
            .port(listener.port().unwrap())
            .set_certificates(Some(certificates))
            .default_actions(nothing)
            .send()
            .await
            .unwrap();
    }
}
