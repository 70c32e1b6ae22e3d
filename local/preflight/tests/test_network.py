"""Ways, security groups, DNS, certificates and the database server."""

import datetime

import pytest

from preflight.checks import tls
from support import CERTIFICATE, REGION, Refusal, group, here, listener, results, rule, verdicts, world

NOW = datetime.datetime.now(datetime.UTC)
NO_ROUTE = {
    ("ec2", "describe_route_tables"): {
        "RouteTables": [{"RouteTableId": "rtb-1", "Associations": [{"Main": True}], "Routes": []}]
    }
}


def endpoint(service, **more):
    return {
        "VpcEndpointId": f"vpce-{service}",
        "ServiceName": "com.amazonaws.iam" if service == "iam" else f"com.amazonaws.{REGION}.{service}",
        "VpcEndpointType": "Interface",
        "State": "available",
        "PrivateDnsEnabled": True,
        "Groups": [{"GroupId": "sg-endpoints"}],
    } | more


def with_endpoints(services, ingress, **more):
    groups = world()["ec2", "describe_security_groups"]["SecurityGroups"]
    return {
        **world(),
        **NO_ROUTE,
        ("ec2", "describe_vpc_endpoints"): {"VpcEndpoints": [endpoint(service, **more) for service in services]},
        ("ec2", "describe_security_groups"): {"SecurityGroups": [*groups, group("sg-endpoints", "endpoints", ingress)]},
    }


NEEDED = ["secretsmanager", "ecs", "elasticloadbalancing", "elasticfilesystem", "logs", "states", "iam"]
FROM_BOTH = [rule(443, "sg-functions", "sg-tasks")]


def test_a_nat_gateway_is_a_way_to_everything():
    for name in ("ways of the functions to AWS", "ways of the tasks to AWS", "way of the tasks to the image"):
        assert verdicts(name, here(world())) == ["ok"], name


def test_without_a_way_out_every_service_that_is_called_needs_an_endpoint():
    found = results("ways of the functions to AWS", here(world() | NO_ROUTE))
    assert {result.verdict for result in found} == {"problem"}
    assert {result.found.split()[3] for result in found} == set(NEEDED)
    assert verdicts("way of the tasks to the image", here(world() | NO_ROUTE)) == ["problem"]


def test_endpoints_are_a_way_if_they_let_in_and_have_private_dns():
    name = "ways of the functions to AWS"
    assert set(verdicts(name, here(with_endpoints(NEEDED, FROM_BOTH)))) == {"ok"}
    assert set(verdicts(name, here(with_endpoints(NEEDED, [])))) == {"problem"}
    assert set(verdicts(name, here(with_endpoints(NEEDED, FROM_BOTH, PrivateDnsEnabled=False)))) == {"problem"}
    assert set(verdicts(name, here(with_endpoints(NEEDED, FROM_BOTH, State="pending")))) == {"problem"}


def test_an_image_in_ecr_needs_ecr_and_s3():
    image = {"DefaultImage": f"1.dkr.ecr.{REGION}.amazonaws.com/wordpress:1"}
    found = results("ways of the tasks to AWS", here(with_endpoints(["secretsmanager", "logs"], FROM_BOTH), image))
    assert [result.found.split()[3] for result in found if result.verdict == "problem"] == ["ecr.api", "ecr.dkr", "s3"]
    gateway = endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=["rtb-1"])
    answers = with_endpoints(["secretsmanager", "logs", "ecr.api", "ecr.dkr"], FROM_BOTH)
    answers["ec2", "describe_vpc_endpoints"]["VpcEndpoints"].append(gateway)
    assert set(verdicts("ways of the tasks to AWS", here(answers, image))) == {"ok"}
    gateway["RouteTableIds"] = []
    assert "problem" in verdicts("ways of the tasks to AWS", here(answers, image))


@pytest.mark.parametrize(
    ("route", "verdict"),
    [
        ({"GatewayId": "igw-1"}, "problem"),
        ({"NatGatewayId": "nat-1", "State": "blackhole"}, "problem"),
        ({"TransitGatewayId": "tgw-1"}, "warning"),
    ],
)
def test_other_routes(route, verdict):
    answers = world()
    answers["ec2", "describe_route_tables"] = {
        "RouteTables": [
            {
                "RouteTableId": "rtb-1",
                "Associations": [{"Main": True}],
                "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", **route}],
            }
        ]
    }
    assert verdict in verdicts("ways of the functions to AWS", here(answers))


GROUPS = ["from the load balancers to the tasks", "from visitors to the load balancers", "to the file systems"]


@pytest.mark.parametrize("name", GROUPS)
def test_security_groups_that_let_in_and_out(name):
    assert set(verdicts(name, here(world()))) == {"ok"}


@pytest.mark.parametrize("name", GROUPS)
def test_security_groups_that_let_nobody_in(name):
    groups = [{**one, "IpPermissions": []} for one in world()["ec2", "describe_security_groups"]["SecurityGroups"]]
    found = results(name, here(world() | {("ec2", "describe_security_groups"): {"SecurityGroups": groups}}))
    assert {result.verdict for result in found} == {"problem"}
    assert all("ingress" in result.remedy for result in found)


def test_a_rule_may_name_the_addresses_of_the_source():
    for cidrs, verdict in (
        (["10.0.0.0/19"], "ok"),
        (["10.0.0.0/20", "10.0.16.0/20"], "ok"),
        (["10.0.0.0/20"], "problem"),
    ):
        by_address = {**rule(80), "IpRanges": [{"CidrIp": cidr} for cidr in cidrs]}
        groups = [
            group("sg-tasks", "dev-ecs-tasks", [by_address]) if one["GroupId"] == "sg-tasks" else one
            for one in world()["ec2", "describe_security_groups"]["SecurityGroups"]
        ]
        answers = world() | {("ec2", "describe_security_groups"): {"SecurityGroups": groups}}
        assert verdicts("from the load balancers to the tasks", here(answers)) == [verdict], cidrs


