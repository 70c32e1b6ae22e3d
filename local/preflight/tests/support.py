"""An account that answers what a test says, with botocore's own models of requests and answers."""

import copy

import boto3
import botocore.session
from botocore.stub import validate_parameters

from preflight import template
from preflight.aws import Aws
from preflight.here import Here

ACCOUNT, REGION = "536580886816", "eu-west-1"
PARAMETERS = {
    "Environment": "dev",
    "Domain": "dev.example.com",
    "DatabaseCaBundle": "/opt/rds-ca-bundle.pem",
    "DatabaseCaLayer": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:dev-rds-ca-bundle:1",
    "LambdaSubnetIds": "subnet-a,subnet-b",
    "LambdaSecurityGroupIds": "sg-functions",
}


# Loads each model once, because that takes longer than a test.
_MODELS = botocore.session.get_session().get_component("data_loader")


class Refusal:
    """An error of AWS."""

    def __init__(self, code, message="it is refused"):
        self.code, self.message = code, message


class Account:
    """Answers calls. An answer may be a function of the call's parameters."""

    def __init__(self, answers):
        self.answers, self.calls = answers, []
        core = botocore.session.get_session()
        core.register_component("data_loader", _MODELS)
        core.set_credentials("000000000000", "not-a-key")
        self.session = boto3.Session(region_name=REGION, botocore_session=core)
        core.register("provide-client-params.*.*", self._remember)
        core.register("before-call.*.*", self._answer)

    def _remember(self, params, **_):
        self._parameters = params

    def _answer(self, model, **_):
        service = model.service_model.service_name
        operation = botocore.xform_name(model.name)
        self.calls.append((service, operation, self._parameters))
        if (service, operation) not in self.answers:
            raise AssertionError(f"the test has no answer for {service}.{operation}")
        answer = self.answers[service, operation]
        answer = answer(self._parameters) if callable(answer) else answer
        if isinstance(answer, Refusal):
            error = {"Error": {"Code": answer.code, "Message": answer.message}, "ResponseMetadata": {}}
            return type("Response", (), {"status_code": 400})(), error
        if operation != "invoke":
            validate_parameters(answer, model.output_shape)
        return type("Response", (), {"status_code": 200})(), copy.deepcopy(answer) | {"ResponseMetadata": {}}


def here(answers, parameters=None, deployed=False):
    """An environment in an account that answers like this."""
    merged = template.defaults() | PARAMETERS | (parameters or {})
    stack = {"StackName": "dev-tenant-management", "StackStatus": "CREATE_COMPLETE"} if deployed else None
    return Here(Aws(Account(answers).session), "dev", REGION, ACCOUNT, merged, stack)


def results(name, where):
    """The results of a check, by its name."""
    from preflight import checks  # noqa: F401 - registers the checks
    from preflight.results import CHECKS

    (check,) = [check for check in CHECKS if check.name == name]
    return check.results(where)


def verdicts(name, where):
    """The verdicts of a check."""
    return [result.verdict for result in results(name, where)]


def rule(port, *groups, cidr=None, protocol="tcp"):
    """A rule of a security group."""
    return {
        "IpProtocol": protocol,
        "FromPort": port,
        "ToPort": port,
        "UserIdGroupPairs": [{"GroupId": group} for group in groups],
        "IpRanges": [{"CidrIp": cidr}] if cidr else [],
    }


def group(group_id, name, ingress=(), egress=None):
    """A security group, which lets everything out unless a test says otherwise."""
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    return {
        "GroupId": group_id,
        "GroupName": name,
        "IpPermissions": list(ingress),
        "IpPermissionsEgress": everything if egress is None else egress,
    }


def subnet(subnet_id, name, zone, free=4000):
    """A subnet."""
    return {
        "CidrBlock": {"eu-west-1a": "10.0.0.0/20", "eu-west-1b": "10.0.16.0/20"}[zone],
        "SubnetId": subnet_id,
        "AvailabilityZone": zone,
        "AvailableIpAddressCount": free,
        "Tags": [{"Key": "Name", "Value": name}],
    }


LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/dev-alb/1/2"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/dev-alb/1"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"


