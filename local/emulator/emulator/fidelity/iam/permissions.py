"""What a call needs permission for, as AWS has it.

Sources: the Service Authorization Reference, "Actions, resources, and condition keys" of each service.
"""

import contextvars
import json

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import alb, ecs

from emulator.mend import wraps

_REQUEST = "emulator:request"
_SERVICES = ("ecs", "elasticfilesystem", "elasticloadbalancing", "logs", "secretsmanager")
_ANY_ID = "0000000000000000"
_PASSED_ROLES = ("executionRoleArn", "taskRoleArn")

# AWS: tags of a load balancer's parts are condition keys. MiniStack: looks for them in a model that it does not find.
iam_actions._TAG_OPERATIONS["elasticloadbalancing"] = frozenset(
    {"AddTags", "CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup", "RemoveTags"}
)

# AWS: Route 53 wraps an error in an ErrorResponse. MiniStack: gives it bare when it denies a call.
iam_actions._SERVICE_PROTOCOL["route53"] = "query-xml"
iam_actions._QUERY_XML_NS["route53"] = "https://route53.amazonaws.com/doc/2013-04-01/"

# The action that a denial in this request names instead of the request's own.
_denied_action = contextvars.ContextVar("denied_action", default=None)


def _resources(action, request, region, account):
    """The ARNs that AWS checks a call on, or nothing where MiniStack takes the right one."""
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
            return [f"{ecs_arn}:container-instance/{cluster}/{_ANY_ID}"]
        case "ecs:RegisterTaskDefinition":
            return arns("task-definition", f"{request.get('family')}:1")
        case "ecs:RunTask":
            # A family stands for its newest revision.
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
            return [f"{elb_arn}:targetgroup/{request.get('Name')}/{_ANY_ID}"]
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


def _passed_roles(action, request):
    """The roles that a call hands to ECS."""
    definition = {}
    if action == "ecs:RegisterTaskDefinition":
        definition = request
    elif action == "ecs:RunTask":
        definition = ecs._task_defs.get(ecs._resolve_td_key(str(request.get("taskDefinition") or ""))) or {}
    return [definition[name] for name in _PASSED_ROLES if definition.get(name)]


def _tagging(action, request, region, account):
    """The permission that a creation with tags also needs: the action, and the ARN of what is created."""
    efs_arn = f"arn:aws:elasticfilesystem:{region}:{account}"
    match action:
        case "ecs:CreateService" | "ecs:RegisterTaskDefinition":
            return "ecs:TagResource", _resources(action, request, region, account)[0]
        case "ecs:RunTask":
            cluster = str(request.get("cluster") or "default").rpartition("/")[2]
            return "ecs:TagResource", f"arn:aws:ecs:{region}:{account}:task/{cluster}/{_ANY_ID}"
        case "elasticfilesystem:CreateAccessPoint":
            return "elasticfilesystem:TagResource", f"{efs_arn}:access-point/fsap-{_ANY_ID}"
        case "elasticloadbalancing:CreateTargetGroup":
            return "elasticloadbalancing:AddTags", _resources(action, request, region, account)[0]
        case "elasticloadbalancing:CreateRule":
            listener = str(request.get("ListenerArn"))
            return "elasticloadbalancing:AddTags", f"{listener.replace(':listener/', ':listener-rule/')}/{_ANY_ID}"
        case "secretsmanager:CreateSecret":
            return "secretsmanager:TagResource", _resources(action, request, region, account)[0]
    return None, None


@wraps(iam_actions, "request_tag_context")
def the_request_is_remembered(request_tag_context, service, action, body, params):
    """Hands what the checks below need of the request to `enforce`, beside its condition keys."""
    context = request_tag_context(service, action, body, params)
    if service in _SERVICES:
        try:
            request = json.loads(body) if body[:1] == b"{" else {}
        except ValueError:
            request = {}
        if service == "elasticloadbalancing":
            request = {name: iam_actions._query_param(params, name) for name in ("Name", "ListenerArn", "RuleArn")}
            request["ResourceArns"] = alb._parse_member_list(params, "ResourceArns")
        context[_REQUEST] = [request]
    return context


@wraps(iam_evaluator, "enforce")
def permissions_are_those_of_aws(enforce, access_key, action, service, region, resource_arn="*", service_context=None):
    """AWS: checks a call on the resources that it names or makes; on a creation with tags also the permission to
    tag, and on a task definition with roles iam:PassRole. MiniStack: often on `*` or on the cluster, and no more.
    """
    context = dict(service_context or {})
    (request,) = context.pop(_REQUEST, None) or [None]
    _denied_action.set(None)

    def check(checked, arn, keys):
        denied = enforce(access_key, checked, service, region, resource_arn=arn, service_context=keys)
        if denied and checked != action:
            _denied_action.set(checked)
        return denied

    if request is None:
        return check(action, resource_arn, context)
    account = get_account_id()
    if service == "ecs" and request.get("cluster"):
        cluster = request["cluster"]
        context["ecs:cluster"] = (
            cluster if cluster.startswith("arn:") else f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"
        )
    for arn in _resources(action, request, region, account) or [resource_arn]:
        denied = check(action, arn, context)
        if denied:
            return denied

    if context.get("aws:TagKeys"):
        prefix, _, operation = action.partition(":")
        tagging, arn = _tagging(action, request, region, account)
        if action == "logs:CreateLogGroup":
            tagging, arn = "logs:TagResource", resource_arn
        if tagging:
            denied = check(tagging, arn, {**context, f"{prefix}:CreateAction": operation})
            if denied:
                return denied

    if action == "elasticloadbalancing:CreateTargetGroup":
        for looked_up in ("ec2:DescribeInternetGateways", "ec2:DescribeVpcs"):
            denied = check(looked_up, "*", context)
            if denied:
                return denied

    for role in _passed_roles(action, request):
        denied = check("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
        if denied:
            return denied
    return None


@wraps(iam_actions, "access_denied_response")
def a_denial_names_the_action(access_denied_response, service, action, *rest, **named):
    """Completes the checks above: the message names the permission that is missing."""
    return access_denied_response(service, _denied_action.get() or action, *rest, **named)
