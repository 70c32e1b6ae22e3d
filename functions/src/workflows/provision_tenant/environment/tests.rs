use aws_sdk_ecs::operation::describe_clusters::DescribeClustersOutput;
use aws_sdk_ecs::types::Cluster;
use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsOutput;
use aws_sdk_efs::operation::describe_file_systems::DescribeFileSystemsOutput;
use aws_sdk_efs::types::{AccessPointDescription, FileSystemDescription};
use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::DescribeLoadBalancersOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_rules::DescribeRulesOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, Listener, LoadBalancer, LoadBalancerTypeEnum, ProtocolEnum, Rule, Tag as ElbTag, TagDescription,
    TargetGroup,
};
use aws_sdk_iam::operation::get_account_summary::GetAccountSummaryOutput;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::HostedZone;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use aws_smithy_mocks::{RuleMode, mock, mock_client};

use super::*;
use crate::load_balancing::room::Room;
use crate::testing::settings;

type Mock = aws_smithy_mocks::Rule;

/// A dev environment. Each test breaks one part of it.
#[derive(Clone)]
struct World {
    account: &'static str,
    systems: Vec<(&'static str, &'static str)>,
    balancers: Vec<(&'static str, &'static str)>,
    /// The load balancers with the environment's tag.
    tagged: Vec<&'static str>,
    /// The load balancers with a tag that names their listener, and the listener.
    naming: Vec<(&'static str, &'static str)>,
    ports: Vec<i32>,
    /// Number of rules on each listener of a load balancer.
    rules: fn(&str) -> usize,
    access_points: usize,
    /// IAM roles in use, of 1,000.
    roles: i32,
    cluster: Option<&'static str>,
}

fn world() -> World {
    World {
        account: "536580886816",
        systems: vec![("fs-1", "dev-efs"), ("fs-2", "other")],
        balancers: vec![("arn:lb/1", "dev-alb"), ("arn:lb/2", "other-alb")],
        tagged: vec![],
        naming: vec![],
        ports: vec![80, 443],
        rules: |_| 3,
        access_points: 4,
        roles: 120,
        cluster: Some("ACTIVE"),
    }
}

/// Number of a listener's rules that forward to a target group. The others have another action.
const TARGET_GROUPS: usize = 30;

/// The first item, or the rest, so that every list has two pages.
fn page<T>(items: impl Iterator<Item = T>, token: Option<&str>) -> (Vec<T>, Option<String>) {
    let mut items: Vec<_> = items.collect();
    match token {
        None if items.len() > 1 => {
            items.truncate(1);
            (items, Some("the rest".to_owned()))
        }
        None => (items, None),
        Some(_) => (items.split_off(1), None),
    }
}

fn identity(account: &'static str) -> Mock {
    mock!(aws_sdk_sts::Client::get_caller_identity)
        .then_output(move || GetCallerIdentityOutput::builder().account(account).build())
}

fn file_systems(systems: Vec<(&'static str, &'static str)>) -> Mock {
    mock!(aws_sdk_efs::Client::describe_file_systems).then_compute_output(move |request| {
        let systems = systems.iter().map(|(id, name)| {
            let tag = aws_sdk_efs::types::Tag::builder().key("Name").value(*name).build().unwrap();
            let system =
                FileSystemDescription::builder().file_system_id(*id).tags(tag).owner_id("1").creation_token("t");
            let system = system.creation_time(aws_smithy_types::DateTime::from_secs(0)).number_of_mount_targets(2);
            let system = system.life_cycle_state(aws_sdk_efs::types::LifeCycleState::Available);
            let size = aws_sdk_efs::types::FileSystemSize::builder().build();
            let system =
                system.size_in_bytes(size).performance_mode(aws_sdk_efs::types::PerformanceMode::GeneralPurpose);
            system.build().unwrap()
        });
        let (page, next) = page(systems, request.marker());
        DescribeFileSystemsOutput::builder().set_file_systems(Some(page)).set_next_marker(next).build()
    })
}

fn access_points(count: usize) -> Mock {
    mock!(aws_sdk_efs::Client::describe_access_points).then_compute_output(move |request| {
        let access_points = vec![AccessPointDescription::builder().build(); count];
        let (page, next) = page(access_points.into_iter(), request.next_token());
        DescribeAccessPointsOutput::builder().set_access_points(Some(page)).set_next_token(next).build()
    })
}

