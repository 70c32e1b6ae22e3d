use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::operation::describe_task_definition::{DescribeTaskDefinitionError, DescribeTaskDefinitionOutput};
use aws_sdk_ecs::operation::list_services::ListServicesOutput;
use aws_sdk_ecs::operation::list_task_definition_families::ListTaskDefinitionFamiliesOutput;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::ContainerDefinition;
use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsOutput;
use aws_sdk_efs::types::{AccessPointDescription, LifeCycleState};
use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::DescribeLoadBalancersOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_rules::DescribeRulesOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::DescribeTargetHealthOutput;
use aws_sdk_elasticloadbalancingv2::types::{
    Listener, LoadBalancer, LoadBalancerTypeEnum, ProtocolEnum, RuleCondition, TargetGroup, TargetHealth,
    TargetHealthDescription, TargetHealthStateEnum,
};
use aws_sdk_iam::operation::list_roles::ListRolesOutput;
use aws_sdk_iam::types::Role;
use aws_sdk_secretsmanager::operation::list_secrets::ListSecretsOutput;
use aws_sdk_secretsmanager::types::SecretListEntry;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use serde_json::json;
use shared::{ErrorKind, PerKind};

use super::*;
use crate::resources::secret::Listed;
use crate::testing::settings;

/// 2026-01-16T10:00:00Z
const CREATED: i64 = 1_768_557_600;