def world():
    """Answers of an account in which everything is as it should be. Each test breaks one part of it."""
    return {
        ("sts", "get_caller_identity"): {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/look/me"},
        ("ec2", "describe_vpcs"): {
            "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "Tags": [{"Key": "Name", "Value": "dev-vpc"}]}]
        },
        ("ec2", "describe_vpc_attribute"): lambda asked: {
            asked["Attribute"][0].upper() + asked["Attribute"][1:]: {"Value": True}
        },
        ("ec2", "describe_subnets"): {
            "Subnets": [
                subnet("subnet-p", "dev-public", "eu-west-1a"),
                subnet("subnet-a", "dev-private-a", "eu-west-1a"),
                subnet("subnet-b", "dev-private-b", "eu-west-1b"),
            ]
        },
        ("ec2", "describe_security_groups"): {
            "SecurityGroups": [
                group("sg-tasks", "dev-ecs-tasks", [rule(80, "sg-alb")]),
                group("sg-functions", "dev-functions"),
                group("sg-alb", "dev-alb", [rule(443, cidr="0.0.0.0/0")]),
                group("sg-0000000efs", "dev-efs", [rule(2049, "sg-tasks", "sg-functions")]),
                group("sg-db", "dev-db", [rule(3306, "sg-tasks", "sg-functions")]),
            ]
        },
        ("ec2", "describe_route_tables"): {
            "RouteTables": [
                {
                    "RouteTableId": "rtb-1",
                    "Associations": [{"Main": True}],
                    "Routes": [{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1"}],
                }
            ]
        },
        ("ec2", "describe_nat_gateways"): {"NatGateways": [{"NatGatewayId": "nat-1", "State": "available"}]},
        ("ec2", "describe_vpc_endpoints"): {"VpcEndpoints": []},
        ("ec2", "describe_network_interfaces"): {"NetworkInterfaces": []},
        ("efs", "describe_file_systems"): {"FileSystems": [_file_system("fs-1", "dev-efs")]},
        ("efs", "describe_file_system_policy"): {"FileSystemId": "fs-1", "Policy": "{}"},
        ("efs", "describe_mount_targets"): {
            "MountTargets": [
                {
                    "MountTargetId": f"fsmt-0000000{zone}",
                    "FileSystemId": "fs-1",
                    "SubnetId": "subnet-0000000a",
                    "LifeCycleState": "available",
                    "IpAddress": "10.0.0.9",
                    "AvailabilityZoneName": f"eu-west-1{zone}",
                }
                for zone in "ab"
            ]
        },
        ("efs", "describe_mount_target_security_groups"): {"SecurityGroups": ["sg-0000000efs"]},
        ("efs", "describe_access_points"): {"AccessPoints": []},
        ("ecs", "describe_clusters"): {
            "clusters": [{"clusterArn": "arn:cluster", "clusterName": "dev-cluster", "status": "ACTIVE"}]
        },
        ("elbv2", "describe_load_balancers"): {"LoadBalancers": [balancer("dev-alb", BALANCER)]},
        ("elbv2", "describe_tags"): {"TagDescriptions": []},
        ("elbv2", "describe_listeners"): {"Listeners": [listener(443, "HTTPS")]},
        ("elbv2", "describe_listener_certificates"): {"Certificates": [{"CertificateArn": CERTIFICATE}]},
        ("elbv2", "describe_rules"): {"Rules": [{"IsDefault": True}]},
        ("elbv2", "describe_target_groups"): {"TargetGroups": []},
        ("secretsmanager", "describe_secret"): {"Name": "dev-rds-master-credentials"},
        ("lambda", "get_layer_version"): {"Version": 1},
        ("lambda", "get_account_settings"): {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
        },
        ("events", "describe_event_bus"): {"Name": "default"},
    }


def _file_system(system_id, name):
    return {
        "OwnerId": ACCOUNT,
        "CreationToken": "token",
        "FileSystemId": system_id,
        "FileSystemArn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{system_id}",
        "CreationTime": 0,
        "LifeCycleState": "available",
        "NumberOfMountTargets": 2,
        "SizeInBytes": {"Value": 0},
        "PerformanceMode": "generalPurpose",
        "Encrypted": True,
        "Tags": [{"Key": "Name", "Value": name}],
    }


def balancer(name, arn, **more):
    """A load balancer."""
    return {
        "LoadBalancerArn": arn,
        "LoadBalancerName": name,
        "Type": "application",
        "VpcId": "vpc-1",
        "State": {"Code": "active"},
        "Scheme": "internal",
        "SecurityGroups": ["sg-alb"],
        "AvailabilityZones": [{"SubnetId": "subnet-a"}, {"SubnetId": "subnet-b"}],
        "DNSName": f"{name}.elb.example.com",
    } | more


def listener(port, protocol, kind="fixed-response"):
    """A listener."""
    return {
        "ListenerArn": LISTENER,
        "LoadBalancerArn": BALANCER,
        "Port": port,
        "Protocol": protocol,
        "DefaultActions": [{"Type": kind}],
    }
