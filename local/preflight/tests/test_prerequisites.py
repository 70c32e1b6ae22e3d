"""What tenants share is found as resolve-environment finds it."""

import datetime

import pytest

from support import BALANCER, LISTENER, REGION, Refusal, balancer, here, listener, results, subnet, verdicts, world

NOW = datetime.datetime.now(datetime.UTC)

GOOD = [
    "account and region",
    "caller",
    "parameters",
    "peers",
    "VPC",
    "private subnets",
    "subnets of the functions",
    "security group of the tasks",
    "file systems",
    "file system policy",
    "cluster",
    "load balancers",
    "what a load balancer answers without a rule",
    "secret of the database administrator",
    "hosted zone",
    "database's CA",
    "event bus",
]


@pytest.mark.parametrize("name", GOOD)
def test_a_good_account_is_ok(name):
    assert set(verdicts(name, here(world()))) == {"ok"}


# The check, the answers that make it bad, the verdict, and what the result must name.
BAD = [
    ("caller", {("sts", "get_caller_identity"): {"Arn": "arn:aws:iam::536580886816:root"}}, "warning", "root user"),
    ("VPC", {("ec2", "describe_vpcs"): {"Vpcs": []}}, "problem", "VpcId"),
    (
        "VPC",
        {("ec2", "describe_vpcs"): {"Vpcs": [{"VpcId": "vpc-1"}, {"VpcId": "vpc-2"}]}},
        "problem",
        "vpc-2",
    ),
    (
        "VPC",
        {
            ("ec2", "describe_vpc_attribute"): lambda asked: {
                asked["Attribute"][0].upper() + asked["Attribute"][1:]: {"Value": False}
            }
        },
        "problem",
        "enableDnsSupport",
    ),
    (
        "private subnets",
        {("ec2", "describe_subnets"): {"Subnets": [subnet("subnet-p", "dev-public", "eu-west-1a")]}},
        "problem",
        "subnet-p (dev-public)",
    ),
    (
        "private subnets",
        {("ec2", "describe_subnets"): {"Subnets": [subnet("subnet-a", "private", "eu-west-1a")] * 17}},
        "warning",
        "another availability zone",
    ),
    (
        "private subnets",
        {
            ("ec2", "describe_subnets"): {
                "Subnets": [subnet(f"subnet-{at}", "private", f"eu-west-1{at}", free=3) for at in "ab"]
            }
        },
        "warning",
        "6 free addresses",
    ),
    (
        "subnets of the functions",
        {("ec2", "describe_subnets"): {"Subnets": [subnet("subnet-a", "private", "eu-west-1a")]}},
        "problem",
        "no subnet subnet-b",
    ),
    ("security group of the tasks", {("ec2", "describe_security_groups"): {"SecurityGroups": []}}, "problem", "none"),
    ("file systems", {("efs", "describe_file_systems"): {"FileSystems": []}}, "problem", "FileSystemIds"),
    ("file systems", {("efs", "describe_mount_targets"): {"MountTargets": []}}, "problem", "eu-west-1b"),
    ("file system policy", {("efs", "describe_file_system_policy"): Refusal("PolicyNotFound")}, "warning", "fs-1"),
    ("cluster", {("ecs", "describe_clusters"): {"clusters": []}}, "problem", "dev-cluster is missing"),
    ("cluster", {("ecs", "describe_clusters"): {"clusters": [{"status": "INACTIVE"}]}}, "problem", "INACTIVE"),
    (
        "load balancers",
        {
            ("elbv2", "describe_load_balancers"): {
                "LoadBalancers": [balancer("dev-a", BALANCER), balancer("dev-b", BALANCER[:-1] + "2")]
            }
        },
        "problem",
        "dev-b",
    ),
    ("load balancers", {("elbv2", "describe_listeners"): {"Listeners": [listener(8080, "HTTP")]}}, "problem", "8080"),
    ("load balancers", {("elbv2", "describe_listeners"): {"Listeners": [listener(80, "HTTP")]}}, "warning", "443"),
    (
        "load balancers",
        {("elbv2", "describe_load_balancers"): {"LoadBalancers": [balancer("dev-a", BALANCER, VpcId="vpc-9")]}},
        "problem",
        "vpc-9",
    ),
    (
        "what a load balancer answers without a rule",
        {("elbv2", "describe_listeners"): {"Listeners": [listener(443, "HTTPS", "forward")]}},
        "warning",
        "unknown hosts",
    ),
    (
        "secret of the database administrator",
        {("secretsmanager", "describe_secret"): Refusal("ResourceNotFoundException")},
        "problem",
        "dev-rds-master-credentials",
    ),
    (
        "secret of the database administrator",
        {("secretsmanager", "describe_secret"): {"KmsKeyId": "arn:aws:kms:eu-west-1:1:key/own"}},
        "warning",
        "key/own",
    ),
    (
        "secret of the database administrator",
        {("secretsmanager", "describe_secret"): {"DeletedDate": NOW}},
        "problem",
        "deletion",
    ),
    ("database's CA", {("lambda", "get_layer_version"): Refusal("ResourceNotFoundException")}, "problem", "step 3"),
    (
        "database's CA",
        {("lambda", "get_layer_version"): {"CompatibleArchitectures": ["x86_64"]}},
        "problem",
        "x86_64 only",
    ),
    ("event bus", {("events", "describe_event_bus"): Refusal("ResourceNotFoundException")}, "problem", "EventBus"),
]