/// An environment with an HTTPS listener. The tests add resources and remove some of them.
#[derive(Clone)]
struct World {
    services: Vec<(String, &'static str)>,
    families: Vec<String>,
    roles: Vec<String>,
    secrets: Vec<(String, bool)>,
    groups: Vec<String>,
    access_points: Vec<(String, LifeCycleState)>,
    log_groups: Vec<String>,
    hosts: Vec<String>,
    balancer: bool,
    /// Stems of tenants whose targets are not healthy.
    unhealthy: Vec<String>,
    /// Services and task definitions that vanish after they were listed.
    vanished: Vec<String>,
}

/// Number of calls to AWS.
#[derive(Debug, PartialEq, Eq)]
struct Calls {
    list_services: usize,
    list_families: usize,
    list_roles: usize,
    list_secrets: usize,
    target_groups: usize,
    access_points: usize,
    log_groups: usize,
    rules: usize,
    describe_services: usize,
    describe_definitions: usize,
    target_health: usize,
}

fn id(number: u64) -> TenantId {
    TenantId::try_from(format!("{:012}", 100_000_000_000 + number)).unwrap()
}

fn world(tenants: u64) -> World {
    let names: Vec<_> = (0..tenants).map(|number| settings(&[]).names(&id(number))).collect();
    World {
        services: names.iter().map(|names| (names.service(), "ACTIVE")).collect(),
        families: names.iter().map(|names| names.family()).collect(),
        roles: names.iter().map(|names| names.task_role()).collect(),
        secrets: names.iter().flat_map(|names| [(names.secret(), false), (names.site_credentials(), false)]).collect(),
        groups: names.iter().map(|names| names.target_group()).collect(),
        access_points: names.iter().map(|names| (names.access_point(), LifeCycleState::Available)).collect(),
        log_groups: names.iter().map(|names| names.log_group()).collect(),
        hosts: names.iter().map(|names| names.host("example.com")).collect(),
        balancer: true,
        unhealthy: Vec::new(),
        vanished: Vec::new(),
    }
}

/// At most `size` items from `token` on, and the token of the next ones.
fn part<T: Clone>(items: &[T], token: Option<&str>, size: Option<i32>) -> (Vec<T>, Option<String>) {
    let from: usize = token.map_or(0, |token| token.parse().unwrap());
    let to = items.len().min(from + usize::try_from(size.unwrap()).unwrap());
    (items[from..to].to_vec(), (to < items.len()).then(|| to.to_string()))
}

fn service(name: &str, status: &str) -> Service {
    let family = name.trim_end_matches("-service");
    let service = Service::builder().service_name(name).status(status).desired_count(2).running_count(2);
    let group = aws_sdk_ecs::types::LoadBalancer::builder().target_group_arn(format!("arn:{family}"));
    let service = service.task_definition(format!("{family}:7")).load_balancers(group.build());
    service.created_at(DateTime::from_secs(CREATED)).build()
}

fn ecs(world: World) -> (aws_sdk_ecs::Client, [Rule; 4]) {
    let World { services, families, vanished, .. } = world;
    // As on AWS, draining services are not listed.
    let listed: Vec<_> =
        services.iter().filter(|(_, status)| *status != "DRAINING").map(|(name, _)| name.clone()).collect();
    let list_services = mock!(aws_sdk_ecs::Client::list_services)
        .match_requests(|request| request.cluster() == Some("dev-cluster") && request.max_results() == Some(100))
        .then_compute_output(move |request| {
            let (names, next) = part(&listed, request.next_token(), request.max_results());
            let arns = names.iter().map(|name| format!("arn:aws:ecs:eu-west-1:1:service/dev-cluster/{name}")).collect();
            ListServicesOutput::builder().set_service_arns(Some(arns)).set_next_token(next).build()
        });
    let list_families = mock!(aws_sdk_ecs::Client::list_task_definition_families)
        .match_requests(|request| {
            let active = request.status().is_some_and(|status| status.as_str() == "ACTIVE");
            active && request.family_prefix() == Some("dev-") && request.max_results() == Some(100)
        })
        .then_compute_output(move |request| {
            let (families, next) = part(&families, request.next_token(), request.max_results());
            ListTaskDefinitionFamiliesOutput::builder().set_families(Some(families)).set_next_token(next).build()
        });
    let gone = vanished.clone();
    let describe_services = mock!(aws_sdk_ecs::Client::describe_services)
        .match_requests(|request| (1..=10).contains(&request.services().len()))
        .then_compute_output(move |request| {
            let found = services.iter().filter(|(name, _)| request.services().contains(name) && !gone.contains(name));
            let found = found.map(|(name, status)| service(name, status)).collect();
            DescribeServicesOutput::builder().set_services(Some(found)).build()
        });
    let describe_definition =
        mock!(aws_sdk_ecs::Client::describe_task_definition).then_compute_response(move |request| {
            let arn = request.task_definition().unwrap();
            if vanished.iter().any(|name| name == arn) {
                let error =
                    DescribeTaskDefinitionError::generic(ErrorMetadata::builder().code("ClientException").build());
                return aws_smithy_mocks::MockResponse::Error(error);
            }
            let sidecar = ContainerDefinition::builder().name("sidecar").image("sidecar:1").build();
            let wordpress = ContainerDefinition::builder().name("wordpress").image("wordpress:6").build();
            let definition = TaskDefinition::builder().cpu("256").memory("512").container_definitions(sidecar);
            let definition = definition.container_definitions(wordpress).build();
            aws_smithy_mocks::MockResponse::Output(
                DescribeTaskDefinitionOutput::builder().task_definition(definition).build(),
            )
        });
    let rules = [list_services, list_families, describe_services, describe_definition];
    (mock_client!(aws_sdk_ecs, RuleMode::MatchAny, rules.iter()), rules)
}

fn elb(world: World) -> (aws_sdk_elasticloadbalancingv2::Client, [Rule; 6]) {
    let World { groups, hosts, balancer, unhealthy, .. } = world;
    let balancers = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_load_balancers).then_output(move || {
        let dev = LoadBalancer::builder().load_balancer_arn("arn:lb").load_balancer_name("dev-alb");
        let dev = balancer.then(|| dev.r#type(LoadBalancerTypeEnum::Application).build());
        DescribeLoadBalancersOutput::builder().set_load_balancers(Some(dev.into_iter().collect())).build()
    });
    let listeners = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners).then_output(|| {
        let listener = |arn: &str, port: i32, protocol| {
            Listener::builder().listener_arn(arn).port(port).protocol(protocol).build()
        };
        let both = [listener("arn:http", 80, ProtocolEnum::Http), listener("arn:https", 443, ProtocolEnum::Https)];
        DescribeListenersOutput::builder().set_listeners(Some(both.into())).build()
    });
    let rules = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_rules).then_compute_output(move |request| {
        let (hosts, next) = match request.listener_arn() {
            Some("arn:https") => part(&hosts, request.marker(), request.page_size()),
            _ => (Vec::new(), None),
        };
        let rules = hosts.iter().map(|host| {
            let condition = RuleCondition::builder().field("host-header").values(host).build();
            aws_sdk_elasticloadbalancingv2::types::Rule::builder().conditions(condition).build()
        });
        DescribeRulesOutput::builder().set_rules(Some(rules.collect())).set_next_marker(next).build()
    });
    let groups = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_groups)
        .match_requests(|request| request.page_size() == Some(400))
        .then_compute_output(move |request| {
            let (names, next) = part(&groups, request.marker(), request.page_size());
            let groups = names.iter().map(|name| TargetGroup::builder().target_group_name(name).build()).collect();
            DescribeTargetGroupsOutput::builder().set_target_groups(Some(groups)).set_next_marker(next).build()
        });
    let tags = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_tags)
        .then_output(|| DescribeTagsOutput::builder().build());
    let health =
        mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_health).then_compute_output(move |request| {
            let stem = request.target_group_arn().unwrap().trim_start_matches("arn:");
            let is_down = unhealthy.iter().any(|other| other == stem);
            let state = if is_down { TargetHealthStateEnum::Unhealthy } else { TargetHealthStateEnum::Healthy };
            let target = TargetHealthDescription::builder().target_health(TargetHealth::builder().state(state).build());
            let target = target.build();
            DescribeTargetHealthOutput::builder()
                .set_target_health_descriptions(Some(vec![target.clone(), target]))
                .build()
        });
    let mocks = [balancers, listeners, rules, groups, tags, health];
    (mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, mocks.iter()), mocks)
}

