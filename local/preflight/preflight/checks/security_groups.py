"""Who lets in whom."""

import dataclasses
import ipaddress

from preflight.reach import admits, covers, lets_out, networks_of
from preflight.results import check, ok, problem, unchecked

GUIDE = "docs/deploying.md, step 4"


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a way: what it is, its security groups, and its addresses."""

    name: str
    groups: list
    networks: list

    def shown(self):
        """The end with its groups."""
        return f"{self.name} ({', '.join(group['GroupId'] for group in self.groups) or 'no security group'})"


def _tasks(here):
    return End("tasks", [here.task_group], networks_of(here.subnets))


def _functions(here):
    return End("functions", _known(here, here.function_groups), networks_of(here.function_subnets))


def _known(here, ids):
    return [here.groups[group] for group in ids if group in here.groups]


def _way(source, target, port):
    """One way: out of the source's groups, and into the target's."""
    ids = [group["GroupId"] for group in source.groups]
    if not admits(target.groups, ids, port, source.networks):
        found = f"{target.shown()} does not let in {source.shown()} on TCP port {port}"
        return problem(found, f"add an ingress rule for port {port} to the former")
    if not lets_out(source.groups, target.groups, port, target.networks):
        found = f"{source.shown()} does not let out TCP port {port} to {target.shown()}"
        return problem(found, f"add an egress rule for port {port} to the former")
    return ok(f"{source.name} to {target.name} on TCP port {port}")


@check("from the load balancers to the tasks", GUIDE)
def to_tasks(here):
    """Health checks and visitors use the same way."""
    for _, balancer in here.listeners:
        name, zones = balancer["LoadBalancerName"], balancer.get("AvailabilityZones", [])
        subnets = [here.all_subnets[zone["SubnetId"]] for zone in zones if zone.get("SubnetId") in here.all_subnets]
        source = End(name, _known(here, balancer.get("SecurityGroups", [])), networks_of(subnets))
        yield _way(source, _tasks(here), 80) if source.groups else unchecked(f"{name} has no security group")


@check("from visitors to the load balancers", GUIDE)
def to_load_balancers(here):
    """Who visits is not known here, so a rule of any kind will do."""
    for listener, balancer in here.listeners:
        name, port = balancer["LoadBalancerName"], listener["Port"]
        groups = _known(here, balancer.get("SecurityGroups", []))
        open_to = [rule for group in groups for rule in group.get("IpPermissions", []) if covers(rule, port)]
        if groups and not open_to:
            yield problem(f"no security group of {name} lets in anybody on port {port}", "add an ingress rule")
        else:
            yield ok(f"{name} lets in somebody on port {port}")


@check("to the file systems", GUIDE)
def to_file_systems(here):
    """Every mount target has its own groups."""
    sources = [_tasks(here)]
    if here.given("FilesAccessPointArn") and here.function_groups:
        sources.append(_functions(here))
    for system in here.file_systems:
        targets = here.aws.all("efs", "describe_mount_targets", "MountTargets", FileSystemId=system["FileSystemId"])
        for target in targets:
            target_id = target["MountTargetId"]
            answer = here.aws.call("efs", "describe_mount_target_security_groups", MountTargetId=target_id)
            address = [ipaddress.ip_network(target["IpAddress"])] if target.get("IpAddress") else _everywhere(here)
            name = f"{system['FileSystemId']} at {target_id}"
            for source in sources:
                yield _way(source, End(name, _known(here, answer["SecurityGroups"]), address), 2049)


@check("to the database", GUIDE)
def to_database(here):
    """Tasks always reach it; functions do unless DatabaseAccess=ecs-task."""
    server = here.database
    groups = _known(here, [group["VpcSecurityGroupId"] for group in server.get("VpcSecurityGroups", [])])
    target = End(server["DBInstanceIdentifier"], groups, _everywhere(here))
    yield _way(_tasks(here), target, server["Endpoint"]["Port"])
    if here.given("DatabaseAccess") == "lambda" and here.function_groups:
        yield _way(_functions(here), target, server["Endpoint"]["Port"])


def _everywhere(here):
    return [ipaddress.ip_network(here.vpc["CidrBlock"])]
