"""RunTask of ECS, and how Step Functions calls it."""

import contextvars
import json
import time
from datetime import datetime

from ministack import app
from ministack.core.responses import error_response_json, get_account_id, get_region, new_uuid
from ministack.services import ec2, ecs
from ministack.services import stepfunctions as sfn

from emulator.fidelity.iam import permissions, roles
from emulator.fidelity.stepfunctions import state_machines
from emulator.mend import wraps

MOST_CHARACTERS_OF_OVERRIDES = 8192
_MANAGED_RULE = "StepFunctionsGetEventsForECSTaskRule"
_SECONDS_BETWEEN_LOOKS = 0.02

# When the state times out whose task is run here.
_deadline = contextvars.ContextVar("deadline", default=None)


def _characters(overrides):
    """As the request has them. Source: the API reference of RunTask, `overrides`."""
    return len(json.dumps(overrides, ensure_ascii=False, separators=(",", ":")))


def _invalid(message):
    return "InvalidParameterException", message


def _refusal(data, definition):
    """What ECS refuses a request with: code and message."""
    overrides = data.get("overrides") or {}
    if _characters(overrides) > MOST_CHARACTERS_OF_OVERRIDES:
        return _invalid(f"Container Overrides length must be at most {MOST_CHARACTERS_OF_OVERRIDES}")
    if ecs._resolve_cluster_name(data.get("cluster") or "default") not in ecs._clusters:
        return "ClusterNotFoundException", "Cluster not found."
    if definition.get("status") == "INACTIVE":
        return "ClientException", "TaskDefinition is inactive"
    names = [container["name"] for container in definition.get("containerDefinitions") or []]
    for name in (override.get("name") for override in overrides.get("containerOverrides") or []):
        if definition and name not in names:
            return _invalid(f"Override for container named {name} is not a container in the TaskDefinition.")
    if definition.get("networkMode") == "awsvpc":
        network = (data.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        if not network.get("subnets"):
            return _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
        for subnet in network["subnets"]:
            if subnet not in ec2._subnets:
                why = f"The subnet ID '{subnet}' does not exist"
                return _invalid(f"Error retrieving subnet information for [{subnet}]: {why}")
    return None


@wraps(ecs, "_run_task", ecs._ACTION_MAP)
def run_task_refuses_what_ecs_refuses(run_task, data):
    """AWS: refuses overrides that are too long, a cluster that is not there, and what else `_refusal` has. MiniStack:
    makes the cluster, and runs the task.
    """
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition") or "")) or {}
    # A service's request was looked at when the service was made.
    if not str(data.get("group") or "").startswith("service:"):
        refusal = _refusal(data, definition)
        if refusal:
            return error_response_json(*refusal, 400)
        data = {"group": f"family:{definition.get('family')}", **data}
    for role in filter(None, (definition.get(name) for name in permissions._PASSED_ROLES)):
        if app.AUTH and not roles.tasks_may_assume(role):
            message = (
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the "
                "role being passed has the proper trust relationship and permissions and that your IAM user has "
                "permissions to pass this role."
            )
            return error_response_json("ClientException", message, 400)
    return run_task(data)


def _pascal(value, name=""):
    """An answer of ECS as Step Functions gives it: PascalCase, and times in milliseconds."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_pascal(item) for item in value]
    if name in ecs._ECS_TIMESTAMP_FIELDS and isinstance(value, str):
        return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
    return value


def _described(task):
    """A task in the result and in the cause of a failure."""
    task = _pascal(task)
    if task.get("LaunchType") == "FARGATE":
        task.pop("ContainerInstanceArn", None)
    given = {override.get("Name"): override for override in task.get("Overrides", {}).get("ContainerOverrides", [])}
    empty = {"Command": [], "Environment": [], "EnvironmentFiles": [], "ResourceRequirements": []}
    overrides = [{**empty, "Name": one["Name"], **given.get(one["Name"], {})} for one in task["Containers"]]
    task["Overrides"] = {
        "InferenceAcceleratorOverrides": [],
        **task.get("Overrides", {}),
        "ContainerOverrides": overrides,
    }
    return task


def _error(code, message):
    details = f"Service: AmazonECS; Status Code: 400; Error Code: {code}; Request ID: {new_uuid()}; Proxy: null"
    return sfn._ExecutionError(f"ECS.{code}", f"{message} ({details})")


def _permissions(request, waits):
    """What the role of the state machine must be allowed: action, ARN and condition keys. Source: the Step Functions
    guide, "IAM policies for calling Amazon ECS".
    """
    region, account = get_region(), get_account_id()
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]
    keys = {"ecs:cluster": f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"}
    for arn in permissions._resources("ecs:RunTask", request, region, account):
        yield "ecs:RunTask", arn, keys
    if request.get("tags"):
        yield *permissions._tagging("ecs:RunTask", request, region, account), {**keys, "ecs:CreateAction": "RunTask"}
    for role in permissions._passed_roles("ecs:RunTask", request):
        yield "iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    if waits:
        for action in ("ecs:DescribeTasks", "ecs:StopTask"):
            yield action, f"arn:aws:ecs:{region}:{account}:task/{cluster}/{permissions._ANY_ID}", keys
        for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
            yield action, f"arn:aws:events:{region}:{account}:rule/{_MANAGED_RULE}", {}


@wraps(sfn, "_invoke_resource_with_timeout")
def a_task_is_stopped_when_its_state_times_out(invoke, resource, arguments, timeout):
    """AWS: a state that times out stops the task that it waits for. MiniStack: lets it run on."""
    outer = _deadline.set(time.monotonic() + timeout)
    try:
        return invoke(resource, arguments, timeout)
    finally:
        _deadline.reset(outer)


def _wait(task_arn, cluster, execution):
    """Gives the task when it has stopped. Stops it when nobody waits for it any more."""
    deadline = _deadline.get()
    while True:
        _, _, body = ecs._describe_tasks({"cluster": cluster, "tasks": [task_arn]})
        tasks = json.loads(body).get("tasks")
        if not tasks:
            raise sfn._ExecutionError("States.TaskFailed", f"Task {task_arn} is not there any more")
        if tasks[0]["lastStatus"] == "STOPPED":
            return tasks[0]
        if (execution and execution["status"] != "RUNNING") or (deadline and time.monotonic() > deadline):
            ecs._stop_task({"cluster": cluster, "task": task_arn, "reason": "Task stopped by AWS Step Functions"})
        else:
            time.sleep(_SECONDS_BETWEEN_LOOKS)


@wraps(sfn, "_invoke_ecs_run_task", sfn._SERVICE_DISPATCH)
def a_state_runs_a_task(_invoke, resource, arguments):
    """AWS: a state runs a task as its state machine's role, gives the one task in PascalCase when it has stopped, and
    fails when an essential container failed or the task did not start. Errors have the service's names. MiniStack:
    gives ECS's answer as it is, whatever became of the task, and looks once a second.
    """
    execution = state_machines._task_of.get()
    waits = resource.endswith(".sync")
    request = sfn._pascal_to_camel(arguments)
    request.setdefault("startedBy", "AWS Step Functions")
    if execution:
        for permission in _permissions(request, waits):
            denied = state_machines.refusal(execution, *permission)
            if denied:
                raise _error("AccessDeniedException", denied)
    status, _, body = ecs._run_task(request)
    answer = json.loads(body)
    if status >= 400:
        raise _error(answer["__type"].rpartition("#")[2], answer["message"])
    if not waits:
        return {"Failures": _pascal(answer["failures"]), "Tasks": [_described(task) for task in answer["tasks"]]}
    if answer["failures"] or not answer["tasks"]:
        raise sfn._ExecutionError("AmazonECS.Unknown", json.dumps(_pascal(answer)))
    task = _wait(answer["tasks"][0]["taskArn"], request.get("cluster") or "default", execution)
    definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
    sidecars = {one["name"] for one in definition.get("containerDefinitions") or [] if not one.get("essential", True)}
    described = _described(task)
    failed = any(one.get("exitCode") != 0 for one in task["containers"] if one["name"] not in sidecars)
    # An execution that was aborted does not fail any more.
    if failed and (not execution or execution["status"] == "RUNNING"):
        raise sfn._ExecutionError("States.TaskFailed", json.dumps(described))
    return described