fn iam(roles: Vec<String>) -> (aws_sdk_iam::Client, Rule) {
    let listing = mock!(aws_sdk_iam::Client::list_roles).then_compute_output(move |request| {
        let (names, next) = part(&roles, request.marker(), request.max_items());
        let listed = names.iter().map(|name| {
            let role = Role::builder().role_name(name).arn(format!("arn:role/{name}")).role_id("AROA").path("/");
            role.create_date(DateTime::from_secs(CREATED)).build().unwrap()
        });
        let output = ListRolesOutput::builder().set_roles(Some(listed.collect())).is_truncated(next.is_some());
        output.set_marker(next).build().unwrap()
    });
    (mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&listing]), listing)
}

fn efs(access_points: Vec<(String, LifeCycleState)>) -> (aws_sdk_efs::Client, Rule) {
    let listing = mock!(aws_sdk_efs::Client::describe_access_points).then_compute_output(move |request| {
        let (page, next) = part(&access_points, request.next_token(), request.max_results());
        let described = page.into_iter().map(|(name, state)| {
            let tag = aws_sdk_efs::types::Tag::builder().key("Name").value(name).build().unwrap();
            AccessPointDescription::builder().tags(tag).life_cycle_state(state).build()
        });
        DescribeAccessPointsOutput::builder().set_access_points(Some(described.collect())).set_next_token(next).build()
    });
    (mock_client!(aws_sdk_efs, RuleMode::MatchAny, [&listing]), listing)
}

fn logs(log_groups: Vec<String>) -> (aws_sdk_cloudwatchlogs::Client, Rule) {
    let listing = mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups)
        .match_requests(|request| request.log_group_name_prefix() == Some("/ecs/dev-"))
        .then_compute_output(move |request| {
            let (names, next) = part(&log_groups, request.next_token(), request.limit());
            let groups = names.iter().map(|name| LogGroup::builder().log_group_name(name).build()).collect();
            DescribeLogGroupsOutput::builder().set_log_groups(Some(groups)).set_next_token(next).build()
        });
    (mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&listing]), listing)
}

