"""What all tenants share, found as resolve-environment finds it."""

import datetime

from preflight.here import name_of
from preflight.results import check, ok, problem, unchecked, warning

GUIDE = "docs/deploying.md, step 1"


@check("VPC", GUIDE, finds=True)
def vpc(here):
    """Endpoints with private DNS, and EFS's names, need both attributes."""
    vpc_id = here.vpc["VpcId"]
    for attribute, member in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        answer = here.aws.call("ec2", "describe_vpc_attribute", VpcId=vpc_id, Attribute=attribute)
        if not answer[member]["Value"]:
            return problem(f"{vpc_id} has {attribute} turned off", f"turn {attribute} on")
    return ok(f"{vpc_id} ({name_of(here.vpc)})")


@check("private subnets", GUIDE, finds=True)
def subnets(here):
    """Tasks in one zone are down together. Each task takes an address."""
    zones = sorted({subnet["AvailabilityZone"] for subnet in here.subnets})
    free = sum(subnet.get("AvailableIpAddressCount", 0) for subnet in here.subnets)
    found = f"{len(here.subnets)} in {', '.join(zones)}, with {free} free addresses"
    if len(zones) < 2:
        return warning(found, "add a private subnet in another availability zone")
    if free < 50:
        return warning(found, "a task needs an address, and a deployment runs old and new tasks: use larger subnets")
    return ok(found)


@check("subnets of the functions", "docs/deploying.md, step 4", finds=True)
def function_subnets(here):
    """They are in the tenants' VPC, because the database and the mount targets are there."""
    if not here.listed("LambdaSubnetIds"):
        return unchecked("LambdaSubnetIds is not set: no function runs in a VPC")
    zones = sorted({subnet["AvailabilityZone"] for subnet in here.function_subnets})
    groups = here.listed("LambdaSecurityGroupIds")
    unknown = [group for group in groups if group not in here.groups]
    if unknown:
        remedy = "correct the parameter LambdaSecurityGroupIds"
        return problem(f"{here.vpc['VpcId']} has no security group {', '.join(unknown)}", remedy)
    return ok(f"{len(here.function_subnets)} in {', '.join(zones)}, security groups {', '.join(groups)}")


@check("security group of the tasks", GUIDE, finds=True)
def task_group(here):
    """Exactly one group of the VPC."""
    return ok(f"{here.task_group['GroupId']} ({here.task_group['GroupName']})")


@check("file systems", GUIDE, finds=True)
def file_systems(here):
    """A task mounts the target of its own zone; without one, it does not start."""
    zones = {subnet["AvailabilityZone"] for subnet in here.subnets}
    for system in here.file_systems:
        system_id, state = system["FileSystemId"], system["LifeCycleState"]
        if state != "available":
            yield problem(f"{system_id} is {state}", "wait until it is available, or name another one in FileSystemIds")
            continue
        targets = here.aws.all("efs", "describe_mount_targets", "MountTargets", FileSystemId=system_id)
        ready = {target.get("AvailabilityZoneName") for target in targets if target["LifeCycleState"] == "available"}
        missing = sorted(zones - ready)
        if missing:
            yield problem(
                f"{system_id} has no mount target in {', '.join(missing)}", "create a mount target in each zone"
            )
        elif not system.get("Encrypted"):
            yield warning(f"{system_id} is not encrypted at rest", "that cannot be changed: create another file system")
        else:
            yield ok(f"{system_id}, with a mount target in {', '.join(sorted(zones))}")


@check("file system policy", "docs/deploying.md, Tenants' files")
def file_system_policy(here):
    """AWS's default policy lets everyone on the network mount everything."""
    for system in here.file_systems:
        system_id = system["FileSystemId"]
        absent = ("PolicyNotFound", "FileSystemPolicyNotFound")
        if here.aws.get("efs", "describe_file_system_policy", absent, FileSystemId=system_id) is None:
            remedy = "give it a policy that allows mounts to the tenants' roles and the functions' only"
            yield warning(f"{system_id} has AWS's default policy: whoever reaches a mount target may mount it", remedy)
        else:
            yield ok(f"{system_id} has a policy of its own: the roles that mount it must be allowed there")


@check("cluster", GUIDE, finds=True)
def cluster(here):
    """Its name is fixed."""
    return ok(here.cluster["clusterArn"])


@check("load balancers", GUIDE, finds=True)
def load_balancers(here):
    """HTTPS is preferred. The load balancer's network is that of the tasks."""
    for listener, balancer in here.listeners:
        name, state = balancer["LoadBalancerName"], balancer.get("State", {}).get("Code", "active")
        if state != "active":
            yield problem(f"{name} is {state}", "wait until it is active, or remove its tag")
        elif balancer.get("VpcId") != here.vpc["VpcId"]:
            yield problem(f"{name} is in {balancer.get('VpcId')}, the tasks in {here.vpc['VpcId']}", "use one VPC")
        elif listener["Protocol"] != "HTTPS":
            yield warning(
                f"{name}: the listener on port {listener['Port']} is {listener['Protocol']}", "add one on 443"
            )
        else:
            yield ok(f"{name}: {listener['Protocol']} on port {listener['Port']}, {balancer.get('Scheme')}")


