use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::describe_task_definition::{DescribeTaskDefinitionError, DescribeTaskDefinitionOutput};
use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsOutput;
use aws_sdk_elasticloadbalancingv2 as elbv2;
use aws_sdk_iam::operation::get_role::{GetRoleError, GetRoleOutput};
use aws_sdk_secretsmanager::operation::describe_secret::{DescribeSecretError, DescribeSecretOutput};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::ErrorMetadata;
use elbv2::operation::describe_listeners::DescribeListenersOutput;
use elbv2::operation::describe_rules::DescribeRulesOutput;
use elbv2::operation::describe_tags::DescribeTagsOutput;
use elbv2::operation::describe_target_groups::{DescribeTargetGroupsError, DescribeTargetGroupsOutput};
use elbv2::operation::describe_target_health::DescribeTargetHealthOutput;
use serde_json::{Value, json};
use shared::input;

use super::*;
use crate::testing::settings;

const TIME: i64 = 1_768_557_600;

/// What an environment has of the tenant 123456789012: without tags, as the runbook makes it. Only an ECS task reaches
/// the database.
#[derive(Clone, Copy)]
struct Stock {
    service: Option<&'static str>,
    definition: bool,
    /// The tasks have a role of their own, which exists or does not.
    role: Option<bool>,
    balancing: bool,
    access_point: Option<&'static str>,
    secret: Option<Option<i64>>,
    log_group: bool,
    stopped_tasks: usize,
}

const EMPTY: Stock = Stock {
    service: None,
    definition: false,
    role: None,
    balancing: false,
    access_point: None,
    secret: None,
    log_group: false,
    stopped_tasks: 0,
};
const COMPLETE: Stock = Stock {
    service: Some("ACTIVE"),
    definition: true,
    role: Some(true),
    balancing: true,
    access_point: Some("available"),
    secret: Some(None),
    log_group: true,
    stopped_tasks: 1,
};

fn ecs(stock: Stock) -> [Rule; 4] {
    use aws_sdk_ecs::Client;
    use aws_sdk_ecs::types::{ContainerDefinition, Deployment, DeploymentRolloutState, Service, Task, TaskDefinition};
    [
        mock!(Client::describe_services).then_output(move || {
            let deployment = Deployment::builder()
                .id("ecs-svc/1")
                .status("PRIMARY")
                .rollout_state(DeploymentRolloutState::Completed)
                .desired_count(1)
                .running_count(1)
                .created_at(DateTime::from_secs(TIME));
            let service = stock.service.map(|status| {
                Service::builder()
                    .service_arn("arn:service")
                    .status(status)
                    .desired_count(1)
                    .running_count(1)
                    .task_definition("arn:task-definition:2")
                    .created_at(DateTime::from_secs(TIME))
                    .deployments(deployment.clone().build())
                    .build()
            });
            DescribeServicesOutput::builder().set_services(Some(service.into_iter().collect())).build()
        }),
        if stock.definition {
            mock!(Client::describe_task_definition).then_output(move || {
                let role = if stock.role.is_some() { "dev-123456789012-task" } else { "dev-ecs-task-role" };
                let container = ContainerDefinition::builder().name("wordpress").image("wordpress:6").build();
                let definition = TaskDefinition::builder()
                    .task_definition_arn("arn:task-definition:2")
                    .revision(2)
                    .task_role_arn(format!("arn:aws:iam::536580886816:role/{role}"))
                    .cpu("256")
                    .memory("512")
                    .container_definitions(container);
                DescribeTaskDefinitionOutput::builder().task_definition(definition.build()).build()
            })
        } else {
            mock!(Client::describe_task_definition).then_error(|| {
                DescribeTaskDefinitionError::generic(ErrorMetadata::builder().code("ClientException").build())
            })
        },
        mock!(Client::list_tasks).then_output(move || {
            let arns = (0..stock.stopped_tasks).map(|number| format!("arn:task/{number}")).collect();
            ListTasksOutput::builder().set_task_arns(Some(arns)).build()
        }),
        mock!(Client::describe_tasks).then_output(|| {
            let task = Task::builder().task_arn("arn:task/0").stopped_at(DateTime::from_secs(TIME));
            DescribeTasksOutput::builder().tasks(task.stopped_reason("CannotPullContainerError").build()).build()
        }),
    ]
}