fn secrets(secrets: Vec<(String, bool)>) -> (aws_sdk_secretsmanager::Client, Rule) {
    let listing = mock!(aws_sdk_secretsmanager::Client::list_secrets)
        .match_requests(|request| {
            let by_name = request.filters()[0].values() == ["dev-"];
            by_name && request.include_planned_deletion() == Some(true)
        })
        .then_compute_output(move |request| {
            let (page, next) = part(&secrets, request.next_token(), request.max_results());
            let listed = page.into_iter().map(|(name, going)| {
                let secret = SecretListEntry::builder().name(name).created_date(DateTime::from_secs(CREATED + 86_400));
                secret.set_deleted_date(going.then(|| DateTime::from_secs(CREATED))).build()
            });
            ListSecretsOutput::builder().set_secret_list(Some(listed.collect())).set_next_token(next).build()
        });
    (mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&listing]), listing)
}

impl World {
    /// Lists the tenants with settings that leave the database out, because there is no mock of MySQL.
    async fn list(self, request: serde_json::Value) -> Result<(Page, Calls)> {
        let (ecs, [list_services, list_families, describe_services, describe_definition]) = ecs(self.clone());
        let (elb, [_, _, rules, groups, _, health]) = elb(self.clone());
        let (efs, access_points) = efs(self.access_points);
        let (iam, list_roles) = iam(self.roles);
        let (logs, log_groups) = logs(self.log_groups);
        let (secrets, list_secrets) = secrets(self.secrets);
        let clients = Clients {
            ecs,
            elb,
            efs,
            iam,
            logs,
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, []),
            secrets,
        };
        let request = shared::input::parse(request)?;
        let stack = [("DATABASE_ACCESS", "ecs-task"), ("TASK_ROLES", "per-tenant")];
        let page = list(&clients, &settings(&stack), request).await?;
        let calls = Calls {
            list_services: list_services.num_calls(),
            list_families: list_families.num_calls(),
            list_roles: list_roles.num_calls(),
            list_secrets: list_secrets.num_calls(),
            target_groups: groups.num_calls(),
            access_points: access_points.num_calls(),
            log_groups: log_groups.num_calls(),
            rules: rules.num_calls(),
            describe_services: describe_services.num_calls(),
            describe_definitions: describe_definition.num_calls(),
            target_health: health.num_calls(),
        };
        Ok((page, calls))
    }
}

fn ids(page: &Page) -> Vec<&TenantId> {
    page.tenants.iter().map(|tenant| &tenant.tenant_id).collect()
}

/// An environment whose database is read. These tenants have everything except a service, which is read from ECS.
fn survey(tenants: u64) -> Survey {
    let all: BTreeSet<_> = (0..tenants).map(id).collect();
    let signup_id = Some("signup-1".to_owned());
    let secret = Listed { created: Some(DateTime::from_secs(CREATED)), going: false, signup_id };
    let secrets = all.iter().map(|tenant| (tenant.clone(), secret.clone())).collect();
    let titles = all.iter().map(|tenant| (tenant.clone(), "Cheese & Sons".to_owned())).collect();
    let tenants_by_kind = PerKind { dns_record: None, ..PerKind::from_fn(|_| Some(all.clone())) };
    let wordpress_versions = all.iter().map(|tenant| (tenant.clone(), "7.1".to_owned())).collect();
    let suspended = BTreeSet::new();
    Survey { tenants_by_kind, secrets, titles, suspended, wordpress_versions, scheme: Some("https") }
}

