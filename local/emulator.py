"""Runs MiniStack, with the differences from AWS mended that would hide a mistake of this project.

Each mend is a small function that says what AWS does and what MiniStack does, and wraps MiniStack's own function.
MiniStack's version is pinned in requirements.txt; a mend that does not find what it wraps ends the start, so that an
update cannot quietly undo it.
"""

import contextvars
import functools
import importlib.metadata
import json
import socketserver
import sys
import threading

import container_engine
from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import alb, ecs, efs
from ministack.services import stepfunctions as sfn

MINISTACK = "1.5.33"


def wraps(module, name, table=None):
    """Replaces `module.name` by the decorated function, which is given the original first.

    `table` is the dictionary, if any, through which MiniStack calls the function.
    """
    original = getattr(module, name, None)
    if not callable(original):
        sys.exit(f"emulator.py: {module.__name__}.{name} is not in this MiniStack: adapt the mend to its version")

    def decorate(function):
        @functools.wraps(original)
        def mended(*arguments, **named):
            return function(original, *arguments, **named)

        setattr(module, name, mended)
        if table is not None:
            keys = [key for key, value in table.items() if value is original]
            if not keys:
                sys.exit(f"emulator.py: {module.__name__}.{name} is not called through its table any more")
            for key in keys:
                table[key] = mended
        return mended

    return decorate


# --- Elastic Load Balancing ---------------------------------------------------------------------------------------

_rules = threading.Lock()


@wraps(alb, "_create_rule", alb._ACTION_MAP)
def priorities_are_unique(create_rule, params):
    """AWS: a priority is taken once per listener, else PriorityInUse. MiniStack: any number of times."""
    listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority", "1")
    with _rules:
        for rule in alb._rules.values():
            if rule.get("ListenerArn") == listener and str(rule.get("Priority")) == priority:
                return alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
        return create_rule(params)


@wraps(alb, "_delete_rule", alb._ACTION_MAP)
def a_missing_rule_is_not_found(delete_rule, params):
    """AWS: RuleNotFound. MiniStack: success."""
    arn = alb._p(params, "RuleArn")
    with _rules:
        if arn not in alb._rules:
            return alb._error("RuleNotFound", f"Rule '{arn}' not found")
        return delete_rule(params)


def _forwards_to(actions, target_group):
    for action in actions or []:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        if target_group in (action.get("TargetGroupArn"), *(group.get("TargetGroupArn") for group in groups)):
            return True
    return False


