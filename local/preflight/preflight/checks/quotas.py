"""Quotas, as Service Quotas has them for this account, and what is used of them."""

import dataclasses
import functools

import botocore.exceptions

from preflight import aws
from preflight.results import NotReadyError, check, ok, problem, unchecked, warning

GUIDE = "docs/deploying.md, step 6"

# A warning when less than this share is left.
_LITTLE = 0.1


def _rules(here):
    for _, balancer in here.listeners:
        arns = [listener["ListenerArn"] for listener in here.listeners_of(balancer["LoadBalancerArn"])]
        rules = [rule for arn in arns for rule in here.aws.all("elbv2", "describe_rules", "Rules", ListenerArn=arn)]
        yield balancer["LoadBalancerName"], len([rule for rule in rules if not rule.get("IsDefault")])


def _target_groups(here):
    for _, balancer in here.listeners:
        arn = balancer["LoadBalancerArn"]
        found = here.aws.all("elbv2", "describe_target_groups", "TargetGroups", LoadBalancerArn=arn)
        yield balancer["LoadBalancerName"], len(found)


def _all_target_groups(here):
    yield here.region, len(here.aws.all("elbv2", "describe_target_groups", "TargetGroups"))


def _access_points(here):
    for system in here.file_systems:
        system_id = system["FileSystemId"]
        points = here.aws.all("efs", "describe_access_points", "AccessPoints", FileSystemId=system_id)
        yield system_id, len(points)


def _services(here):
    yield here.cluster["clusterName"], here.cluster.get("activeServicesCount", 0)


def _interfaces(here):
    yield here.region, len(here.aws.all("ec2", "describe_network_interfaces", "NetworkInterfaces"))


def _vcpus(here):
    # An estimate: what runs in the cluster, at the default size.
    yield here.cluster["clusterName"], here.cluster.get("runningTasksCount", 0) * int(here.given("DefaultCpu")) / 1024


@dataclasses.dataclass(frozen=True)
class Quota:
    """A quota. `names` are those under which Service Quotas may have it."""

    service: str
    names: tuple
    # What AWS documents, if Service Quotas does not have the quota.
    documented: int | None
    used: object = None
    # The stack parameter that tells the functions what the quota is.
    parameter: str = ""
    # Less than this is too little for an environment.
    least: int = 0


QUOTAS = (
    Quota(
        "elasticloadbalancing",
        ("Target Groups per Application Load Balancer",),
        100,
        used=_target_groups,
        parameter="MaxTargetGroups",
    ),
    Quota(
        "elasticloadbalancing",
        ("Rules per Application Load Balancer",),
        100,
        used=_rules,
        parameter="MaxListenerRules",
    ),
    Quota("elasticloadbalancing", ("Target Groups per Region",), 3000, used=_all_target_groups),
    Quota("elasticloadbalancing", ("Targets per Application Load Balancer",), 1000),
    Quota(
        "elasticfilesystem",
        ("Access points per file system", "Access points for each file system"),
        10_000,
        used=_access_points,
        parameter="MaxAccessPoints",
    ),
    Quota("fargate", ("Fargate On-Demand vCPU resource count",), None, used=_vcpus, least=6),
    Quota("ecs", ("Services per cluster",), 5000, used=_services),
    Quota("vpc", ("Network interfaces per Region",), 5000, used=_interfaces),
    Quota("secretsmanager", ("Secrets in a Region", "Secrets per Region", "Secrets"), 500_000),
    Quota("logs", ("Log groups",), 1_000_000),
    Quota("states", ("Open executions", "Maximum open executions"), 1_000_000),
)


@functools.cache
def _values(aws, service):
    """The quotas of a service by name in small letters: AWS's defaults, and what the account has instead."""
    found = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        for quota in aws.all("service-quotas", operation, "Quotas", ServiceCode=service):
            found[quota["QuotaName"].lower()] = quota.get("Value")
    return found


def _value(here, quota):
    """The value, where it is from, and why it is not known if it is only AWS's documented one."""
    try:
        values = _values(here.aws, quota.service)
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        return quota.documented, "documented", aws.reason(error)
    for name in quota.names:
        if values.get(name.lower()) is not None:
            return values[name.lower()], "quota", ""
    return quota.documented, "documented", f"Service Quotas does not list it for {quota.service}"


@check("quotas", GUIDE)
def quotas(here):
    """The parameters of the same quotas must not promise more than the account has."""
    for quota in QUOTAS:
        yield from _results(here, quota)


def _results(here, quota):
    name, (value, where, why) = quota.names[0], _value(here, quota)
    try:
        used = list(quota.used(here)) if quota.used else []
    except NotReadyError:
        # Another check says what is missing. The quota itself is known all the same.
        used = []
    if value is None:
        yield unchecked(f"{name}: {why}")
        return
    shown = f"{name}: {where} {value:,.0f}"
    raise_it = f"request an increase of {name!r} ({quota.service}) in Service Quotas"
    most = float(here.given(quota.parameter)) if quota.parameter else value
    if most > value:
        remedy = f"set {quota.parameter}={value:.0f}, or {raise_it}"
        yield problem(f"{shown}, and {quota.parameter} is {most:,.0f}", remedy)
    if value <= quota.least:
        yield warning(f"{shown}: few tenants, and a deployment runs old and new tasks side by side", raise_it)
        return
    places = []
    for place, count in used:
        left = min(value, most) - count
        found = f"{shown}, used {count:,.0f} ({place})"
        if left < 1:
            yield problem(found, f"{raise_it}, or add another one: docs/deploying.md, step 6")
        elif left < _LITTLE * value:
            yield warning(found, raise_it)
        else:
            places.append(f"{count:,.0f} ({place})")
    if places or not used:
        shown += f", used {', '.join(places)}" if places else ""
        yield unchecked(f"{shown}: {why}") if why else ok(shown)


@check("concurrent executions of Lambda", GUIDE)
def concurrency(here):
    """All functions of the account and region share them. New accounts have few."""
    limits = here.aws.call("lambda", "get_account_settings")["AccountLimit"]
    total, left = limits["ConcurrentExecutions"], limits.get("UnreservedConcurrentExecutions", 0)
    found = f"{total:,} in all, {left:,} not reserved"
    if left < 10:
        return problem(found, "request 1,000 in Service Quotas (lambda, L-B99A9384)")
    if left < 100:
        return warning(
            f"{found}: three teardowns at once throttle each other at 10", "request 1,000 (lambda, L-B99A9384)"
        )
    return ok(found)


def _roles_of_the_stack(template):
    """SAM makes one for each state machine, and for each function that names none."""
    made = [function for _, function in template.functions() if "Role" not in function]
    return len(made) + len(list(template.machines())) + len(list(template.of_type("AWS::IAM::Role")))


@check("roles of the account", GUIDE)
def roles(here):
    """Each function and each state machine has a role."""
    summary = here.aws.call("iam", "get_account_summary")["SummaryMap"]
    if "RolesQuota" not in summary:
        return unchecked("the account summary has no RolesQuota")
    used, quota = summary["Roles"], summary["RolesQuota"]
    needed = 0 if here.stack else _roles_of_the_stack(here.template)
    found = f"{used:,} of {quota:,}" + (f", and the stack needs {needed}" if needed else "")
    if used + needed > quota:
        return problem(found, "request an increase of 'Roles per account' (iam)")
    return ok(found)