async fn page_at(world: World, survey: &Survey, now: &str) -> Page {
    let clients = Clients {
        ecs: ecs(world.clone()).0,
        elb: elb(world.clone()).0,
        efs: efs(world.access_points).0,
        iam: iam(Vec::new()).0,
        logs: logs(world.log_groups).0,
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, []),
        secrets: secrets(world.secrets).0,
    };
    page(&clients, &settings(&[]), Request::default(), survey, now.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_tenant_is_listed_with_its_status_size_and_age() {
    let page = page_at(world(1), &survey(1), "2026-01-19T09:59:59Z").await;
    assert_eq!(
        serde_json::to_value(page).unwrap(),
        json!({
            "environment": "dev",
            "tenants": [{
                "tenant_id": "100000000000", "status": "active", "title": "Cheese & Sons", "signup_id": "signup-1",
                "url": "https://100000000000.example.com", "desired_count": 2, "running_count": 2,
                "healthy_count": 2, "image": "wordpress:6", "wordpress_version": "7.1",
                "cpu": 256, "memory": 512, "created_at": "2026-01-16T10:00:00Z", "age_days": 2, "lacks": []
            }],
            "total": 1
        })
    );
}

#[tokio::test]
async fn without_a_service_the_age_is_the_secrets_and_the_rest_is_left_out() {
    let page = page_at(world(0), &survey(1), "2026-01-19T10:00:00Z").await;
    assert_eq!(
        serde_json::to_value(&page.tenants[0]).unwrap(),
        json!({
            "tenant_id": "100000000000", "status": "partial", "title": "Cheese & Sons", "signup_id": "signup-1",
            "url": "https://100000000000.example.com", "wordpress_version": "7.1", "created_at": "2026-01-16T10:00:00Z", "age_days": 3, "lacks": ["service"]
        })
    );
    let page = page_at(world(0), &survey(1), "2026-01-01T00:00:00Z").await;
    assert_eq!(page.tenants[0].age_days, Some(0), "a clock that is behind");
}

#[tokio::test]
async fn an_orphan_of_any_kind_is_a_partial_tenant_that_lacks_all_other_kinds() {
    let one = world(1);
    let with = |change: fn(&mut World, World)| {
        let mut orphans = world(0);
        change(&mut orphans, one.clone());
        orphans
    };
    let not_lacking = [Kind::DnsRecord, Kind::TaskRole, Kind::Database, Kind::SiteCredentials, Kind::Files];
    let all: BTreeSet<_> = Kind::ALL.iter().copied().filter(|kind| !not_lacking.contains(kind)).collect();
    for (kind, orphan) in [
        (Kind::Service, with(|world, one| world.services = one.services)),
        (Kind::ListenerRule, with(|world, one| world.hosts = one.hosts)),
        (Kind::TargetGroup, with(|world, one| world.groups = one.groups)),
        (Kind::TaskDefinition, with(|world, one| world.families = one.families)),
        (Kind::TaskRole, with(|world, one| world.roles = one.roles)),
        (Kind::AccessPoint, with(|world, one| world.access_points = one.access_points)),
        (Kind::SiteCredentials, with(|world, one| world.secrets = one.secrets[1..].to_vec())),
        (Kind::Secret, with(|world, one| world.secrets = one.secrets[..1].to_vec())),
    ] {
        let (page, _) = orphan.list(json!({})).await.unwrap();
        assert_eq!((ids(&page), page.total), (vec![&id(0)], Some(1)), "{kind:?}");
        assert_eq!(page.tenants[0].status, Status::Partial, "{kind:?}");
        assert_eq!(page.tenants[0].lacks, all.iter().copied().filter(|other| *other != kind).collect(), "{kind:?}");
    }
    let database = Some(BTreeSet::from([id(0)]));
    let tenants_by_kind = PerKind { database, secret: Some(BTreeSet::new()), ..PerKind::default() };
    let survey = Survey {
        tenants_by_kind,
        secrets: BTreeMap::new(),
        titles: BTreeMap::new(),
        suspended: BTreeSet::new(),
        wordpress_versions: BTreeMap::new(),
        scheme: None,
    };
    let page = page_at(world(0), &survey, "2026-01-19T10:00:00Z").await;
    assert_eq!((page.tenants[0].status, &page.tenants[0].url), (Status::Partial, &None));
    assert_eq!(page.tenants[0].lacks, BTreeSet::from([Kind::Service, Kind::Secret]));
}

#[tokio::test]
async fn a_database_that_no_function_can_reach_is_never_missing() {
    let (page, _) = world(1).list(json!({})).await.unwrap();
    assert_eq!((page.tenants[0].status, page.tenants[0].lacks.len()), (Status::Active, 0));
}

#[tokio::test]
async fn a_tenant_without_a_role_of_its_own_uses_the_environments_and_lacks_nothing() {
    let (page, _) = World { roles: Vec::new(), ..world(1) }.list(json!({})).await.unwrap();
    assert_eq!((page.tenants[0].status, page.tenants[0].lacks.len()), (Status::Active, 0));
}

#[tokio::test]
async fn longer_names_and_resources_of_other_environments_are_ignored() {
    let mut world = world(1);
    for stem in ["dev-1234567890123", "sit-123456789012", "dev-generic-db-init", "dev-123456789012-old"] {
        world.services.push((format!("{stem}-service"), "ACTIVE"));
        world.families.push(stem.to_owned());
        world.roles.push(format!("{stem}-task"));
        world.secrets.push((format!("{stem}-db-credentials"), false));
        world.groups.push(format!("{stem}-tg"));
        world.access_points.push((format!("{stem}-ap"), LifeCycleState::Available));
        world.log_groups.push(format!("/ecs/{stem}"));
    }
    world.secrets.push(("dev-rds-master-credentials".to_owned(), false));
    world.hosts.extend(["1234567890123.example.com", "123456789012.example.org", "www.example.com"].map(str::to_owned));
    assert_eq!(ids(&world.list(json!({})).await.unwrap().0), [&id(0)]);
}

#[tokio::test]
async fn a_resource_that_is_being_deleted_is_missing_and_a_secret_alone_is_what_is_left_of_a_retired_tenant() {
    let mut going = world(1);
    going.secrets[0].1 = true;
    going.access_points[0].1 = LifeCycleState::Deleting;
    let second = settings(&[]).names(&id(1));
    going.secrets.push((second.secret(), true));
    going.access_points.push((second.access_point(), LifeCycleState::Deleting));
    let (page, _) = going.list(json!({})).await.unwrap();
    assert_eq!(ids(&page), [&id(0), &id(1)]);
    assert_eq!(page.tenants[0].lacks, BTreeSet::from([Kind::AccessPoint, Kind::Secret]));
    assert_eq!((page.tenants[1].status, page.tenants[1].lacks.len()), (Status::Retired, 0));
    let log = World { log_groups: world(1).log_groups, ..world(0) };
    assert_eq!(log.list(json!({})).await.unwrap().0.tenants[0].status, Status::Retired);
}

#[tokio::test]
async fn a_draining_service_is_found_although_it_is_not_listed_and_an_inactive_one_is_gone() {
    let mut world = world(3);
    world.services[0].1 = "DRAINING";
    world.services[1].1 = "INACTIVE";
    let (page, _) = world.list(json!({})).await.unwrap();
    let statuses: Vec<_> = page.tenants.iter().map(|tenant| tenant.status).collect();
    assert_eq!(statuses, [Status::Draining, Status::Partial, Status::Active]);
    assert_eq!(page.tenants[1].lacks, BTreeSet::from([Kind::Service]));
    assert_eq!(page.tenants[1].image, None);
}

#[tokio::test]
async fn what_is_deleted_between_the_lists_and_the_details_is_no_error() {
    let mut fading = world(2);
    fading.vanished = vec!["dev-100000000000-service".to_owned(), "dev-100000000001:7".to_owned()];
    let (page, _) = fading.list(json!({})).await.unwrap();
    assert_eq!((page.tenants[0].status, page.tenants[1].status), (Status::Partial, Status::Active));
    assert_eq!((page.tenants[1].running_count, page.tenants[1].cpu), (Some(2), None));

    let mut gone = World { services: world(2).services, ..world(0) };
    gone.vanished = vec!["dev-100000000000-service".to_owned()];
    let (page, _) = gone.list(json!({})).await.unwrap();
    assert_eq!((ids(&page), page.total), (vec![&id(1)], Some(1)), "nothing is left of the first");
}

#[tokio::test]
async fn without_a_load_balancer_there_is_no_url_and_no_error() {
    let (page, _) = World { balancer: false, ..world(1) }.list(json!({})).await.unwrap();
    assert_eq!(page.tenants[0].url, None);
    assert_eq!(page.tenants[0].lacks, BTreeSet::from([Kind::ListenerRule]));
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let mut request = json!({"limit": 100});
    let mut seen = Vec::new();
    for (length, last) in [(100, false), (100, false), (50, true)] {
        let (page, _) = world(250).list(request.clone()).await.unwrap();
        assert_eq!((page.tenants.len(), page.total, page.next_token.is_none()), (length, Some(250), last));
        request["next_token"] = json!(page.next_token);
        seen.extend(page.tenants.into_iter().map(|tenant| tenant.tenant_id));
    }
    assert_eq!(seen, (0..250).map(id).collect::<Vec<_>>());

    let (page, _) = world(100).list(json!({"limit": 100})).await.unwrap();
    assert_eq!((page.tenants.len(), page.next_token), (100, None), "a page that is just full is the last");
    let (page, _) = world(3).list(json!({"next_token": "999999999999"})).await.unwrap();
    assert_eq!(
        (page.tenants.len(), page.total, page.next_token),
        (0, Some(3), None),
        "the tenant may be gone meanwhile"
    );
    assert_eq!(world(60).list(json!({})).await.unwrap().0.tenants.len(), 50, "unless another limit is given");
}

#[tokio::test]
async fn a_thousand_tenants_take_no_more_calls_than_paging_requires() {
    let (page, calls) = world(1000).list(json!({})).await.unwrap();
    assert_eq!((page.tenants.len(), page.total), (50, Some(1000)));
    let expected = Calls {
        list_services: 10,
        list_families: 10,
        list_roles: 1,
        // A tenant has two.
        list_secrets: 20,
        target_groups: 3,
        access_points: 1,
        log_groups: 20,
        // Three pages of one listener, and one page of the other.
        rules: 4,
        describe_services: 5,
        describe_definitions: 50,
        target_health: 50,
    };
    assert_eq!(calls, expected);

    let (page, calls) = world(1000).list(json!({"status": "active", "limit": 1})).await.unwrap();
    assert_eq!((page.tenants.len(), page.total), (1, None), "not all targets were looked at");
    assert_eq!(calls, Calls { describe_services: 100, describe_definitions: 1, ..expected });
}

#[tokio::test]
async fn a_status_filter_counts_and_pages_only_the_matching_tenants() {
    let mut world = world(25);
    for number in [3, 7, 11] {
        world.services[number].1 = "DRAINING";
    }
    world.groups.remove(20);
    let (page, calls) = world.clone().list(json!({"status": "draining", "limit": 2})).await.unwrap();
    assert_eq!((ids(&page), page.total), (vec![&id(3), &id(7)], Some(3)));
    assert_eq!((calls.describe_services, calls.describe_definitions), (3, 2));
    let (page, _) = world.clone().list(json!({"status": "draining", "next_token": page.next_token})).await.unwrap();
    assert_eq!((ids(&page), page.total, &page.next_token), (vec![&id(11)], Some(3), &None));
    assert_eq!(ids(&world.clone().list(json!({"status": "partial"})).await.unwrap().0), [&id(20)]);
    assert_eq!(world.clone().list(json!({"status": "active"})).await.unwrap().0.total, Some(21));
    assert_eq!(world.list(json!({"status": "suspended"})).await.unwrap().0.total, Some(0));
}

#[tokio::test]
async fn the_tenants_that_are_not_well_are_one_list_and_targets_decide() {
    let mut world = world(5);
    world.unhealthy = vec!["dev-100000000001".to_owned()];
    world.services[2].1 = "DRAINING";
    world.groups.remove(3);
    let (page, _) = world.clone().list(json!({"not": "active"})).await.unwrap();
    let found: Vec<_> = page.tenants.iter().map(|tenant| (&tenant.tenant_id, tenant.status)).collect();
    let expected = [(&id(1), Status::Unhealthy), (&id(2), Status::Draining), (&id(3), Status::Partial)];
    assert_eq!((found, page.total), (expected.into(), Some(3)));
    assert_eq!((page.tenants[0].desired_count, page.tenants[0].healthy_count), (Some(2), Some(0)));
    let both = json!({"status": ["unhealthy", "partial"]});
    assert_eq!(ids(&world.clone().list(both).await.unwrap().0), [&id(1), &id(3)]);
    let without = json!({"not": ["active", "draining", "partial"], "limit": 1});
    assert_eq!(ids(&world.list(without).await.unwrap().0), [&id(1)]);
}

#[tokio::test]
async fn a_filter_that_needs_the_health_of_many_targets_goes_on_with_the_next_page() {
    let mut world = world(500);
    world.unhealthy = vec!["dev-100000000007".to_owned(), "dev-100000000499".to_owned()];
    let mut request = json!({"status": "unhealthy"});
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let (page, calls) = world.clone().list(request.clone()).await.unwrap();
        assert!(calls.target_health <= MOST_LOOKS, "{calls:?}");
        pages += 1;
        found.extend(page.tenants.into_iter().map(|tenant| tenant.tenant_id));
        let Some(token) = page.next_token else { break };
        request["next_token"] = json!(token);
    }
    assert_eq!((found, pages), (vec![id(7), id(499)], 4));
}

