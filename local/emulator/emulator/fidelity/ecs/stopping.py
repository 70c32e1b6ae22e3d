"""How a task is stopped: its containers get time to end."""

import concurrent.futures
import contextvars
import json
import threading

from docker.errors import NotFound
from ministack.core.concurrency import resource_lock
from ministack.core.responses import get_account_id, get_region, json_response, request_scope
from ministack.services import ecs

from emulator.fidelity.ecs import load_balancing
from emulator.fidelity.ecs.containers import STOP_TIMEOUT
from emulator.mend import wraps

# The task that this thread is ending.
_ending = contextvars.ContextVar("ending", default=None)

# Held while a service that drains is compared with its tasks.
_draining = threading.Lock()


def containers_of(task):
    """The containers of a task, as the engine knows them, by their place in the task."""
    engine = ecs._get_docker()
    for index, identifier in enumerate(task.get("_docker_ids") or ()):
        try:
            yield index, engine.containers.get(identifier)
        except NotFound:
            continue


def is_isolated(task):
    """Whether a container of the task has processes of its own, and so an end to wait for."""
    return any(container.is_isolated for _, container in containers_of(task))


def stop(task, reason, code):
    """Begins to stop a running task; gives whether it was running. It is STOPPED when its containers have ended."""
    arn = task["taskArn"]
    with resource_lock("ecs-task", arn):
        if not ecs._task_is_active(arn, task) or task.get("lastStatus") != "RUNNING":
            return False
        ecs._bump_task_version(task)
        task.update(desiredStatus="STOPPED", lastStatus="DEACTIVATING", stoppingAt=ecs._iso())
        task.update(stoppedReason=reason, stopCode=code)
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    ecs._recount_cluster(cluster)
    ecs._refresh_service_state(cluster, task.get("group", ""))
    ecs.spawn_background(_end, task, reason, code, get_account_id(), get_region(), thread_name="ecs-stop-task")
    return True


def _end(task, reason, code, account, region):
    with request_scope(account, region):
        # AWS: the task is DEACTIVATING until the deregistration delay of its target groups is over. So no visitor loses
        # an answer.
        load_balancing.wait_until_drained(task)
        task["lastStatus"] = "STOPPING"
        definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
        _stop_containers(task, definition.get("containerDefinitions") or [])
        outer = _ending.set(task)
        try:
            ecs._mark_task_stopped(task["taskArn"], task, reason, code)
        finally:
            _ending.reset(outer)
        ecs._cleanup_task_resources(task, ecs._get_docker())
        _finish_draining(task)


def _stop_containers(task, definitions):
    def stop_one(index, container):
        definition = definitions[index] if index < len(definitions) else {}
        container.stop(timeout=definition.get("stopTimeout", STOP_TIMEOUT))
        task["containers"][index]["exitCode"] = container.wait()["StatusCode"]

    found = list(containers_of(task))
    with concurrent.futures.ThreadPoolExecutor(len(found) or 1) as pool:
        list(pool.map(stop_one, *zip(*found, strict=True)) if found else [])


@wraps(ecs, "_task_is_active")
def a_task_that_ends_can_be_marked_as_stopped(is_active, arn, task):
    """Completes `a_task_is_stopped_when_its_containers_have_ended`: `_mark_task_stopped` accepts active tasks only."""
    if _ending.get() is task:
        return ecs._tasks.get(arn) is task and task.get("lastStatus") != "STOPPED"
    return is_active(arn, task)


@wraps(ecs, "_stop_task", ecs._ACTION_MAP)
def a_task_is_stopped_when_its_containers_have_ended(stop_task, data):
    """AWS: StopTask answers at once. The containers get the image's stop signal, and SIGKILL after `stopTimeout`, which
    is 30 seconds if missing. The task is STOPPED, and the exit codes are known, when they have ended.

    MiniStack: calls a task STOPPED before it stops its containers.
    """
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if not task or not (is_isolated(task) or load_balancing.has_real_targets(task)):
        return stop_task(data)
    if (
        not stop(task, data.get("reason") or "Task stopped by user", "UserInitiated")
        and task["desiredStatus"] != "STOPPED"
    ):
        # It has not started completely.
        return stop_task(data)
    return json_response({"task": ecs._sanitize(task)})


def _tasks_that_end(service):
    group = f"service:{service['serviceName']}"
    return [
        task
        for task in ecs._tasks.values()
        if task.get("group") == group
        and task.get("clusterArn") == service["clusterArn"]
        and task.get("desiredStatus") == "STOPPED"
        and task.get("lastStatus") != "STOPPED"
    ]


@wraps(ecs, "_delete_service", ecs._ACTION_MAP)
def a_deleted_service_drains_until_its_tasks_have_ended(delete_service, data):
    """AWS: a deleted service is DRAINING until its tasks have stopped, and then INACTIVE.

    MiniStack: is right for tasks that stop at once. It calls the service INACTIVE while others still run.
    """
    answer = delete_service(data)
    if answer[0] != 200:
        return answer
    name = json.loads(answer[2])["service"]["serviceName"]
    service = ecs._services[f"{ecs._resolve_cluster_name(data.get('cluster', 'default'))}/{name}"]
    with _draining:
        if not _tasks_that_end(service):
            return answer
        service["status"] = "DRAINING"
        return json_response({"service": ecs._sanitize(service)})


def _finish_draining(task):
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    with _draining:
        service = ecs._services.get(f"{cluster}/{task.get('group', '').removeprefix('service:')}")
        if service and service["status"] == "DRAINING" and not _tasks_that_end(service):
            service["status"] = "INACTIVE"