@wraps(alb, "_delete_tg", alb._ACTION_MAP)
def a_target_group_in_use_stays(delete_target_group, params):
    """AWS: ResourceInUse while a rule or a listener forwards to the target group. MiniStack: deletes it."""
    arn = alb._p(params, "TargetGroupArn")
    if any(_forwards_to(rule.get("Actions"), arn) for rule in alb._rules.values()) or any(
        _forwards_to(listener.get("DefaultActions"), arn) for listener in alb._listeners.values()
    ):
        return alb._error("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
    return delete_target_group(params)


@wraps(alb, "_describe_tgs", alb._ACTION_MAP)
def a_missing_target_group_is_not_found(describe_target_groups, params):
    """AWS: TargetGroupNotFound when a name is unknown. MiniStack: an empty list."""
    known = {group["TargetGroupName"] for group in alb._tgs.values()}
    if any(name not in known for name in alb._parse_member_list(params, "Names")):
        return alb._error("TargetGroupNotFound", "One or more target groups not found")
    return describe_target_groups(params)


# --- Elastic File System ------------------------------------------------------------------------------------------


@wraps(efs, "_describe_access_points")
def access_points_come_in_pages(describe_access_points, query):
    """AWS: pages of at most MaxResults (100) with a NextToken, and AccessPointNotFound for an unknown id.
    MiniStack: the first 100 and no token, and an empty list."""
    size, start = int(query.get("MaxResults") or 100), int(query.get("NextToken") or 0)
    status, headers, body = describe_access_points({**query, "MaxResults": sys.maxsize})
    found = json.loads(body)["AccessPoints"]
    if query.get("AccessPointId") and not found:
        return efs._error(404, "AccessPointNotFound", f"Access point '{query['AccessPointId']}' does not exist.")
    answer = {"AccessPoints": found[start : start + size]}
    if start + size < len(found):
        answer["NextToken"] = str(start + size)
    return efs._json(status, answer)


@wraps(efs, "_create_access_point")
def a_client_token_is_used_once(create_access_point, body):
    """AWS: AccessPointAlreadyExists, with the id, for a ClientToken that has been used. MiniStack: another one."""
    token = body.get("ClientToken")
    for access_point in efs._access_points.values():
        if token and access_point["ClientToken"] == token:
            status, headers, text = efs._error(409, "AccessPointAlreadyExists", "Access point already exists.")
            answer = {**json.loads(text), "AccessPointId": access_point["AccessPointId"]}
            return status, headers, json.dumps(answer).encode()
    return create_access_point(body)


# --- Step Functions -----------------------------------------------------------------------------------------------


def _jsonata(state, context):
    return sfn._state_query_language(state, context) == "JSONata"


@wraps(sfn, "_apply_output_path")
def succeed_has_an_output(apply_output_path, state, data, context=None):
    """AWS: a JSONata Succeed state evaluates its Output. MiniStack: passes its input on."""
    if state.get("Type") == "Succeed" and _jsonata(state, context):
        return sfn._apply_jsonata_output(state, data, context, default=data)
    return apply_output_path(state, data, context)


@wraps(sfn, "_execute_choice")
def a_choice_default_has_an_output(execute_choice, state, data, context=None):
    """AWS: the Output of a JSONata Choice state applies when no rule matches. MiniStack: passes its input on."""
    if "Default" not in state or not _jsonata(state, context):
        return execute_choice(state, data, context)
    try:
        return execute_choice({key: state[key] for key in state if key != "Default"}, data, context)
    except sfn._ExecutionError as error:
        if error.error != "States.NoChoiceMatched":
            raise
    output = sfn._apply_jsonata_output(state, data, context, default=data)
    sfn._apply_state_assign(state, data, context)
    return output, state["Default"]


@wraps(sfn, "_run_parallel_branches")
def parallel_has_arguments_and_an_output(run_parallel_branches, state, data, execution, context):
    """AWS: a JSONata Parallel state evaluates Arguments, Output and Assign. MiniStack: ignores them."""
    if not _jsonata(state, context):
        return run_parallel_branches(state, data, execution, context)
    arguments = sfn._apply_jsonata_arguments(state, data, context)
    results, following = run_parallel_branches(state, arguments, execution, context)
    output = sfn._apply_jsonata_output(state, data, context, result=results, default=results)
    sfn._apply_state_assign(state, data, context, result=results)
    return output, following


# The execution whose branch or iteration is walked through here. MiniStack gives each branch a copy of the context
# that the Parallel or Map state runs in.
_branch_of = contextvars.ContextVar("branch_of", default=None)


@wraps(sfn, "_run_sub_machine")
def a_branch_is_a_scope(run_sub_machine, states, start, data, execution, context):
    """AWS: a variable that a branch or an iteration assigns is its own. MiniStack: branches share their variables
    and the name of the current state."""
    outer = _branch_of.set(execution)
    try:
        scope = {**context, "variables": dict(context.get("variables") or {})}
        return run_sub_machine(states, start, data, execution, scope)
    finally:
        _branch_of.reset(outer)


def states_in_branches_are_events(kind):
    """AWS: the history has an event as each state is entered and left. MiniStack: not inside branches and
    iterations."""

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        execution = _branch_of.get()
        if execution is None:
            return original(state, data, *rest)
        name = rest[-1]["State"]["Name"]
        details = {"name": name, "input": json.dumps(data)}
        sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        # What runs inside must not think that it is in this branch: it says so itself.
        outer = _branch_of.set(None if kind in ("Parallel", "Map") else execution)
        try:
            output, following = original(state, data, *rest)
        finally:
            _branch_of.reset(outer)
        details = {"name": name, "output": json.dumps(output)}
        sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        return output, following


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    states_in_branches_are_events(_kind)


@wraps(sfn, "_nested_execution_failure")
def a_failed_nested_execution_is_a_failed_task(nested_execution_failure, payload):
    """AWS: a nested execution that fails ends its task with States.TaskFailed, and the cause is JSON that has the
    nested error and cause. MiniStack: ends it with the nested error itself."""
    error, cause = nested_execution_failure(payload)
    described = {
        "ExecutionArn": payload.get("executionArn"),
        "Name": payload.get("name"),
        "StateMachineArn": payload.get("stateMachineArn"),
        "Status": payload.get("status", "FAILED"),
        "Error": payload.get("error") or error,
        "Cause": payload.get("cause") or cause,
    }
    return "States.TaskFailed", json.dumps(described)


# The execution whose task is being carried out here.
_task_of = contextvars.ContextVar("task_of", default=None)


@wraps(sfn, "_execute_task")
def a_task_knows_its_execution(execute_task, state, data, execution, context):
    """Prepares the next mend."""
    outer = _task_of.set(execution)
    try:
        return execute_task(state, data, execution, context)
    finally:
        _task_of.reset(outer)


def _permissions_of(resource, arguments):
    """What the role of a state machine must be allowed, for a task of the kinds that this project has: pairs of
    action and ARN. Source: the Step Functions guide, "IAM policies for integrated services"."""
    region, account = get_region(), get_account_id()
    if "lambda:invoke" in resource:
        name = str(arguments.get("FunctionName"))
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
        yield "lambda:InvokeFunction", arn
    elif "states:startExecution" in resource:
        machine = str(arguments.get("StateMachineArn"))
        yield "states:StartExecution", machine
        if ".sync" in resource:
            yield "states:DescribeExecution", machine.replace(":stateMachine:", ":execution:") + ":0"
    elif "events:putEvents" in resource:
        for entry in arguments.get("Entries") or []:
            bus = entry.get("EventBusName") or "default"
            yield "events:PutEvents", bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}"