fn load_balancers(balancers: Vec<(&'static str, &'static str)>) -> Mock {
    mock!(aws_sdk_elasticloadbalancingv2::Client::describe_load_balancers).then_compute_output(move |request| {
        let wanted = request.load_balancer_arns();
        let balancers = balancers.iter().filter(|(arn, _)| wanted.is_empty() || wanted.contains(&(*arn).to_owned()));
        let balancers = balancers.map(|(arn, name)| {
            let balancer = LoadBalancer::builder().load_balancer_arn(*arn).load_balancer_name(*name);
            let balancer = balancer.dns_name(format!("{name}.amazonaws.com")).canonical_hosted_zone_id("Z2");
            balancer.r#type(LoadBalancerTypeEnum::Application).build()
        });
        let (page, next) =
            if wanted.is_empty() { page(balancers, request.marker()) } else { (balancers.collect(), None) };
        DescribeLoadBalancersOutput::builder().set_load_balancers(Some(page)).set_next_marker(next).build()
    })
}

fn tags(tagged: Vec<&'static str>, naming: Vec<(&'static str, &'static str)>) -> Mock {
    mock!(aws_sdk_elasticloadbalancingv2::Client::describe_tags).then_compute_output(move |request| {
        let tagged = request.resource_arns().iter().filter(|arn| tagged.contains(&arn.as_str()));
        let tag = |key, value: &str| ElbTag::builder().key(key).value(value).build();
        let described = tagged.map(|arn| {
            let named = naming.iter().filter(|(balancer, _)| balancer == arn);
            let tags =
                named.map(|&(_, listener)| tag("tenant:listener", listener)).chain([tag("tenant:environment", "dev")]);
            TagDescription::builder().resource_arn(arn).set_tags(Some(tags.collect())).build()
        });
        DescribeTagsOutput::builder().set_tag_descriptions(Some(described.collect())).build()
    })
}

/// `arn:lb/1/listener/443`
fn listeners(ports: Vec<i32>) -> Mock {
    mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners).then_compute_output(move |request| {
        let on_port = |balancer: &str, port: i32| {
            let protocol = if port == 443 { ProtocolEnum::Https } else { ProtocolEnum::Http };
            let listener = Listener::builder().listener_arn(format!("{balancer}/listener/{port}"));
            listener.load_balancer_arn(balancer).port(port).protocol(protocol).build()
        };
        let given = request.listener_arns().iter().map(|arn| arn.split_once("/listener/").unwrap());
        let given = given.map(|(balancer, port)| on_port(balancer, port.parse().unwrap()));
        let (page, next) = match request.load_balancer_arn() {
            Some(balancer) => page(ports.iter().map(|port| on_port(balancer, *port)), request.marker()),
            None => (given.collect(), None),
        };
        DescribeListenersOutput::builder().set_listeners(Some(page)).set_next_marker(next).build()
    })
}

fn rules(count: fn(&str) -> usize) -> Mock {
    mock!(aws_sdk_elasticloadbalancingv2::Client::describe_rules).then_compute_output(move |request| {
        let default = Rule::builder().is_default(true).build();
        let balancer = request.listener_arn().unwrap().split("/listener").next().unwrap();
        let rules = (0..count(balancer)).map(|number| {
            let group = (number < TARGET_GROUPS).then(|| format!("arn:tg/{number}"));
            Rule::builder().actions(Action::builder().set_target_group_arn(group).build()).build()
        });
        let (page, next) = page(rules.chain([default]), request.marker());
        DescribeRulesOutput::builder().set_rules(Some(page)).set_next_marker(next).build()
    })
}

fn target_groups(balancers: Vec<(&'static str, &'static str)>, rules: fn(&str) -> usize) -> Mock {
    mock!(aws_sdk_elasticloadbalancingv2::Client::describe_target_groups).then_compute_output(move |request| {
        let groups = balancers.iter().flat_map(|(balancer, _)| {
            let group = TargetGroup::builder().load_balancer_arns(*balancer).build();
            vec![group; rules(balancer).min(TARGET_GROUPS)]
        });
        let (page, next) = page(groups, request.marker());
        DescribeTargetGroupsOutput::builder().set_target_groups(Some(page)).set_next_marker(next).build()
    })
}

fn hosted_zone() -> Mock {
    mock!(aws_sdk_route53::Client::get_hosted_zone).then_output(|| {
        let zone = HostedZone::builder().id("/hostedzone/Z1").name("example.com.").caller_reference("x").build();
        GetHostedZoneOutput::builder().hosted_zone(zone.unwrap()).build()
    })
}