def test_a_group_that_lets_nothing_out_is_named():
    groups = world()["ec2", "describe_security_groups"]["SecurityGroups"]
    groups = [{**one, "IpPermissionsEgress": []} if one["GroupId"] == "sg-tasks" else one for one in groups]
    found = results(
        "to the file systems", here(world() | {("ec2", "describe_security_groups"): {"SecurityGroups": groups}})
    )
    assert {(result.verdict, "egress" in result.remedy) for result in found} == {("problem", True)}


def server(**more):
    return {
        "DBInstanceIdentifier": "dev-mysql",
        "Engine": "mysql",
        "EngineVersion": "8.0.41",
        "DBInstanceStatus": "available",
        "Endpoint": {"Address": "dev-mysql.example.com", "Port": 3306},
        "DBSubnetGroup": {"VpcId": "vpc-1"},
        "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-db"}],
        "DBParameterGroups": [{"DBParameterGroupName": "dev-mysql8"}],
    } | more


def with_servers(*servers, **values):
    parameters = [{"ParameterName": name, "ParameterValue": value} for name, value in values.items()]
    return world() | {
        ("rds", "describe_db_instances"): {"DBInstances": list(servers)},
        ("rds", "describe_db_parameters"): {"Parameters": parameters},
    }


def test_a_good_database_server_is_ok():
    for name in ("database server", "settings of the database server", "to the database"):
        assert set(verdicts(name, here(with_servers(server())))) == {"ok"}, name


@pytest.mark.parametrize(
    ("name", "servers", "values", "parameters", "verdict"),
    [
        ("database server", [server(DBInstanceStatus="stopped")], {}, {}, "problem"),
        ("database server", [server(EngineVersion="5.7.44")], {}, {}, "problem"),
        ("database server", [server(PubliclyAccessible=True)], {}, {}, "warning"),
        ("database server", [server(CertificateDetails={"ValidTill": NOW})], {}, {}, "warning"),
        ("settings of the database server", [server()], {"partial_revokes": "ON"}, {}, "problem"),
        (
            "settings of the database server",
            [server()],
            {"require_secure_transport": "1"},
            {"DatabaseCaBundle": ""},
            "problem",
        ),
        ("to the database", [server(VpcSecurityGroups=[])], {}, {}, "problem"),
        ("to the database", [server(), server(DBInstanceIdentifier="other")], {}, {}, "not checked"),
    ],
)
def test_a_bad_database_server(name, servers, values, parameters, verdict):
    assert verdict in verdicts(name, here(with_servers(*servers, **values), parameters))


def certificate(**more):
    return {
        "DomainName": "dev.example.com",
        "SubjectAlternativeNames": ["*.dev.example.com"],
        "Status": "ISSUED",
        "NotAfter": NOW + datetime.timedelta(days=200),
    } | more


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (certificate(), "ok"),
        (certificate(SubjectAlternativeNames=["*.example.com"]), "problem"),
        (certificate(Status="PENDING_VALIDATION"), "problem"),
        (certificate(NotAfter=NOW + datetime.timedelta(days=3)), "warning"),
    ],
)
def test_certificates(found, verdict):
    answers = world() | {("acm", "describe_certificate"): {"Certificate": {"CertificateArn": CERTIFICATE, **found}}}
    assert verdicts("certificates", here(answers)) == [verdict]


def test_without_https_there_is_no_certificate_to_check():
    answers = world() | {("elbv2", "describe_listeners"): {"Listeners": [listener(80, "HTTP")]}}
    assert verdicts("certificates", here(answers)) == ["not checked"]


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({"000000000000.dev.example.com": {"10.0.0.1"}, "dev-alb.elb.example.com": {"10.0.0.1"}}, "ok"),
        ({"000000000000.dev.example.com": {"10.0.0.2"}, "dev-alb.elb.example.com": {"10.0.0.1"}}, "warning"),
        ({}, "warning"),
    ],
)
def test_the_record_of_all_tenants_leads_to_the_load_balancer(monkeypatch, known, verdict):
    monkeypatch.setattr(tls, "_addresses", lambda host: known.get(host, set()))
    assert verdicts("DNS", here(world())) == [verdict]


@pytest.mark.parametrize(
    ("names", "known", "verdict"),
    [
        ([], {}, "not checked"),
        (["\\052.dev.example.com."], {"000000000000.dev.example.com": {"10.0.0.1"}}, "ok"),
        (["100000000001.dev.example.com."], {}, "warning"),
    ],
)
def test_the_world_sees_the_hosted_zone(monkeypatch, names, known, verdict):
    monkeypatch.setattr(tls, "_addresses", lambda host: known.get(host, set()))
    records = [{"Name": name, "Type": "A"} for name in names]
    answer = {"ResourceRecordSets": records, "IsTruncated": False, "MaxItems": "300"}
    answers = world() | {("route53", "list_resource_record_sets"): answer}
    assert verdicts("DNS", here(answers, {"HostedZoneId": "Z1"})) == [verdict]


def test_a_service_that_refuses_is_not_checked():
    answers = world() | {("rds", "describe_db_instances"): Refusal("AccessDenied")}
    assert verdicts("database server", here(answers)) == ["not checked"]
