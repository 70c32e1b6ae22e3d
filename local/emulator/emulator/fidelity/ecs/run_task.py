"""What RunTask refuses."""

import json

from ministack import app
from ministack.core.responses import error_response_json
from ministack.services import ec2, ecs

from emulator.fidelity.ecs.tasks import being_started
from emulator.fidelity.iam import roles
from emulator.fidelity.iam.permissions import PASSED_ROLES
from emulator.mend import wraps

MOST_CHARACTERS_OF_OVERRIDES = 8192


def characters(overrides):
    """The length of overrides, as the request has them. Source: the API reference of RunTask, `overrides`."""
    return len(json.dumps(overrides, ensure_ascii=False, separators=(",", ":")))


def _invalid(message):
    return "InvalidParameterException", message


def _refusal(data, definition):
    """The code and the message with which ECS refuses a request; None if it accepts it."""
    overrides = data.get("overrides") or {}
    if characters(overrides) > MOST_CHARACTERS_OF_OVERRIDES:
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
        return _refusal_of_subnets(data)
    return None


def _refusal_of_subnets(data):
    network = (data.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    if not network.get("subnets"):
        return _invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    for subnet in network["subnets"]:
        if subnet not in ec2._subnets:
            reason = f"The subnet ID '{subnet}' does not exist"
            return _invalid(f"Error retrieving subnet information for [{subnet}]: {reason}")
    return None


@wraps(ecs, "_run_task", ecs._ACTION_MAP)
def run_task_refuses_what_ecs_refuses(run_task, data):
    """AWS: refuses what `_refusal` lists, and roles that tasks may not assume.

    MiniStack: creates a missing cluster, and runs the task.
    """
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition") or "")) or {}
    # MiniStack starts the tasks of a service by this function too. Their request was checked with the service.
    if not str(data.get("group") or "").startswith("service:"):
        refusal = _refusal(data, definition)
        if refusal:
            return error_response_json(*refusal, 400)
        data = {"group": f"family:{definition.get('family')}", **data}
    for role in filter(None, (definition.get(name) for name in PASSED_ROLES)):
        if app.AUTH and not roles.tasks_may_assume(role):
            message = (
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the "
                "role being passed has the proper trust relationship and permissions and that your IAM user has "
                "permissions to pass this role."
            )
            return error_response_json("ClientException", message, 400)
    return run_task(data)


@wraps(ecs, "_attach_started_container")
def a_one_off_task_that_is_only_a_record_has_done_its_work(attach, task, container, *rest):
    """AWS: a task that is no service's ends with its program.

    MiniStack: without a program, there is nothing that ends.
    """
    attached = attach(task, container, *rest)
    started, _ = being_started()
    is_a_record = not (container.is_process or container.is_isolated)
    if attached and is_a_record and str(started.get("group") or "").startswith("family:"):
        container.end(0)
    return attached