fn account_summary(roles: i32) -> Mock {
    mock!(aws_sdk_iam::Client::get_account_summary).then_output(move || {
        let summary = [("Roles".into(), roles), ("RolesQuota".into(), 1000), ("Users".into(), 3)];
        GetAccountSummaryOutput::builder().set_summary_map(Some(summary.into())).build()
    })
}

fn clusters(cluster: Option<&'static str>) -> Mock {
    mock!(aws_sdk_ecs::Client::describe_clusters).then_output(move || {
        let cluster = cluster.map(|status| Cluster::builder().status(status).build());
        DescribeClustersOutput::builder().set_clusters(Some(cluster.into_iter().collect())).build()
    })
}

fn master_credentials() -> Mock {
    mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_output(|| {
        let text = r#"{"username": "admin", "password": "x", "host": "db.example.com:3307"}"#;
        GetSecretValueOutput::builder().secret_string(text).build()
    })
}

impl World {
    async fn resolve(self, extra: &[(&str, &str)]) -> Result<Resolved> {
        let identity = identity(self.account);
        let efs = [file_systems(self.systems), access_points(self.access_points)];
        let elb = [
            load_balancers(self.balancers.clone()),
            tags(self.tagged, self.naming),
            listeners(self.ports),
            rules(self.rules),
            target_groups(self.balancers, self.rules),
        ];
        let (clusters, zone, master) = (clusters(self.cluster), hosted_zone(), master_credentials());
        let summary = account_summary(self.roles);
        let clients = Clients {
            sts: mock_client!(aws_sdk_sts, RuleMode::MatchAny, [&identity]),
            efs: mock_client!(aws_sdk_efs, RuleMode::MatchAny, efs.each_ref()),
            elb: mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, elb.each_ref()),
            iam: mock_client!(aws_sdk_iam, RuleMode::MatchAny, [&summary]),
            ecs: mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&clusters]),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&zone]),
            secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&master]),
        };
        let stack = [
            ("EXPECTED_ACCOUNT", "536580886816"),
            ("EXPECTED_REGION", "eu-west-1"),
            ("DEFAULT_IMAGE", "wordpress:6"),
            ("DEFAULT_CPU", "256"),
            ("DEFAULT_MEMORY", "512"),
            ("MAX_LISTENER_RULES", "100"),
            ("MAX_TARGET_GROUPS", "100"),
            ("MAX_ACCESS_POINTS", "10000"),
        ];
        let stack: Vec<_> = stack.iter().chain(extra).copied().collect();
        let request = shared::input::parse(serde_json::json!({"signup_id": "signup-1"}))?;
        let network = async {
            let [vpc_id, subnet, security_group_id] = ["vpc-1", "subnet-2", "sg-2"].map(str::to_owned);
            Ok(Network { vpc_id, subnet_ids: vec![subnet], security_group_id })
        };
        resolve(&clients, &settings(&stack), request, network).await
    }
}

#[tokio::test]
async fn a_ready_environment_is_found_by_the_runbooks_conventions() {
    let environment = world().resolve(&[]).await.unwrap().environment;
    assert_eq!((environment.account.as_str(), environment.region.as_str()), ("536580886816", "eu-west-1"));
    assert_eq!(environment.vpc_id, "vpc-1");
    assert_eq!(environment.subnet_ids, ["subnet-2"]);
    assert_eq!(environment.security_group_id, "sg-2");
    assert_eq!(ids(&environment.file_systems), ["fs-1"]);
    let [listener] = &environment.listeners[..] else { panic!("{:?}", environment.listeners) };
    assert_eq!((listener.listener_arn.as_str(), listener.scheme), ("arn:lb/1/listener/443", "https"));
    assert_eq!(listener.load_balancer.dns_name, "dev-alb.amazonaws.com");
    assert_eq!((environment.database_host.as_str(), environment.database_port), ("db.example.com", 3307));
    assert_eq!((environment.capacity.listener_rules.used, environment.capacity.target_groups.used), (6, 3));
}

#[tokio::test]
async fn where_each_tenant_has_a_role_the_account_must_have_room_for_one_more() {
    let per_tenant = [("TASK_ROLES", "per-tenant")];
    let ready = World { roles: 999, ..world() }.resolve(&per_tenant).await.unwrap().environment;
    assert_eq!(ready.capacity.roles, Some(Room { used: 999, limit: 1000 }));
    let full = World { roles: 1000, ..world() };
    let error = full.clone().resolve(&per_tenant).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert!(error.chain().contains("1000 of 1000 IAM roles"), "{}", error.chain());
    assert_eq!(full.resolve(&[("TASK_ROLES", "shared")]).await.unwrap().environment.capacity.roles, None);
}

