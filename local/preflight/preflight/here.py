"""The environment to check: where it is, its parameters, and what resolve-environment would find in it.

The questions are those of resolve-environment (functions/src/workflows/provision_tenant/environment.rs), asked with the
caller's credentials. Each answer is found once.
"""

import dataclasses
import functools

from preflight.invocation import invoke
from preflight.results import NotReadyError, UnknownError
from preflight.template import Template

_TAG = "tenant:environment"
# Source: the API reference of ECS, AwsVpcConfiguration, `subnets`.
_MOST_SUBNETS = 16
# DescribeTags takes this many.
_ARNS_PER_CALL = 20


@dataclasses.dataclass
class Here:
    """An environment, and the way to it."""

    aws: object
    environment: str
    region: str
    account: str
    parameters: dict
    # The deployed stack, as DescribeStacks answers; None before the deployment.
    stack: dict | None = None
    # The parameters that the next `sam deploy` would change.
    changes: tuple = ()

    @functools.cached_property
    def template(self):
        """The template with these parameters."""
        return Template(self.parameters, self.account, self.region, self._chosen_names)

    def _chosen_names(self):
        return {one["LogicalResourceId"]: one.get("PhysicalResourceId", "") for one in self.resources}

    @functools.cached_property
    def resources(self):
        """The resources of the deployed stack; none before the deployment."""
        if not self.stack:
            return []
        name = self.stack["StackName"]
        return self.aws.all("cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=name)

    def given(self, name):
        """The value of a parameter; empty if it is not set."""
        return self.parameters.get(name) or ""

    def listed(self, name):
        """The values of a parameter that is a list."""
        return [value.strip() for value in self.given(name).split(",") if value.strip()]

    def named(self, name):
        """The name of a function, a state machine or a resource of this environment."""
        return f"{self.environment}-{name}"

    @functools.cached_property
    def expected(self):
        """The account and the region in which the environment is to be."""
        runbook = self.template.resolve({"Fn::FindInMap": ["Environments", self.environment, "Account"]})
        region = self.template.resolve({"Fn::FindInMap": ["Environments", self.environment, "Region"]})
        return self.given("ExpectedAccount") or runbook, self.given("ExpectedRegion") or region

    @functools.cached_property
    def vpc(self):
        """The VPC."""
        given = self.given("VpcId")
        wanted = {"Name": "vpc-id", "Values": [given]}
        if not given:
            wanted = {"Name": "tag:Name", "Values": [f"*{self.environment}*"]}
        vpcs = self.aws.all("ec2", "describe_vpcs", "Vpcs", Filters=[wanted])
        rule = f"tag Name contains {self.environment!r}"
        return exactly_one("VPC", rule, "VpcId", [(vpc["VpcId"], name_of(vpc), vpc) for vpc in vpcs])

    @functools.cached_property
    def all_subnets(self):
        """All subnets of the VPC, by id."""
        vpc_id = self.vpc["VpcId"]
        found = self.aws.all("ec2", "describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        return {subnet["SubnetId"]: subnet for subnet in found}

    @functools.cached_property
    def subnets(self):
        """The subnets of the tasks."""
        vpc_id, given = self.vpc["VpcId"], self.listed("PrivateSubnetIds")
        if given:
            return self._of_vpc(given, "PrivateSubnetIds")
        found = [subnet for subnet in self.all_subnets.values() if "private" in (name_of(subnet) or "")]
        remedy = "tag them, or set the parameter PrivateSubnetIds"
        if not found:
            names = ", ".join(f"{key} ({name_of(subnet)})" for key, subnet in self.all_subnets.items()) or "none at all"
            raise NotReadyError(f"no subnet of {vpc_id} has a tag Name that contains 'private': {names}", remedy)
        if len(found) > _MOST_SUBNETS:
            raise NotReadyError(
                f"{len(found)} subnets of {vpc_id} are private; a service takes {_MOST_SUBNETS}", remedy
            )
        return found

    @functools.cached_property
    def function_subnets(self):
        """The subnets of the functions in the VPC; none if no function is in one."""
        return self._of_vpc(self.listed("LambdaSubnetIds"), "LambdaSubnetIds")

    def _of_vpc(self, ids, parameter):
        if not ids:
            return []
        unknown = sorted(set(ids) - set(self.all_subnets))
        if unknown:
            found = f"{self.vpc['VpcId']} has no subnet {', '.join(unknown)}"
            raise NotReadyError(found, f"correct the parameter {parameter}")
        return [self.all_subnets[subnet_id] for subnet_id in ids]

    @functools.cached_property
    def groups(self):
        """All security groups of the VPC, by id."""
        wanted = [{"Name": "vpc-id", "Values": [self.vpc["VpcId"]]}]
        found = self.aws.all("ec2", "describe_security_groups", "SecurityGroups", Filters=wanted)
        return {group["GroupId"]: group for group in found}

    @functools.cached_property
    def route_tables(self):
        """All route tables of the VPC."""
        wanted = [{"Name": "vpc-id", "Values": [self.vpc["VpcId"]]}]
        return self.aws.all("ec2", "describe_route_tables", "RouteTables", Filters=wanted)

    @property
    def function_groups(self):
        """The ids of the functions' security groups, as far as they exist in the VPC."""
        return [group for group in self.listed("LambdaSecurityGroupIds") if group in self.groups]

    @functools.cached_property
    def task_group(self):
        """The security group of the tasks."""
        given = self.given("EcsSecurityGroupId")
        found = [
            (key, group["GroupName"], group)
            for key, group in self.groups.items()
            if (key == given if given else "ecs" in group["GroupName"])
        ]
        what = f"security group of {self.vpc['VpcId']}"
        return exactly_one(what, "its name contains 'ecs'", "EcsSecurityGroupId", found)

    @functools.cached_property
    def file_systems(self):
        """The file systems of the tenants."""
        found = self.aws.all("efs", "describe_file_systems", "FileSystems")
        given = self.listed("FileSystemIds")
        if given:
            by_id = {system["FileSystemId"]: system for system in found}
            unknown = sorted(set(given) - set(by_id))
            if unknown:
                raise NotReadyError(
                    f"there is no file system {', '.join(unknown)}", "correct the parameter FileSystemIds"
                )
            return [by_id[system_id] for system_id in given]
        tagged = [system for system in found if tags_of(system).get(_TAG) == self.environment]
        if tagged:
            return tagged
        named = [
            (system["FileSystemId"], name_of(system), system)
            for system in found
            if self.environment in (name_of(system) or "")
        ]
        rule = f"tag Name contains {self.environment!r}"
        return [exactly_one("file system", rule, "FileSystemIds", named)]

    @functools.cached_property
    def cluster(self):
        """The ECS cluster."""
        name = self.named("cluster")
        found = self.aws.call("ecs", "describe_clusters", clusters=[name])["clusters"]
        status = found[0].get("status") if found else None
        if status != "ACTIVE":
            raise NotReadyError(f"cluster {name} is {status or 'missing'}", f"create the cluster {name}")
        return found[0]

    @functools.cached_property
    def listeners(self):
        """The listeners of the tenants, each with its load balancer."""
        given = self.listed("ListenerArns")
        chosen = self._given_listeners(given) if given else self._found_listeners()
        if len(chosen) > 1 and not self.given("HostedZoneId"):
            found = f"tenants would be spread over {len(chosen)} load balancers, without DNS records of their own"
            raise NotReadyError(found, "set the parameter HostedZoneId, or name a single listener in ListenerArns")
        return chosen

    @functools.cached_property
    def _balancers(self):
        found = self.aws.all("elbv2", "describe_load_balancers", "LoadBalancers")
        return {found["LoadBalancerArn"]: found for found in found if found["Type"] == "application"}

    def _given_listeners(self, arns):
        found = self.aws.get("elbv2", "describe_listeners", ("ListenerNotFound", "ValidationError"), ListenerArns=arns)
        if found is None:
            raise NotReadyError(f"one of {', '.join(arns)} does not exist", "correct the parameter ListenerArns")
        chosen = [(listener, self._balancers.get(listener["LoadBalancerArn"])) for listener in found["Listeners"]]
        if any(balancer is None for _, balancer in chosen):
            raise NotReadyError(
                "a listener is not of an application load balancer", "correct the parameter ListenerArns"
            )
        if len({balancer["LoadBalancerArn"] for _, balancer in chosen}) < len(chosen):
            remedy = "name one listener of each load balancer in ListenerArns"
            raise NotReadyError("two of the listeners are on the same load balancer", remedy)
        return chosen

    def _found_listeners(self):
        arns = list(self._balancers)
        tagged = []
        for first in range(0, len(arns), _ARNS_PER_CALL):
            answer = self.aws.call("elbv2", "describe_tags", ResourceArns=arns[first : first + _ARNS_PER_CALL])
            tagged += [
                one["ResourceArn"] for one in answer["TagDescriptions"] if tags_of(one).get(_TAG) == self.environment
            ]
        if not tagged:
            named = [
                (arn, found["LoadBalancerName"], arn)
                for arn, found in self._balancers.items()
                if self.environment in found["LoadBalancerName"]
            ]
            rule = f"application load balancer whose name contains {self.environment!r}"
            tagged = [exactly_one("load balancer", rule, "ListenerArns", named)]
        return [(self._preferred(arn), self._balancers[arn]) for arn in tagged]

    def listeners_of(self, arn):
        """All listeners of a load balancer."""
        return self.aws.all("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn)

    def _preferred(self, arn):
        listeners = {listener.get("Port"): listener for listener in self.listeners_of(arn)}
        if not {443, 80} & set(listeners):
            ports = ", ".join(map(str, listeners)) or "none"
            remedy = "add a listener on port 443, or set the parameter ListenerArns"
            raise NotReadyError(f"{arn} has no listener on port 443 or 80, only: {ports}", remedy)
        return listeners.get(443) or listeners[80]

    @functools.cached_property
    def database(self):
        """The database server as RDS describes it."""
        servers = self.aws.all("rds", "describe_db_instances", "DBInstances")
        servers = [server for server in servers if server["Engine"] in ("mysql", "mariadb", "aurora-mysql")]
        if self.resolved:
            host = self.resolved["environment"]["database_host"]
            servers = [server for server in servers if server.get("Endpoint", {}).get("Address") == host]
            if not servers:
                raise UnknownError(f"{host} is not the endpoint of an RDS instance here; a cluster is not followed")
            return servers[0]
        vpc_id = self.vpc["VpcId"]
        servers = [server for server in servers if server.get("DBSubnetGroup", {}).get("VpcId") == vpc_id]
        if len(servers) != 1:
            names = ", ".join(server["DBInstanceIdentifier"] for server in servers) or "none"
            raise UnknownError(
                f"which server is the tenants' stands in a secret that is not read here; in {vpc_id} there are: {names}"
            )
        return servers[0]

    @functools.cached_property
    def resolution(self):
        """How the deployed resolve-environment has answered; None before the deployment."""
        if not self.stack:
            return None
        return invoke(self.aws, self.named("resolve-environment"), {"environment": self.environment})

    @property
    def resolved(self):
        """What the deployed resolve-environment has found; None if it has not answered."""
        return self.resolution.answer if self.resolution and not self.resolution.error else None


def exactly_one(what, rule, parameter, candidates):
    """The only candidate. Each is an identifier, a name, and what is returned."""
    if len(candidates) == 1:
        return candidates[0][2]
    shown = ", ".join(f"{identifier} ({name})" for identifier, name, _ in candidates)
    found = f"{len(candidates)} match: {shown}" if candidates else "none matches"
    raise NotReadyError(f"{what} ({rule}): {found}", f"set the parameter {parameter}")


def tags_of(resource):
    """The tags of a resource."""
    return {tag["Key"]: tag.get("Value", "") for tag in resource.get("Tags", [])}


def name_of(resource):
    """The tag Name of a resource."""
    return tags_of(resource).get("Name")