@pytest.mark.parametrize(("name", "answers", "verdict", "named"), BAD)
def test_what_is_bad_is_named_with_its_remedy(name, answers, verdict, named):
    (first, *_) = results(name, here(world() | answers))
    assert first.verdict == verdict, first
    assert named in f"{first.found} {first.remedy}"
    assert first.remedy


def test_seventeen_private_subnets_are_too_many():
    many = [subnet(f"subnet-{at}", "private", "eu-west-1a") for at in range(17)]
    (first,) = results("private subnets", here(world() | {("ec2", "describe_subnets"): {"Subnets": many}}))
    assert (first.verdict, "16" in first.found) == ("problem", True)


def test_a_tag_takes_precedence_over_the_name():
    tagged = [{"ResourceArn": BALANCER, "Tags": [{"Key": "tenant:environment", "Value": "dev"}]}]
    answers = {
        ("elbv2", "describe_load_balancers"): {
            "LoadBalancers": [balancer("other", BALANCER), balancer("dev-b", BALANCER[:-1] + "2")]
        },
        ("elbv2", "describe_tags"): {"TagDescriptions": tagged},
    }
    (first,) = results("load balancers", here(world() | answers))
    assert (first.verdict, "other" in first.found) == ("ok", True)


def test_listeners_that_the_parameter_names_must_exist_on_different_load_balancers():
    given = {"ListenerArns": LISTENER}
    assert verdicts("load balancers", here(world(), given)) == ["ok"]
    absent = world() | {("elbv2", "describe_listeners"): Refusal("ListenerNotFound")}
    assert verdicts("load balancers", here(absent, given)) == ["problem"]
    twice = world() | {("elbv2", "describe_listeners"): {"Listeners": [listener(443, "HTTPS"), listener(80, "HTTP")]}}
    assert verdicts("load balancers", here(twice, given)) == ["problem"]


def test_several_load_balancers_need_a_hosted_zone():
    arns = [BALANCER, BALANCER[:-1] + "2"]
    answers = world() | {
        ("elbv2", "describe_load_balancers"): {"LoadBalancers": [balancer(f"dev-{arn[-1]}", arn) for arn in arns]},
        ("elbv2", "describe_tags"): {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": "tenant:environment", "Value": "dev"}]} for arn in arns
            ]
        },
    }
    assert verdicts("load balancers", here(answers)) == ["problem"]
    assert verdicts("load balancers", here(answers, {"HostedZoneId": "Z1"})) == ["ok", "ok"]


def test_parameters_are_respected():
    for name, parameter, value in (
        ("private subnets", "PrivateSubnetIds", "subnet-9"),
        ("file systems", "FileSystemIds", "fs-9"),
        ("security group of the tasks", "EcsSecurityGroupId", "sg-9"),
    ):
        (first, *_) = results(name, here(world(), {parameter: value}))
        assert (first.verdict, parameter in first.remedy) == ("problem", True), name