#[tokio::test]
async fn without_https_the_listener_on_80_is_taken() {
    let environment = World { ports: vec![80, 8080], ..world() }.resolve(&[]).await.unwrap().environment;
    let listener = &environment.listeners[0];
    assert_eq!((listener.listener_arn.as_str(), listener.scheme), ("arn:lb/1/listener/80", "http"));
}

#[tokio::test]
async fn stack_parameters_override_the_conventions() {
    let parameters = [("FILE_SYSTEM_IDS", "fs-2"), ("LISTENER_ARNS", "arn:lb/2/listener/80")];
    let environment = world().resolve(&parameters).await.unwrap().environment;
    assert_eq!(ids(&environment.file_systems), ["fs-2"]);
    assert_eq!(arns(&environment.listeners), ["arn:lb/2/listener/80"]);
}

fn ids(systems: &[FileSystem]) -> Vec<&str> {
    systems.iter().map(|system| system.file_system_id.as_str()).collect()
}

fn arns(placements: &[Placement]) -> Vec<&str> {
    placements.iter().map(|placement| placement.listener_arn.as_str()).collect()
}

const ZONE: (&str, &str) = ("HOSTED_ZONE_ID", "Z1");

#[tokio::test]
async fn of_several_load_balancers_the_one_with_the_most_room_comes_first() {
    let rules: fn(&str) -> usize = |balancer| if balancer == "arn:lb/2" { 1 } else { 7 };
    let given = ("LISTENER_ARNS", "arn:lb/1/listener/443, arn:lb/2/listener/443");
    let named = World { rules, ..world() }.resolve(&[ZONE, given]).await.unwrap().environment;
    let tagged = World { rules, tagged: vec!["arn:lb/1", "arn:lb/2"], ..world() };
    let tagged = tagged.resolve(&[ZONE]).await.unwrap().environment;
    for environment in [named, tagged] {
        assert_eq!(arns(&environment.listeners), ["arn:lb/2/listener/443", "arn:lb/1/listener/443"]);
        let capacity = environment.capacity;
        assert_eq!(
            (capacity.listener_rules, capacity.target_groups),
            (Room { used: 16, limit: 200 }, Room { used: 8, limit: 200 })
        );
    }
}