fn elb(stock: Stock) -> [Rule; 5] {
    use elbv2::Client;
    use elbv2::types::{
        Listener, ProtocolEnum, Rule, RuleCondition, TargetDescription, TargetGroup, TargetHealth,
        TargetHealthDescription, TargetHealthStateEnum,
    };
    [
        mock!(Client::describe_listeners).then_output(|| {
            let listener = Listener::builder().listener_arn("arn:listener").protocol(ProtocolEnum::Https).build();
            DescribeListenersOutput::builder().listeners(listener).build()
        }),
        mock!(Client::describe_rules).then_output(move || {
            let condition = RuleCondition::builder().field("host-header").values("123456789012.example.com").build();
            let rule = Rule::builder().rule_arn("arn:rule").priority("7").conditions(condition).build();
            let rules = if stock.balancing { vec![rule] } else { vec![] };
            DescribeRulesOutput::builder().set_rules(Some(rules)).build()
        }),
        if stock.balancing {
            mock!(Client::describe_target_groups).then_output(|| {
                let group = TargetGroup::builder().target_group_arn("arn:tg").build();
                DescribeTargetGroupsOutput::builder().target_groups(group).build()
            })
        } else {
            mock!(Client::describe_target_groups).then_error(|| {
                DescribeTargetGroupsError::generic(ErrorMetadata::builder().code("TargetGroupNotFound").build())
            })
        },
        mock!(Client::describe_tags).then_output(|| DescribeTagsOutput::builder().build()),
        mock!(Client::describe_target_health).then_output(|| {
            let health = TargetHealth::builder().state(TargetHealthStateEnum::Healthy).build();
            let target = TargetDescription::builder().id("10.0.0.1").port(80).build();
            let target = TargetHealthDescription::builder().target(target).target_health(health).build();
            DescribeTargetHealthOutput::builder().target_health_descriptions(target).build()
        }),
    ]
}

fn efs(stock: Stock) -> Rule {
    use aws_sdk_efs::Client;
    use aws_sdk_efs::types::{AccessPointDescription, Tag};
    mock!(Client::describe_access_points).then_output(move || {
        let access_point = stock.access_point.map(|state| {
            AccessPointDescription::builder()
                .access_point_id("fsap-1")
                .access_point_arn("arn:fsap-1")
                .life_cycle_state(state.into())
                .tags(Tag::builder().key("Name").value("dev-123456789012-ap").build().unwrap())
                .build()
        });
        DescribeAccessPointsOutput::builder().set_access_points(Some(access_point.into_iter().collect())).build()
    })
}

fn iam(stock: Stock) -> Rule {
    use aws_sdk_iam::Client;
    use aws_sdk_iam::types::{AttachedPermissionsBoundary, Role};
    if stock.role != Some(true) {
        return mock!(Client::get_role)
            .then_error(|| GetRoleError::generic(ErrorMetadata::builder().code("NoSuchEntity").build()));
    }
    mock!(Client::get_role).then_output(|| {
        let boundary = AttachedPermissionsBoundary::builder().permissions_boundary_arn("arn:boundary").build();
        let role = Role::builder().arn("arn:role").role_name("dev-123456789012-task").role_id("AROA").path("/");
        let role = role.create_date(DateTime::from_secs(TIME)).permissions_boundary(boundary).build();
        GetRoleOutput::builder().role(role.unwrap()).build()
    })
}

/// Only the description of the secret. A call that reads its value fails.
fn secrets(stock: Stock) -> Rule {
    use aws_sdk_secretsmanager::Client;
    match stock.secret {
        Some(deleted) => mock!(Client::describe_secret).then_output(move || {
            DescribeSecretOutput::builder()
                .arn("arn:secret")
                .created_date(DateTime::from_secs(TIME))
                .set_deleted_date(deleted.map(DateTime::from_secs))
                .build()
        }),
        None => mock!(Client::describe_secret).then_error(|| {
            DescribeSecretError::generic(ErrorMetadata::builder().code("ResourceNotFoundException").build())
        }),
    }
}

fn logs(stock: Stock) -> Rule {
    use aws_sdk_cloudwatchlogs::Client;
    use aws_sdk_cloudwatchlogs::types::LogGroup;
    mock!(Client::describe_log_groups).then_output(move || {
        let group = LogGroup::builder().log_group_name("/ecs/dev-123456789012").build();
        let groups = if stock.log_group { vec![group] } else { vec![] };
        DescribeLogGroupsOutput::builder().set_log_groups(Some(groups)).build()
    })
}