def test_a_hosted_zone_must_contain_the_domain():
    zone = {"HostedZone": {"Id": "Z1", "Name": "example.com.", "CallerReference": "r"}}
    answers = world() | {("route53", "get_hosted_zone"): zone}
    assert verdicts("hosted zone", here(answers, {"HostedZoneId": "Z1"})) == ["ok"]
    assert verdicts("hosted zone", here(answers, {"HostedZoneId": "Z1", "Domain": "dev.example.org"})) == ["problem"]
    missing = world() | {("route53", "get_hosted_zone"): Refusal("NoSuchHostedZone")}
    assert verdicts("hosted zone", here(missing, {"HostedZoneId": "Z1"})) == ["problem"]


def test_another_account_is_a_problem():
    assert verdicts("account and region", here(world(), {"ExpectedAccount": "111111111111"})) == ["problem"]
    assert verdicts("account and region", here(world(), {"ExpectedRegion": "us-east-1"})) == ["problem"]


@pytest.mark.parametrize(
    ("parameters", "verdict", "named"),
    [
        ({"Domain": ""}, "problem", "Domain"),
        ({"LambdaSecurityGroupIds": ""}, "problem", "set both"),
        ({"LambdaSubnetIds": "", "LambdaSecurityGroupIds": ""}, "warning", "internet"),
        ({"AwsEndpointUrl": "http://127.0.0.1"}, "problem", "AwsEndpointUrl"),
        ({"DatabaseCaLayer": ""}, "problem", "DatabaseCaLayer"),
        ({"DatabaseCaBundle": ""}, "problem", "DatabaseCaBundle"),
        ({"DatabaseAllowPlaintext": "true"}, "warning", "without TLS"),
    ],
)
def test_parameters_that_do_not_fit_together(parameters, verdict, named):
    (first, *_) = results("parameters", here(world(), parameters))
    assert (first.verdict, named in f"{first.found} {first.remedy}") == (verdict, True)


def test_a_peer_must_be_this_account():
    assert verdicts("peers", here(world(), {"DevPeer": "111111111111:eu-west-1"})) == ["problem"]


def test_the_access_point_of_the_functions_has_the_root_of_all_tenants():
    arn = f"arn:aws:elasticfilesystem:{REGION}:1:access-point/fsap-1"
    for path, uid, verdict in (("/wordpress", 0, "ok"), ("/", 0, "problem"), ("/wordpress", 33, "problem")):
        point = {"FileSystemId": "fs-1", "RootDirectory": {"Path": path}, "PosixUser": {"Uid": uid, "Gid": 0}}
        answers = world() | {("efs", "describe_access_points"): {"AccessPoints": [point]}}
        found = verdicts("access point of tenants' files", here(answers, {"FilesAccessPointArn": arn}))
        assert found == [verdict], path
    absent = world() | {("efs", "describe_access_points"): Refusal("AccessPointNotFound")}
    assert verdicts("access point of tenants' files", here(absent, {"FilesAccessPointArn": arn})) == ["problem"]


def test_the_task_definition_of_database_tasks():
    container = {"taskDefinition": {"containerDefinitions": [{"name": "mysql-client"}]}}
    given = {"DatabaseAccess": "ecs-task"}
    name = "task definition of database tasks"
    assert verdicts(name, here(world() | {("ecs", "describe_task_definition"): container}, given)) == ["ok"]
    other = {"taskDefinition": {"containerDefinitions": [{"name": "web"}]}}
    assert verdicts(name, here(world() | {("ecs", "describe_task_definition"): other}, given)) == ["problem"]
    absent = {("ecs", "describe_task_definition"): Refusal("ClientException")}
    assert verdicts(name, here(world() | absent, given)) == ["problem"]
    assert verdicts(name, here(world())) == ["not checked"]


def test_what_aws_refuses_is_not_checked_and_the_reason_is_given():
    answers = world() | {("ec2", "describe_vpcs"): Refusal("UnauthorizedOperation", "you may not")}
    (vpc,) = results("VPC", here(answers))
    assert (vpc.verdict, vpc.found) == ("not checked", "DescribeVpcs: UnauthorizedOperation: you may not")


def test_what_depends_on_something_missing_is_not_checked():
    (found,) = results("private subnets", here(world() | {("ec2", "describe_vpcs"): {"Vpcs": []}}))
    assert found.verdict == "problem"
    without = here(world() | {("ec2", "describe_vpcs"): {"Vpcs": []}})
    (groups,) = results("from the load balancers to the tasks", without)
    assert groups.verdict == "not checked"
