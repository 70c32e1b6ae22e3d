//! Somebody else deletes a resource while a job works on it, or on a resource that depends on it.

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch};
use mysql_async::prelude::Queryable;
use serde_json::Value;
use shared::Kind as Victim;
use tests::proxy::{Fault, Kind, Watch};
use tests::{Outcome, Stack, database};

/// Runs a machine to its end. If the fault is a vanishing resource, deletes the resource just before the call.
pub(crate) async fn outcome(
    stack: &Stack,
    watch: &Watch,
    fault: Option<&Fault>,
    machine: &str,
    tenant: &str,
    input: &Value,
) -> Outcome {
    let arn = stack.start_watched(watch, machine, input).await;
    let ended = stack.ended(&arn);
    let Some(Kind::Interrupted(victim)) = fault.map(|fault| fault.kind) else { return ended.await };
    tokio::pin!(ended);
    tokio::select! {
        // The execution may end before the call.
        outcome = &mut ended => return outcome,
        () = watch.reached() => {}
    }
    remove(stack, tenant, victim).await;
    watch.resume();
    ended.await
}

/// Deletes one resource of a tenant, if it exists.
async fn remove(stack: &Stack, tenant: &str, victim: Victim) {
    let name = stack.named(tenant);
    match victim {
        Victim::SiteCredentials => remove_secret(stack, &format!("{name}-site-credentials")).await,
        Victim::Secret => remove_secret(stack, &format!("{name}-db-credentials")).await,
        Victim::Database => {
            let mut administrator = database::administrator(stack).await;
            administrator.query_drop(format!("DROP DATABASE IF EXISTS `{tenant}_db`")).await.expect("no database");
            administrator.query_drop(format!("DROP USER IF EXISTS '{tenant}_user'@'%'")).await.expect("no user");
        }
        Victim::TaskRole => {
            let role = format!("{name}-task");
            stack.iam.delete_role_policy().role_name(&role).policy_name("use-files").send().await.ok();
            stack.iam.delete_role().role_name(role).send().await.ok();
        }
        Victim::AccessPoint => {
            let all = stack.efs.describe_access_points().into_paginator().items().send();
            let all = all.collect::<Result<Vec<_>, _>>().await.expect("access points");
            for point in all.iter().filter(|point| format!("{point:?}").contains(&format!("/wordpress/{tenant}/"))) {
                let id = point.access_point_id().expect("an id");
                stack.efs.delete_access_point().access_point_id(id).send().await.ok();
            }
        }
        Victim::Files => {
            std::fs::remove_dir_all(stack.all_files().await.join(tenant)).ok();
        }
        Victim::LogGroup => {
            stack.logs.delete_log_group().log_group_name(format!("/ecs/{name}")).send().await.ok();
        }
        Victim::ListenerRule => remove_rules(stack, tenant).await,
        Victim::DnsRecord => {
            let zone = stack.hosted_zone().await;
            let host = format!("{tenant}.{}", stack.domain);
            let listed = stack.route53.list_resource_record_sets().hosted_zone_id(&zone).start_record_name(&host);
            let listed = listed.max_items(1).send().await.expect("records").resource_record_sets;
            for record in listed.into_iter().filter(|record| record.name().trim_end_matches('.') == host) {
                let change = Change::builder().action(ChangeAction::Delete).resource_record_set(record).build();
                let batch = ChangeBatch::builder().changes(change.expect("a change")).build().expect("changes");
                let changed = stack.route53.change_resource_record_sets().hosted_zone_id(&zone).change_batch(batch);
                changed.send().await.ok();
            }
        }
        Victim::TargetGroup => {
            remove_rules(stack, tenant).await;
            let groups = stack.elb.describe_target_groups().names(format!("{name}-tg")).send().await;
            for group in groups.map(|found| found.target_groups.unwrap_or_default()).unwrap_or_default() {
                let arn = group.target_group_arn().expect("an ARN");
                stack.elb.delete_target_group().target_group_arn(arn).send().await.ok();
            }
        }
        Victim::TaskDefinition => {
            let listed = stack.ecs.list_task_definitions().family_prefix(&name).send().await.expect("task definitions");
            for arn in listed.task_definition_arns() {
                stack.ecs.deregister_task_definition().task_definition(arn).send().await.ok();
            }
        }
        Victim::Service => {
            let service = stack.ecs.delete_service().cluster(stack.named("cluster")).force(true);
            service.service(format!("{name}-service")).send().await.ok();
        }
    }
}

async fn remove_secret(stack: &Stack, name: &str) {
    let secret = stack.secrets.delete_secret().secret_id(name);
    secret.force_delete_without_recovery(true).send().await.ok();
}

async fn remove_rules(stack: &Stack, tenant: &str) {
    let host = format!("{tenant}.{}", stack.domain);
    for rule in stack.rules().await.iter().filter(|rule| format!("{rule:?}").contains(&host)) {
        stack.elb.delete_rule().rule_arn(rule.rule_arn().expect("an ARN")).send().await.ok();
    }
}
