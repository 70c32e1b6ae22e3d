//! Why a tenant's site may be down: the first of the known causes that fits, in the order in which a request meets
//! them, and what to do.

use shared::{Kind, Names};

use super::Details;
use super::executions::Execution;
use super::storage::Database;
use crate::resources::repair;

/// The probable cause; `None` when nothing is wrong with what was read.
pub(super) fn probable(details: &Details, is_suspended: bool, names: &Names) -> Option<String> {
    let environment = names.environment();
    let causes = [
        dns_leads_elsewhere(details),
        no_rule(details, names),
        suspended(details, is_suspended, environment.as_str()),
        no_task_wanted(details, is_suspended, environment.as_str()),
        deployment_failed(details),
        no_healthy_target(details),
        too_few_tasks(details),
        database_unusable(details),
        something_missing(details, names),
    ];
    causes.into_iter().flatten().next()
}

/// The record is an alias of a load balancer that has not the tenant's rule.
fn dns_leads_elsewhere(details: &Details) -> Option<String> {
    // arn:…:listener/app/<name>/<id of the load balancer>/<id of the listener>
    let balancers = details.listener_rules.iter().filter_map(|rule| rule.listener_arn.split('/').nth(2));
    let balancers: Vec<_> = balancers.map(str::to_lowercase).collect();
    let leads_there = |alias: &str| balancers.iter().any(|name| alias.to_lowercase().contains(&format!("{name}-")));
    let elsewhere = details.dns_records.iter().find_map(|record| {
        let alias = record.alias_of.as_deref().filter(|alias| !balancers.is_empty() && !leads_there(alias))?;
        Some((record, alias))
    });
    elsewhere.map(|(record, alias)| {
        format!(
            "its DNS record {} leads to {alias}, and its listener rule is on the load balancer {}: make the record an \
             alias of that one",
            record.name,
            balancers.join(", ")
        )
    })
}

fn no_rule(details: &Details, names: &Names) -> Option<String> {
    let is_expected = details.service.is_some() && details.listener_rules.is_empty();
    is_expected.then(|| {
        format!("its listener rule is missing, so no visitor reaches it: {}", repair::advice(Kind::ListenerRule, names))
    })
}

fn suspended(details: &Details, is_suspended: bool, environment: &str) -> Option<String> {
    let by = details.executions.iter().find(|execution| execution.has_suspended);
    let by = by.map(|Execution { arn, started_at, .. }| format!(" by {arn} at {started_at}")).unwrap_or_default();
    is_suspended
        .then(|| format!("it was suspended{by}: {environment}-update-tenant with \"suspended\": false resumes it"))
}

fn no_task_wanted(details: &Details, is_suspended: bool, environment: &str) -> Option<String> {
    let wanted = details.service.as_ref()?.desired_count;
    (wanted == 0 && !is_suspended).then(|| {
        format!(
            "its service wants no task, and nobody has suspended the tenant: somebody has scaled it by hand. \
             {environment}-update-tenant with desired_count starts tasks again"
        )
    })
}

fn deployment_failed(details: &Details) -> Option<String> {
    let service = details.service.as_ref()?;
    let failed = service.deployments.iter().find(|deployment| deployment.rollout_state.as_deref() == Some("FAILED"))?;
    let reason = failed.rollout_state_reason.as_deref().unwrap_or("ECS gives no reason");
    Some(format!("its last deployment failed: {reason}{}", last_stop(details)))
}

fn no_healthy_target(details: &Details) -> Option<String> {
    let service = details.service.as_ref().filter(|service| service.running_count > 0)?;
    let targets = &details.target_group.as_ref()?.targets;
    if targets.iter().any(|target| target.state.as_deref() == Some("healthy")) {
        return None;
    }
    let told = targets.iter().map(|target| {
        let parts = [&target.state, &target.reason, &target.description];
        let parts: Vec<_> = parts.into_iter().filter_map(Option::as_deref).collect();
        format!("{} is {}", target.target, parts.join(", "))
    });
    let told: Vec<_> = told.collect();
    let told = if told.is_empty() { "the target group has no target".to_owned() } else { told.join("; ") };
    Some(format!("{} of its tasks run, and none is healthy: {told}{}", service.running_count, last_stop(details)))
}

fn too_few_tasks(details: &Details) -> Option<String> {
    let service = details.service.as_ref()?;
    (service.running_count < service.desired_count).then(|| {
        let event = service.events.first().map(|event| format!(": {}", event.message)).unwrap_or_default();
        format!("{} of {} tasks run{event}{}", service.running_count, service.desired_count, last_stop(details))
    })
}

/// Why the task that stopped last did so.
fn last_stop(details: &Details) -> String {
    let reason = details.stopped_tasks.first().and_then(|task| task.reason.as_deref());
    reason.map(|reason| format!("; the last task stopped with: {reason}")).unwrap_or_default()
}