async fn run_request(stock: Stock, request: Value) -> Result<Description> {
    let (ecs, elb, efs, secrets, logs) = (ecs(stock), elb(stock), efs(stock), secrets(stock), logs(stock));
    let iam = iam(stock);
    let clients = Clients {
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, []),
        ecs: mock_client!(aws_sdk_ecs, RuleMode::MatchAny, ecs.each_ref()),
        elb: mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, elb.each_ref()),
        efs: mock_client!(aws_sdk_efs, RuleMode::MatchAny, [&efs]),
        iam: mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&iam]),
        logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&logs]),
        secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&secrets]),
    };
    let stack = [("LISTENER_ARNS", "arn:listener"), ("DATABASE_ACCESS", "ecs-task"), ("TASK_ROLES", "per-tenant")];
    let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, []);
    describe(&clients, &machines, &settings(&stack), input::parse(request)?).await
}

async fn run(stock: Stock) -> Result<Description> {
    run_request(stock, json!({"tenant_id": "123456789012", "environment": "dev"})).await
}

#[tokio::test]
async fn a_complete_tenant_is_described_in_one_answer() {
    assert_eq!(
        serde_json::to_value(run(COMPLETE).await.unwrap()).unwrap(),
        json!({
            "tenant_id": "123456789012",
            "environment": "dev",
            "status": "active",
            "url": "https://123456789012.example.com",
            "lacks": [],
            "service": {
                "arn": "arn:service", "status": "ACTIVE", "desired_count": 1, "running_count": 1, "pending_count": 0,
                "created_at": "2026-01-16T10:00:00Z",
                "deployments": [{
                    "id": "ecs-svc/1", "status": "PRIMARY", "rollout_state": "COMPLETED", "desired": 1, "running": 1,
                    "failed": 0, "created_at": "2026-01-16T10:00:00Z"
                }],
                "events": []
            },
            "task_definition": {
                "arn": "arn:task-definition:2", "revision": 2, "image": "wordpress:6", "cpu": 256, "memory": 512
            },
            "task_role": {"name": "dev-123456789012-task", "exists": true, "permissions_boundary": "arn:boundary"},
            "target_group": {
                "arn": "arn:tg", "targets": [{"target": "10.0.0.1", "port": 80, "state": "healthy"}]
            },
            "listener_rules": [{"arn": "arn:rule", "listener_arn": "arn:listener", "priority": 7, "host": "123456789012.example.com"}],
            "access_points": [{"id": "fsap-1", "arn": "arn:fsap-1", "state": "available"}],
            "site_credentials": {"arn": "arn:secret", "created_at": "2026-01-16T10:00:00Z"},
            "secret": {"arn": "arn:secret", "created_at": "2026-01-16T10:00:00Z"},
            "database": {"status": "unchecked"},
            "log_group": {"name": "/ecs/dev-123456789012"},
            "stopped_tasks": [{
                "arn": "arn:task/0", "stopped_at": "2026-01-16T10:00:00Z", "reason": "CannotPullContainerError"
            }],
            "executions": []
        })
    );
}

#[tokio::test]
async fn what_is_missing_is_left_out_and_named() {
    let stock = Stock { log_group: false, access_point: None, ..COMPLETE };
    let tenant = run(stock).await.unwrap();
    assert_eq!((tenant.status, &tenant.lacks), (Status::Partial, &[Kind::AccessPoint, Kind::LogGroup].into()));
    let json = serde_json::to_value(tenant).unwrap();
    assert_eq!((&json["lacks"], json.get("log_group")), (&json!(["access-point", "log-group"]), None));
    assert!(json["repair"]["log-group"].as_str().unwrap().contains("dev-create-log-group"), "{json}");
    assert!(json["probable_cause"].as_str().unwrap().contains("is missing"), "{json}");
}

#[tokio::test]
async fn a_role_is_missing_only_if_the_tasks_need_it() {
    let tenant = run(Stock { role: Some(false), ..COMPLETE }).await.unwrap();
    assert_eq!(tenant.lacks, [Kind::TaskRole].into());
    let role = serde_json::to_value(tenant.details.task_role).unwrap();
    assert_eq!(role, json!({"name": "dev-123456789012-task", "exists": false}));
    let earlier = run(Stock { role: None, ..COMPLETE }).await.unwrap();
    assert_eq!((earlier.lacks.len(), earlier.details.task_role), (0, None), "they have the environment's");
}

