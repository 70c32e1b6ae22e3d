"""How a Task state runs a task of ECS."""

import contextvars
import json
import time
from datetime import datetime

from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs
from ministack.services import stepfunctions as sfn

from emulator.fidelity.iam import permissions
from emulator.fidelity.stepfunctions.context import task_of
from emulator.fidelity.stepfunctions.task_states import refusal
from emulator.mend import wraps

# The rule by which Step Functions learns that a task has stopped.
_MANAGED_RULE = "StepFunctionsGetEventsForECSTaskRule"
_SECONDS_BETWEEN_CHECKS = 0.02

# When the state that this thread carries out times out, as `time.monotonic` has it.
_deadline = contextvars.ContextVar("deadline", default=None)


def _pascal(value, name=""):
    """An answer of ECS in the form that Step Functions gives it: in PascalCase, and with times in milliseconds."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_pascal(item) for item in value]
    if name in ecs._ECS_TIMESTAMP_FIELDS and isinstance(value, str):
        return int(datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp() * 1000)
    return value


def _described(task):
    """A task in the form that a state's result and the cause of a failure have."""
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
    """The permissions that the state machine's role needs: action, ARN and condition keys.

    Source: the Step Functions guide, "IAM policies for calling Amazon ECS".
    """
    region, account = get_region(), get_account_id()
    cluster = str(request.get("cluster") or "default").rpartition("/")[2]
    keys = {"ecs:cluster": f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"}
    for arn in permissions.resources("ecs:RunTask", request, region, account):
        yield "ecs:RunTask", arn, keys
    if request.get("tags"):
        yield *permissions.tagging("ecs:RunTask", request, region, account), {**keys, "ecs:CreateAction": "RunTask"}
    for role in permissions.passed_roles("ecs:RunTask", request):
        yield "iam:PassRole", role, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    if waits:
        for action in ("ecs:DescribeTasks", "ecs:StopTask"):
            yield action, f"arn:aws:ecs:{region}:{account}:task/{cluster}/{permissions.ANY_ID}", keys
        for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule"):
            yield action, f"arn:aws:events:{region}:{account}:rule/{_MANAGED_RULE}", {}


@wraps(sfn, "_invoke_resource_with_timeout")
def a_task_is_stopped_when_its_state_times_out(invoke, resource, arguments, timeout):
    """AWS: a state that times out stops the task that it waits for.

    MiniStack: lets the task run on.
    """
    outer = _deadline.set(time.monotonic() + timeout)
    try:
        return invoke(resource, arguments, timeout)
    finally:
        _deadline.reset(outer)


def _wait(task_arn, cluster, execution):
    """Waits until a task has stopped, and gives it. Stops it when the state or the execution ends before."""
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
            time.sleep(_SECONDS_BETWEEN_CHECKS)


@wraps(sfn, "_invoke_ecs_run_task", sfn._SERVICE_DISPATCH)
def a_state_runs_a_task(_invoke, resource, arguments):
    """AWS: runs the task with the permissions of the state machine's role. The result is the one task, in PascalCase,
    when it has stopped. The state fails when an essential container failed or the task did not start. Errors of ECS
    begin with `ECS.`.

    MiniStack: gives ECS's answer unchanged, whatever became of the task, and checks once a second.
    """
    execution = task_of.get()
    waits = resource.endswith(".sync")
    request = sfn._pascal_to_camel(arguments)
    request.setdefault("startedBy", "AWS Step Functions")
    if execution:
        for permission in _permissions(request, waits):
            denied = refusal(execution, *permission)
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
    # An execution that was aborted stays so.
    if failed and (not execution or execution["status"] == "RUNNING"):
        raise sfn._ExecutionError("States.TaskFailed", json.dumps(described))
    return described