fn database_unusable(details: &Details) -> Option<String> {
    match details.database.as_ref()? {
        Database::Unreachable { reason, .. } => Some(format!("its database server cannot be reached: {reason}")),
        _ => None,
    }
}

fn something_missing(details: &Details, names: &Names) -> Option<String> {
    details.service.as_ref()?;
    let kind = details.parts().lacks().into_iter().next()?;
    Some(format!("its {} is missing: {}", kind.name(), repair::advice(kind, names)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::reading::describe::compute::{Deployment, Service, StoppedTask};
    use crate::reading::describe::routing::{DnsRecord, ListenerRule, Target, TargetGroup};
    use crate::testing::{settings, tenant};

    fn service(desired_count: i32, running_count: i32) -> Service {
        Service {
            arn: "arn:service".to_owned(),
            status: Some("ACTIVE".to_owned()),
            desired_count,
            running_count,
            pending_count: 0,
            created_at: None,
            deployments: Vec::new(),
            events: Vec::new(),
        }
    }

    fn target(state: &str) -> Target {
        let description = Some("Health checks failed with these codes: [502]".to_owned());
        Target {
            target: "10.0.0.1".to_owned(),
            port: Some(80),
            state: Some(state.to_owned()),
            reason: None,
            description,
        }
    }

    fn serving() -> Details {
        let listener = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/dev-alb/1/2";
        let rule =
            ListenerRule { arn: "arn:rule".to_owned(), listener_arn: listener.to_owned(), priority: None, host: None };
        Details {
            service: Some(service(1, 1)),
            target_group: Some(TargetGroup { arn: "arn:tg".to_owned(), targets: vec![target("healthy")] }),
            listener_rules: vec![rule],
            dns_records: vec![record("internal-dev-alb-123.eu-west-1.elb.amazonaws.com")],
            ..Details::default()
        }
    }

    fn record(alias: &str) -> DnsRecord {
        DnsRecord {
            name: "123456789012.example.com".to_owned(),
            r#type: "A".to_owned(),
            alias_of: Some(alias.to_owned()),
        }
    }

    fn told(details: &Details, is_suspended: bool) -> String {
        probable(details, is_suspended, &settings(&[]).names(&tenant())).unwrap()
    }

    #[test]
    fn each_cause_is_named_with_its_reason() {
        let failed = Deployment {
            id: "1".to_owned(),
            status: None,
            rollout_state: Some("FAILED".to_owned()),
            rollout_state_reason: Some("tasks failed to start".to_owned()),
            task_definition: None,
            desired: 1,
            running: 0,
            failed: 3,
            created_at: None,
        };
        let stopped = StoppedTask {
            arn: "arn:task".to_owned(),
            stopped_at: None,
            stop_code: None,
            reason: Some("CannotPullContainerError".to_owned()),
            exit_code: None,
        };
        let with_service = |service| Details { service: Some(service), ..serving() };
        let unhealthy = Some(TargetGroup { arn: "arn:tg".to_owned(), targets: vec![target("unhealthy")] });
        let unreachable = Database::Unreachable { status: "unreachable", reason: "connection refused".to_owned() };
        for (details, is_suspended, parts) in [
            (
                Details { listener_rules: Vec::new(), ..serving() },
                false,
                ["listener rule is missing", "dev-create-listener-rule"],
            ),
            (
                Details { dns_records: vec![record("old-alb-1.elb.amazonaws.com")], ..serving() },
                false,
                ["old-alb-1", "dev-alb"],
            ),
            (with_service(service(0, 0)), true, ["was suspended", "\"suspended\": false"]),
            (with_service(service(0, 0)), false, ["scaled it by hand", "desired_count"]),
            (
                Details {
                    stopped_tasks: vec![stopped],
                    ..with_service(Service { deployments: vec![failed], ..service(1, 0) })
                },
                false,
                ["deployment failed: tasks failed to start", "CannotPullContainerError"],
            ),
            (Details { target_group: unhealthy, ..serving() }, false, ["none is healthy", "[502]"]),
            (with_service(service(2, 1)), false, ["1 of 2 tasks run", "1 of 2"]),
            (Details { database: Some(unreachable), ..serving() }, false, ["cannot be reached", "connection refused"]),
        ] {
            let told = told(&details, is_suspended);
            assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        }
    }

    #[test]
    fn what_is_missing_is_named_last_and_a_serving_tenant_that_lacks_nothing_has_no_cause() {
        assert!(told(&serving(), false).contains("is missing"), "it has no secret");
        assert_eq!(json!(probable(&Details::default(), false, &settings(&[]).names(&tenant()))), json!(null));
    }
}