@wraps(sfn, "_invoke_resource")
def a_state_machine_acts_as_its_role(invoke_resource, resource, arguments):
    """AWS: a task may do what the state machine's role may. MiniStack: anything."""
    execution = _task_of.get()
    machine = execution and sfn._state_machines.get(execution["stateMachineArn"])
    if not app.AUTH or not machine or not isinstance(arguments, dict):
        return invoke_resource(resource, arguments)
    account, role = get_account_id(), machine["roleArn"].rpartition("/")[2]
    policies = iam_evaluator._gather_role_policies(role, account)
    for action, arn in _permissions_of(resource, arguments):
        session = f"arn:aws:sts::{account}:assumed-role/{role}/{execution['name']}"
        asked = iam_evaluator.EvalContext(
            principal_arn=session,
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=arn,
            region=get_region(),
        )
        if iam_evaluator.evaluate(asked, policies).decision != "Allow":
            service = {"lambda": "Lambda.AWSLambda", "states": "StepFunctions.AWSStepFunctions"}
            error = service.get(action.partition(":")[0], "EventBridge.AmazonEventBridge") + "Exception"
            raise sfn._ExecutionError(error, f"User: {session} is not authorized to perform: {action} on resource: {arn}")
    return invoke_resource(resource, arguments)


_events = threading.Lock()
# The last event here: the execution's ARN and the event's id.
_last_event = contextvars.ContextVar("last_event", default=(None, 0))


