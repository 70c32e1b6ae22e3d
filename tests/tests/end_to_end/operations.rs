//! What operators observe: log lines, metrics, alarms, traces.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{functions, new_tenant_id, text};

const BOUND: Duration = Duration::from_secs(30);

/// Waits for a recent log line of the functions that fits. It may appear after the function's answer.
async fn line(stack: &Stack, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    let since = (SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - BOUND).as_millis();
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    loop {
        tick.tick().await;
        let events = stack.logs.filter_log_events().log_group_name("/aws/lambda/dev-tenant-management");
        let pages = events.start_time(i64::try_from(since).unwrap()).into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        let lines = pages.iter().flat_map(|page| page.events()).filter_map(|event| event.message());
        if let Some(found) = lines.filter_map(|line| serde_json::from_str(line).ok()).find(&wanted) {
            return found;
        }
        assert!(start.elapsed() < BOUND, "no such line within {BOUND:?}: {what}");
    }
}

#[tokio::test]
async fn a_failed_function_is_counted_by_error_and_step_and_logs_its_tenant() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let execution = format!("arn:aws:states:eu-west-1:536580886816:execution:dev-provision-tenant:{tenant}");
    let (error, _) =
        stack.invoke("create-secret", &json!({"tenant_id": tenant, "owner": execution, "x": 1})).await.unwrap_err();
    assert_eq!(error, "InvalidRequest");

    let metric =
        line(stack, "StepErrors", |line| line["StepErrors"] == 1 && line["tenant_id"] == tenant.as_str()).await;
    let directive = json!({
        "Namespace": "TenantManagement",
        "Dimensions": [["Environment", "Error"], ["Environment", "Step", "Error"]],
        "Metrics": [{"Name": "StepErrors", "Unit": "Count"}],
    });
    assert_eq!(metric["_aws"]["CloudWatchMetrics"], json!([directive]));
    assert!(metric["_aws"]["Timestamp"].is_u64());
    let dimensions = [&metric["Environment"], &metric["Step"], &metric["Error"]];
    assert_eq!(dimensions, [&json!("dev"), &json!("create-secret"), &json!("InvalidRequest")]);

    let log =
        line(stack, "an error", |line| line["level"] == "ERROR" && line["span"]["tenant_id"] == tenant.as_str()).await;
    assert_eq!(log["fields"]["error"], "InvalidRequest");
    assert!(
        text(&log["fields"]["message"]).contains("unknown field") && log["fields"]["duration_ms"].is_u64(),
        "{log}"
    );
    let span = &log["span"];
    assert_eq!([&span["step"], &span["environment"]], [&json!("create-secret"), &json!("dev")]);
    assert_eq!((text(&span["execution"]), &span["request_id"]), (execution, &metric["request_id"]));
}

#[tokio::test]
async fn a_provisioning_measures_the_capacity_that_is_left() {
    let (stack, _together) = Stack::together().await;
    let answer = stack.invoke("resolve-environment", &json!({"tenant_id": new_tenant_id()})).await.unwrap();
    let limit = &answer["environment"]["capacity"]["listener_rules"]["limit"];
    let metric = line(stack, "CapacityLeftPercent", |line| line["CapacityLeftPercent"].is_u64()).await;
    assert!(metric["ListenerRulesLeft"].as_u64() <= limit.as_u64(), "{metric}");
    assert!(metric["TargetGroupsLeft"].is_u64() && metric["AccessPointsLeft"].is_u64(), "{metric}");
    assert_eq!(metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Environment"]]));
}

#[tokio::test]
async fn the_stack_has_alarms_a_dashboard_and_queries() {
    let (stack, _together) = Stack::together().await;
    let resources = stack.cloudformation.list_stack_resources().stack_name("dev-tenant-management");
    let resources = resources.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let kinds: BTreeMap<_, _> = resources
        .iter()
        .map(|resource| (resource.logical_resource_id().unwrap(), resource.resource_type().unwrap()))
        .collect();
    for (kind, names) in [
        ("AWS::CloudWatch::Alarm", ["ProvisioningFailed", "UpdateFailed", "TeardownIncomplete"].as_slice()),
        ("AWS::CloudWatch::Alarm", &["EventsUnhandled", "CapacityLow", "FunctionsThrottled"]),
        ("AWS::CloudWatch::Dashboard", &["Dashboard"]),
        ("AWS::Logs::QueryDefinition", &["ErrorsQuery", "TenantQuery", "ExecutionQuery", "SlowestStepsQuery"]),
        ("AWS::Logs::QueryDefinition", &["ColdStartsQuery"]),
        ("AWS::SNS::Topic", &["Alarms"]),
        ("AWS::SNS::TopicPolicy", &["AlarmsPolicy"]),
    ] {
        for name in names {
            assert_eq!(kinds.get(name), Some(&kind), "{name}");
        }
    }
    assert_eq!(kinds.get("AlarmSubscription"), None, "without AlarmEmail there is no subscription");
}

#[tokio::test]
async fn every_function_and_every_state_machine_may_write_traces() {
    let (stack, _together) = Stack::together().await;
    let mut roles = Vec::new();
    for function in functions() {
        let call = stack.lambda.get_function_configuration().function_name(stack.named(&function));
        let configuration = call.send().await.unwrap();
        let mode = configuration.tracing_config().and_then(|tracing| tracing.mode()).unwrap();
        assert_eq!(mode.as_str(), "Active", "{function}");
        roles.push(configuration.role.unwrap());
    }
    let machines = stack.sfn.list_state_machines().into_paginator().items().send();
    for machine in machines.collect::<Result<Vec<_>, _>>().await.unwrap() {
        // The emulator does not store whether a machine is traced. monitoring.rs checks that the template says so.
        let machine = stack.sfn.describe_state_machine().state_machine_arn(machine.state_machine_arn).send().await;
        roles.push(machine.unwrap().role_arn);
    }
    for role in roles {
        let attached =
            stack.iam.list_attached_role_policies().role_name(role.rsplit('/').next().unwrap()).send().await.unwrap();
        // SAM uses one of these policies for functions, and the other for state machines.
        let traces = |arn: &str| arn.ends_with("AWSXRayDaemonWriteAccess") || arn.ends_with("AWSXrayWriteOnlyAccess");
        assert!(attached.attached_policies().iter().filter_map(|policy| policy.policy_arn()).any(traces), "{role}");
    }
}