#[tokio::test]
async fn a_tenant_is_found_by_its_signup_and_by_a_part_of_its_title() {
    let mut survey = survey(3);
    survey.titles.insert(id(1), "Käse & Söhne".to_owned());
    if let Some(secret) = survey.secrets.get_mut(&id(2)) {
        secret.signup_id = None;
    }
    let find = |request: serde_json::Value| {
        let request: Request = shared::input::parse(request).unwrap();
        survey.tenants().filter(|tenant| request.names(&survey, tenant)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(find(json!({"title": "KÄSE"})), [id(1)]);
    assert_eq!(find(json!({"signup_id": "signup-1"})), [id(0), id(1)]);
    assert_eq!(find(json!({"signup_id": "signup-1", "title": "cheese"})), [id(0)]);
    assert_eq!(find(json!({"signup_id": "signup"})), Vec::<TenantId>::new(), "all of it");
}

#[tokio::test]
async fn a_wrong_request_is_refused_with_the_field_the_value_and_what_is_allowed() {
    for (request, named) in [
        (json!({"limit": 0}), "limit: 0 is not a limit: allowed is a whole number from 1 to 100"),
        (json!({"limit": 101}), "limit: 101 is not a limit"),
        (json!({"limit": -1}), "limit: -1 is not a limit"),
        (json!({"limit": 1.5}), "limit: 1.5 is not a limit"),
        (json!({"limit": "x"}), "limit: \"x\" is not a limit"),
        (json!({"status": "happy"}), "status: \"happy\" is not a status: allowed is one of active, deploying"),
        (json!({"next_token": "x"}), "next_token: \"x\" is not a tenant id: allowed are exactly 12 digits"),
        (json!({"environment": "staging"}), "environment: \"staging\""),
        (json!({"page": 2}), "unknown field `page`: allowed is one of `limit`"),
    ] {
        let error = world(1).list(request.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{request}");
        assert!(error.chain().contains(named), "{request}: {}", error.chain());
    }
    let error = world(1).list(json!({"environment": "prod"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongEnvironment);
}