@check("what a load balancer answers without a rule", GUIDE)
def default_action(here):
    """A default action that forwards would show a host of no tenant another site."""
    for listener, balancer in here.listeners:
        kinds = [action["Type"] for action in listener.get("DefaultActions", [])]
        if "forward" in kinds:
            remedy = "set a fixed response 404, unless another site is meant to answer there"
            yield warning(f"{balancer['LoadBalancerName']} forwards requests for unknown hosts", remedy)
        else:
            yield ok(f"{balancer['LoadBalancerName']}: {', '.join(kinds)}")


@check("secret of the database administrator", GUIDE)
def secret(here):
    """Only described. Its fields are read by resolve-environment, after the deployment."""
    name = here.named("rds-master-credentials")
    found = here.aws.get("secretsmanager", "describe_secret", ("ResourceNotFoundException",), SecretId=name)
    if found is None:
        return problem(f"there is no secret {name}", "create it with username, password, host and, optionally, port")
    if found.get("DeletedDate"):
        return problem(f"{name} is scheduled for deletion", "restore it")
    key = found.get("KmsKeyId")
    if key and not key.endswith("alias/aws/secretsmanager"):
        remedy = "encrypt it with aws/secretsmanager, unless that is this key: no function may decrypt another one"
        return warning(f"{name} is encrypted with {key}", remedy)
    changed = found.get("LastChangedDate")
    return ok(f"{name}, last changed {changed.astimezone(datetime.UTC):%Y-%m-%d}" if changed else name)


@check("hosted zone", GUIDE)
def hosted_zone(here):
    """Each tenant's record is in it."""
    zone_id, domain = here.given("HostedZoneId"), here.given("Domain")
    if not zone_id:
        return ok(f"none: one record *.{domain} leads to the only load balancer")
    found = here.aws.get("route53", "get_hosted_zone", ("NoSuchHostedZone",), Id=zone_id)
    if found is None:
        return problem(f"there is no hosted zone {zone_id} in this account", "correct the parameter HostedZoneId")
    name = found["HostedZone"]["Name"].rstrip(".")
    if domain != name and not domain.endswith(f".{name}"):
        return problem(f"{domain} is not in the zone {name}", "correct the parameter HostedZoneId or Domain")
    private = found["HostedZone"].get("Config", {}).get("PrivateZone")
    if private and here.vpc["VpcId"] not in [vpc.get("VPCId") for vpc in found.get("VPCs", [])]:
        return warning(f"the private zone {name} is not associated with {here.vpc['VpcId']}", "associate it")
    return ok(f"{zone_id} ({name}, {'private' if private else 'public'})")


@check("database's CA", "docs/deploying.md, step 3")
def layer(here):
    """The layer has no region of its own: a function takes only one of its region."""
    arn = here.given("DatabaseCaLayer")
    if not arn:
        return unchecked("DatabaseCaLayer is not set")
    name, _, version = arn.rpartition(":")
    absent = ("ResourceNotFoundException",)
    found = here.aws.get("lambda", "get_layer_version", absent, LayerName=name, VersionNumber=int(version or 0))
    if found is None:
        return problem(f"there is no layer {arn}", "publish it as in step 3, and set the parameter DatabaseCaLayer")
    fits = found.get("CompatibleArchitectures", [])
    if fits and here.given("Architecture") not in fits:
        return problem(f"{arn} is for {', '.join(fits)} only", "publish it without an architecture")
    return ok(arn)


@check("task definition of database tasks", "docs/deploying.md, Where no function may reach the database")
def database_task(here):
    """Only where no function reaches the database."""
    if here.given("DatabaseAccess") != "ecs-task":
        return unchecked(f"DatabaseAccess={here.given('DatabaseAccess')}: functions connect to the database")
    name = here.named("generic-db-init")
    absent = ("ClientException",)
    found = here.aws.get("ecs", "describe_task_definition", absent, taskDefinition=name)
    if found is None:
        return problem(f"there is no task definition {name}", "register it as in local/shared-infrastructure.yaml")
    containers = [container["name"] for container in found["taskDefinition"]["containerDefinitions"]]
    if "mysql-client" not in containers:
        return problem(f"{name} has no container mysql-client, only {', '.join(containers)}", "see step 4")
    return ok(name)


@check("access point of tenants' files", "docs/deploying.md, Tenants' files")
def files_access_point(here):
    """Another root or user would hide the files from the functions."""
    arn = here.given("FilesAccessPointArn")
    if not arn:
        return unchecked("FilesAccessPointArn is not set: functions do not know of tenants' files")
    point_id = arn.rpartition("/")[2]
    absent = ("AccessPointNotFound",)
    found = here.aws.get("efs", "describe_access_points", absent, AccessPointId=point_id)
    if not found or not found["AccessPoints"]:
        return problem(f"there is no access point {point_id}", "create it at /wordpress with user and group 0")
    point = found["AccessPoints"][0]
    path, user = point.get("RootDirectory", {}).get("Path"), point.get("PosixUser", {})
    if path != "/wordpress" or (user.get("Uid"), user.get("Gid")) != (0, 0):
        shown = f"{point_id} is at {path} with user {user.get('Uid')} and group {user.get('Gid')}"
        return problem(shown, "create one at /wordpress with user and group 0: it cannot be changed")
    return ok(f"{point_id} on {point['FileSystemId']}")
