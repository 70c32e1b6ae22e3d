"""Which permissions a call needs.

Sources: in the Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

import contextvars
import json

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import alb, ecs, iam

from emulator.mend import wraps

# The condition key under which a request is handed to `enforce`.
_REQUEST = "emulator:request"
# The services whose requests are handed over.
_SERVICES = ("ecs", "elasticfilesystem", "elasticloadbalancing", "iam", "logs", "secretsmanager")
# The services whose requests are forms, and the fields of these that matter here.
_FIELDS = {
    "elasticloadbalancing": ("Name", "ListenerArn", "RuleArn"),
    "iam": ("RoleName", "PermissionsBoundary"),
}

# Stands for an id that is not known before something is created.
ANY_ID = "0000000000000000"

# Creations that need the permission to tag on the same resource.
_TAGGED_AS_MADE = {"logs:CreateLogGroup": "logs:TagResource", "iam:CreateRole": "iam:TagRole"}

# The fields of a task definition that name roles.
PASSED_ROLES = ("executionRoleArn", "taskRoleArn")

# AWS: the tags in a request to Elastic Load Balancing are condition keys. MiniStack: does not find out that these
# operations have tags.
iam_actions._TAG_OPERATIONS["elasticloadbalancing"] = frozenset(
    {"AddTags", "CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup", "RemoveTags"}
)

# AWS: Route 53 puts an error into an ErrorResponse element. MiniStack: leaves that element out when it denies a call.
iam_actions._SERVICE_PROTOCOL["route53"] = "query-xml"
iam_actions._QUERY_XML_NS["route53"] = "https://route53.amazonaws.com/doc/2013-04-01/"

# The permission that the request of this thread lacks, if it is not that of the request's own action.
_denied_action = contextvars.ContextVar("denied_action", default=None)


def resources(action, request, region, account):  # noqa: C901  (a case for each action)
    """The ARNs on which AWS checks a call; None where MiniStack's own choice is right."""
    ecs_arn, elb_arn, efs_arn = (
        f"arn:aws:{service}:{region}:{account}" for service in ("ecs", "elasticloadbalancing", "elasticfilesystem")
    )
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]

    def arns(kind, *names):
        return [str(name) if str(name).startswith("arn:") else f"{ecs_arn}:{kind}/{name}" for name in names if name]

    def in_cluster(kind, *names):
        return arns(kind, *(name if str(name).startswith("arn:") else f"{cluster}/{name}" for name in names if name))

    match action:
        case "ecs:DescribeClusters":
            return arns("cluster", *request.get("clusters") or [])
        case "ecs:CreateService":
            return in_cluster("service", request.get("serviceName"))
        case "ecs:UpdateService" | "ecs:DeleteService":
            return in_cluster("service", request.get("service"))
        case "ecs:DescribeServices":
            return in_cluster("service", *request.get("services") or [])
        case "ecs:DescribeTasks":
            return in_cluster("task", *request.get("tasks") or [])
        case "ecs:StopTask":
            return in_cluster("task", request.get("task"))
        case "ecs:ListTasks":
            return [f"{ecs_arn}:container-instance/{cluster}/{ANY_ID}"]
        case "ecs:RegisterTaskDefinition":
            return arns("task-definition", f"{request.get('family')}:1")
        case "ecs:RunTask":
            # A family without a revision stands for its newest one.
            named = str(request.get("taskDefinition") or "")
            return arns("task-definition", ecs._resolve_td_key(named) or named)
        case "ecs:DeleteTaskDefinitions":
            return arns("task-definition", *request.get("taskDefinitions") or [])
        case "ecs:TagResource" | "ecs:UntagResource" | "ecs:ListTagsForResource":
            return arns("", request.get("resourceArn"))
        case "ecs:ListServices" | "ecs:ListTaskDefinitions" | "ecs:DescribeTaskDefinition":
            return ["*"]
        case "ecs:DeregisterTaskDefinition":
            return ["*"]
        case "elasticfilesystem:CreateAccessPoint":
            return [f"{efs_arn}:file-system/{request.get('FileSystemId')}"]
        case "elasticloadbalancing:CreateTargetGroup":
            return [f"{elb_arn}:targetgroup/{request.get('Name')}/{ANY_ID}"]
        case "elasticloadbalancing:DeleteRule" | "elasticloadbalancing:ModifyRule":
            return [request.get("RuleArn")]
        case "elasticloadbalancing:AddTags" | "elasticloadbalancing:RemoveTags":
            return request.get("ResourceArns")
        case "logs:GetLogEvents":
            group, stream = request.get("logGroupName"), request.get("logStreamName")
            return [f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"]
        case "secretsmanager:CreateSecret":
            return [f"arn:aws:secretsmanager:{region}:{account}:secret:{request.get('Name')}-AbCdEf"]
    if action.startswith("elasticloadbalancing:Describe"):
        return ["*"]
    return None


def passed_roles(action, request):
    """The roles that a call passes to ECS."""
    definition = {}
    if action == "ecs:RegisterTaskDefinition":
        definition = request
    elif action == "ecs:RunTask":
        definition = ecs._task_defs.get(ecs._resolve_td_key(str(request.get("taskDefinition") or ""))) or {}
    return [definition[name] for name in PASSED_ROLES if definition.get(name)]


def tagging(action, request, region, account):
    """The further permission that a creation with tags needs: an action, and the ARN of what is created."""
    efs_arn = f"arn:aws:elasticfilesystem:{region}:{account}"
    match action:
        case "ecs:CreateService" | "ecs:RegisterTaskDefinition":
            return "ecs:TagResource", resources(action, request, region, account)[0]
        case "ecs:RunTask":
            cluster = str(request.get("cluster") or "default").rpartition("/")[2]
            return "ecs:TagResource", f"arn:aws:ecs:{region}:{account}:task/{cluster}/{ANY_ID}"
        case "elasticfilesystem:CreateAccessPoint":
            return "elasticfilesystem:TagResource", f"{efs_arn}:access-point/fsap-{ANY_ID}"
        case "elasticloadbalancing:CreateTargetGroup":
            return "elasticloadbalancing:AddTags", resources(action, request, region, account)[0]
        case "elasticloadbalancing:CreateRule":
            listener = str(request.get("ListenerArn"))
            return "elasticloadbalancing:AddTags", f"{listener.replace(':listener/', ':listener-rule/')}/{ANY_ID}"
        case "secretsmanager:CreateSecret":
            return "secretsmanager:TagResource", resources(action, request, region, account)[0]
    return None, None


def _keys(action, request, region, account):
    """The condition keys that a request's action has by itself: the cluster; the permissions boundary that a role is to
    get or has.
    """
    if action.startswith("ecs:") and request.get("cluster"):
        cluster = request["cluster"]
        arn = cluster if cluster.startswith("arn:") else f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"
        return {"ecs:cluster": arn}
    if action.startswith("iam:"):
        role = request if action == "iam:CreateRole" else iam._roles.get(request.get("RoleName")) or {}
        return {"iam:PermissionsBoundary": role["PermissionsBoundary"]} if role.get("PermissionsBoundary") else {}
    return {}


def _needed(action, request, region, resource_arn, keys):
    """The permissions that a call needs: triples of action, ARN and condition keys."""
    account = get_account_id()
    keys = {**keys, **_keys(action, request, region, account)}
    for arn in resources(action, request, region, account) or [resource_arn]:
        yield action, arn, keys
    if keys.get("aws:TagKeys"):
        prefix, _, operation = action.partition(":")
        tag, arn = tagging(action, request, region, account)
        if action in _TAGGED_AS_MADE:
            tag, arn = _TAGGED_AS_MADE[action], resource_arn
        if tag:
            yield tag, arn, {**keys, f"{prefix}:CreateAction": operation}
    if action == "elasticloadbalancing:CreateTargetGroup":
        for described in ("ec2:DescribeInternetGateways", "ec2:DescribeVpcs"):
            yield described, "*", keys
    for role in passed_roles(action, request):
        yield "iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}


@wraps(iam_actions, "request_tag_context")
def the_request_is_handed_to_the_check(request_tag_context, service, action, body, params):
    """Prepares `a_call_needs_every_permission`: adds the request to the condition keys."""
    context = request_tag_context(service, action, body, params)
    if service in _SERVICES:
        try:
            request = json.loads(body) if body[:1] == b"{" else {}
        except ValueError:
            request = {}
        if service in _FIELDS:
            request = {name: iam_actions._query_param(params, name) for name in _FIELDS[service]}
        if service == "elasticloadbalancing":
            request["ResourceArns"] = alb._parse_member_list(params, "ResourceArns")
        context[_REQUEST] = [request]
    return context


@wraps(iam_evaluator, "enforce")
def a_call_needs_every_permission(enforce, access_key, action, service, region, resource_arn="*", service_context=None):
    """AWS: checks a call on each resource that it names or creates. A creation with tags also needs the permission to
    tag, and passing a role to ECS needs iam:PassRole.

    MiniStack: often checks the call on `*` or on the cluster only, and nothing else.
    """
    keys = dict(service_context or {})
    (request,) = keys.pop(_REQUEST, None) or [None]
    _denied_action.set(None)
    needed = [(action, resource_arn, keys)] if request is None else _needed(action, request, region, resource_arn, keys)
    for permission, arn, its_keys in needed:
        denied = enforce(access_key, permission, service, region, resource_arn=arn, service_context=its_keys)
        if denied:
            if permission != action:
                _denied_action.set(permission)
            return denied
    return None


@wraps(iam_actions, "access_denied_response")
def a_denial_names_the_missing_permission(access_denied_response, service, action, *rest, **named):
    """Completes `a_call_needs_every_permission`: the message names the permission that is missing."""
    return access_denied_response(service, _denied_action.get() or action, *rest, **named)