#[tokio::test]
async fn a_tag_of_the_load_balancer_may_name_its_listener() {
    let tagged = || World { tagged: vec!["arn:lb/1"], ports: vec![80, 443, 8080], ..world() };
    let naming = World { naming: vec![("arn:lb/1", "arn:lb/1/listener/8080")], ..tagged() };
    let listeners = naming.resolve(&[]).await.unwrap().environment.listeners;
    assert_eq!(arns(&listeners), ["arn:lb/1/listener/8080"]);

    let wrong = World { naming: vec![("arn:lb/1", "arn:lb/2/listener/443")], ..tagged() };
    let error = wrong.resolve(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
    let message = error.chain();
    assert!(message.contains("arn:lb/2/listener/443") && message.contains("its tag tenant:listener"), "{message}");
}

#[tokio::test]
async fn a_full_load_balancer_is_no_reason_to_refuse_while_another_has_room() {
    let rules: fn(&str) -> usize = |balancer| if balancer == "arn:lb/1" { 50 } else { 3 };
    let world = World { rules, tagged: vec!["arn:lb/1", "arn:lb/2"], ..world() };
    let listeners = world.resolve(&[ZONE]).await.unwrap().environment.listeners;
    assert_eq!(arns(&listeners), ["arn:lb/2/listener/443", "arn:lb/1/listener/443"]);
}

/// Load balancers `arn:lb/1` to `arn:lb/6`, each with two listeners that have this number of rules.
async fn of_six(rules: fn(&str) -> usize, extra: &[(&str, &str)]) -> Environment {
    let arns = ["arn:lb/1", "arn:lb/2", "arn:lb/3", "arn:lb/4", "arn:lb/5", "arn:lb/6"];
    let balancers = arns.iter().map(|arn| (*arn, "tenants")).collect();
    let world = World { rules, tagged: arns.to_vec(), balancers, ..world() };
    world.resolve(&[&[ZONE], extra].concat()).await.unwrap().environment
}

#[tokio::test]
async fn of_many_load_balancers_only_those_with_the_fewest_target_groups_are_described() {
    let environment = of_six(|arn| arn.trim_start_matches("arn:lb/").parse().unwrap(), &[]).await;
    let expected = [1, 2, 3, 4].map(|number| format!("arn:lb/{number}/listener/443"));
    assert_eq!(arns(&environment.listeners), expected);
    // For the others, only the number of target groups is known.
    let (rules, groups) = (environment.capacity.listener_rules, environment.capacity.target_groups);
    assert_eq!(rules, Room { used: 2 * (1 + 2 + 3 + 4) + 5 + 6, limit: 600 });
    assert_eq!(groups, Room { used: 1 + 2 + 3 + 4 + 5 + 6, limit: 600 });
}

#[tokio::test]
async fn more_are_described_while_a_remaining_one_may_have_more_room() {
    let environment = of_six(|arn| if arn == "arn:lb/6" { 31 } else { 49 }, &[]).await;
    assert_eq!((environment.listeners.len(), arns(&environment.listeners)[0]), (6, "arn:lb/6/listener/443"));
}

#[tokio::test]
async fn more_are_described_while_there_is_too_little_room_for_simultaneous_tenants() {
    let rules: fn(&str) -> usize = |arn| if arn == "arn:lb/1" { 25 } else { 49 };
    let environment = of_six(rules, &[("MAX_TARGET_GROUPS", "35")]).await;
    assert_eq!(environment.listeners.len(), 6, "10 on the first, and at most 5 on any other");
}

#[tokio::test]
async fn the_error_says_what_several_load_balancers_need() {
    let two = || World { tagged: vec!["arn:lb/1", "arn:lb/2"], ..world() };
    let elsewhere = [ZONE, ("DOMAIN", "example.org")];
    let same = ("LISTENER_ARNS", "arn:lb/1/listener/80,arn:lb/1/listener/443");
    for (refused, what) in [
        (two().resolve(&[]).await, "HostedZoneId"),
        (world().resolve(&elsewhere).await, "zone of example.com"),
        (world().resolve(&[ZONE, same]).await, "same load balancer"),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "{}", error.chain());
        assert!(error.chain().contains(what), "{}", error.chain());
    }
}

#[tokio::test]
async fn what_is_missing_or_ambiguous_is_named_with_its_candidates_and_its_parameter() {
    let named = [
        (
            World { systems: vec![("fs-1", "dev-efs"), ("fs-2", "dev-old")], ..world() },
            "FileSystemIds",
            "fs-2 (dev-old)",
        ),
        (
            World { balancers: vec![("arn:lb/1", "dev-a"), ("arn:lb/2", "dev-b")], ..world() },
            "ListenerArns",
            "arn:lb/2 (dev-b)",
        ),
        (World { ports: vec![8080], ..world() }, "ListenerArns", "8080"),
        (World { cluster: None, ..world() }, "dev-cluster", "no cluster"),
        (World { cluster: Some("INACTIVE"), ..world() }, "dev-cluster", "INACTIVE"),
    ];
    for (world, parameter, candidate) in named {
        let error = world.resolve(&[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "{}", error.chain());
        assert!(error.chain().contains(parameter) && error.chain().contains(candidate), "{}", error.chain());
    }
}

#[tokio::test]
async fn another_account_is_refused_unless_a_parameter_says_so() {
    let error = World { account: "000000000001", ..world() }.resolve(&[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongAccount);
    assert!(error.chain().contains("536580886816") && error.chain().contains("000000000001"));
    World { account: "000000000001", ..world() }.resolve(&[("EXPECTED_ACCOUNT", "000000000001")]).await.unwrap();
    let error = world().resolve(&[("EXPECTED_REGION", "af-south-1")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongAccount);
}

#[tokio::test]
async fn a_full_environment_is_refused() {
    for (full, what) in [
        (World { rules: |_| 50, ..world() }.resolve(&[]).await, "100 of 100 listener rules"),
        (World { rules: |_| 10, ..world() }.resolve(&[("MAX_TARGET_GROUPS", "10")]).await, "10 of 10 target groups"),
        (World { access_points: 5, ..world() }.resolve(&[("MAX_ACCESS_POINTS", "5")]).await, "5 of 5 access points"),
    ] {
        let error = full.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        assert!(error.chain().contains(what), "{}", error.chain());
    }
}