#[tokio::test]
async fn a_resource_that_is_being_deleted_is_shown_and_missing() {
    let tenant = run(Stock { secret: Some(Some(TIME)), access_point: Some("deleting"), ..COMPLETE }).await.unwrap();
    assert_eq!(tenant.lacks, [Kind::AccessPoint, Kind::Secret].into());
    assert_eq!(tenant.details.secret.unwrap().deletion_date.as_deref(), Some("2026-01-16T10:00:00Z"));
    assert_eq!(tenant.details.access_points[0].state.as_deref(), Some("deleting"));
    assert_eq!(run(Stock { service: Some("DRAINING"), ..COMPLETE }).await.unwrap().status, Status::Draining);
}

#[tokio::test]
async fn any_resource_that_is_not_being_deleted_makes_a_tenant() {
    for stock in [
        Stock { service: Some("ACTIVE"), ..EMPTY },
        Stock { definition: true, ..EMPTY },
        Stock { role: Some(true), ..EMPTY },
        Stock { balancing: true, ..EMPTY },
        Stock { access_point: Some("available"), ..EMPTY },
        Stock { secret: Some(None), ..EMPTY },
    ] {
        assert_eq!(run(stock).await.unwrap().status, Status::Partial);
    }
    let retired = run(Stock { log_group: true, ..EMPTY }).await.unwrap();
    assert_eq!((retired.status, retired.lacks.len()), (Status::Retired, 0), "a log that was kept on purpose");
}

#[test]
fn a_database_or_its_user_alone_makes_a_tenant_and_an_unchecked_one_does_not() {
    let checked = |exists: bool| Database::Checked {
        name: "123456789012_db".to_owned(),
        exists,
        user_exists: !exists,
        size_bytes: None,
        connections: None,
        wordpress_version: None,
    };
    let with = |database: Option<Database>| Details { database, ..Details::default() };
    assert!(with(Some(checked(true))).is_a_tenant() && with(Some(checked(false))).is_a_tenant());
    assert!(with(Some(checked(true))).parts().lacks().contains(&Kind::Database), "its user is missing");
    let unchecked = || Database::Unchecked { status: crate::resources::inventory::Status::Unchecked };
    assert!(!with(Some(unchecked())).is_a_tenant() && !with(None).is_a_tenant());
    assert!(!with(Some(unchecked())).parts().lacks().contains(&Kind::Database), "nobody knows");
}

#[tokio::test]
async fn without_resources_there_is_no_tenant_and_the_error_says_what_to_do() {
    for stock in [
        EMPTY,
        Stock { service: Some("INACTIVE"), ..EMPTY },
        Stock { stopped_tasks: 1, ..EMPTY },
        Stock { access_point: Some("deleted"), ..EMPTY },
    ] {
        let error = run(stock).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TenantNotFound);
        for text in ["no tenant 123456789012 in dev", "dev-list-tenants", "database was not looked at"] {
            assert!(error.chain().contains(text), "{}", error.chain());
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_scheduled_for_deletion_is_no_tenant_and_can_be_recovered() {
    let error = run(Stock { secret: Some(Some(TIME)), ..EMPTY }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TenantNotFound);
    for text in ["dev-123456789012-db-credentials is scheduled for deletion", "until 2026-01-16T10:00:00Z"] {
        assert!(error.chain().contains(text), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_wrong_request_is_refused_with_the_field_and_what_is_allowed() {
    for (request, field, allowed) in [
        (json!({}), "tenant_id", "missing field"),
        (json!({"tenant_id": "1"}), "tenant_id: \"1\"", "12 digits"),
        (json!({"tenant_id": "123456789012", "environment": "staging"}), "environment: \"staging\"", "\"prod\""),
        (json!({"tenant_id": "123456789012", "owner": "me"}), "owner", "environment"),
    ] {
        let error = run_request(EMPTY, request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.chain().contains(field) && error.chain().contains(allowed), "{}", error.chain());
    }
    let error = run_request(EMPTY, json!({"tenant_id": "123456789012", "environment": "prod"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongEnvironment);
}