@wraps(sfn, "_add_event")
def events_form_chains(add_event, execution, *rest):
    """AWS: every event has an id of its own, and names the event before it in its branch. MiniStack: branches that
    add events at once may share an id, and no event names another."""
    arn = execution.get("executionArn")
    owner, previous = _last_event.get()
    with _events:
        event = add_event(execution, *rest)
    event["previousEventId"] = previous if owner == arn else 0
    _last_event.set((arn, event["id"]))
    return event


# --- Identity and Access Management -------------------------------------------------------------------------------
#
# Sources: the Service Authorization Reference, "Actions, resources, and condition keys" of each service.

_REQUEST = "emulator:request"
_SERVICES = ("ecs", "elasticfilesystem", "elasticloadbalancing", "secretsmanager")
_ANY_ID = "0000000000000000"
_PASSED_ROLES = ("executionRoleArn", "taskRoleArn")

# AWS: tags of a load balancer's parts are condition keys. MiniStack: looks for them in a model that it does not find.
iam_actions._TAG_OPERATIONS["elasticloadbalancing"] = frozenset(
    {"AddTags", "CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup", "RemoveTags"}
)

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
            return arns("task-definition", request.get("taskDefinition"))
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
        case "secretsmanager:CreateSecret":
            return [f"arn:aws:secretsmanager:{region}:{account}:secret:{request.get('Name')}-AbCdEf"]
    if action.startswith("elasticloadbalancing:Describe"):
        return ["*"]
    return None


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
    if service == "logs":
        context[_REQUEST] = [{}]
    elif service in _SERVICES:
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
def permissions_are_those_of_aws(
    enforce, access_key, action, service, region, resource_arn="*", service_context=None
):
    """AWS: checks a call on the resources that it names or makes; on a creation with tags also the permission to
    tag, and on a task definition with roles iam:PassRole. MiniStack: often on `*` or on the cluster, and no more."""
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

    if action == "ecs:RegisterTaskDefinition":
        for role in filter(None, (request.get(name) for name in _PASSED_ROLES)):
            denied = check("iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})
            if denied:
                return denied
    return None


@wraps(iam_actions, "access_denied_response")
def a_denial_names_the_action(access_denied_response, service, action, *rest, **named):
    """Completes the checks above: the message names the permission that is missing."""
    return access_denied_response(service, _denied_action.get() or action, *rest, **named)


# --- Elastic Container Service ------------------------------------------------------------------------------------


@wraps(ecs, "_make_deployment")
def a_first_deployment_is_in_progress(make_deployment, task_definition, desired_count, status="PRIMARY"):
    """AWS: a service's first deployment is IN_PROGRESS until its tasks run. MiniStack: COMPLETED from the start."""
    deployment = make_deployment(task_definition, desired_count, status=status)
    if desired_count > 0:
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
    return deployment


def containers_can_fail():
    """AWS: a task's image is pulled and its containers may exit. MiniStack: so with Docker; without it, every task
    runs. See container_engine.py."""
    for name in ("_docker", "_ECS_DEPLOYMENT_STEADY_DELAY"):
        if not hasattr(ecs, name):
            sys.exit(f"emulator.py: {ecs.__name__}.{name} is not in this MiniStack: adapt the mend to its version")
    ecs._docker = container_engine.Engine()
    # For how long a container must run to count as started. This engine's containers exit at once or not at all.
    ecs._ECS_DEPLOYMENT_STEADY_DELAY = 0.02


def the_runtime_api_answers_at_once():
    """AWS: a warm function answers within a millisecond. MiniStack: writes head and body of an answer of the Lambda
    Runtime API apart, and Nagle's algorithm holds the body back until the function's delayed acknowledgement: 40 ms."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def main():
    """Serves until it is told to stop."""
    version = importlib.metadata.version("ministack")
    if version != MINISTACK:
        sys.exit(f"emulator.py is written for MiniStack {MINISTACK}, and {version} is installed: run `make setup`")
    containers_can_fail()
    the_runtime_api_answers_at_once()
    # MiniStack reads its own command line.
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
