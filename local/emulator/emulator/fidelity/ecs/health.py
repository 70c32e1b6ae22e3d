"""Health checks of containers, and what follows from a task's health."""

import time

from ministack.core.concurrency import resource_lock
from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import ecs

# Its mend of the same function runs inside the one below.
import emulator.fidelity.ecs.services  # noqa: F401
from emulator.fidelity.ecs import load_balancing, stopping
from emulator.fidelity.ecs.tasks import being_started
from emulator.mend import wraps
from emulator.time_scale import scaled, scaled_start

# Seconds between two checks, at least.
_SHORTEST_INTERVAL = 0.2

_EVENTS_KEPT = 100


def _command(check):
    kind, *words = check.get("command") or ["NONE"]
    return {"CMD": words, "CMD-SHELL": ["/bin/sh", "-c", *words]}.get(kind)


@wraps(ecs, "_attach_started_container")
def a_container_is_checked(attach, task, container, index, *rest):
    """AWS: a container with a health check is UNKNOWN, then HEALTHY or UNHEALTHY, and so is its task.

    MiniStack: checks nothing. Every container is UNKNOWN.

    A container that is only a record is HEALTHY at once, unless it has crashed.
    """
    if not attach(task, container, index, *rest):
        return False
    _, definition = being_started()
    check = definition["containerDefinitions"][index].get("healthCheck") or {}
    if _command(check):
        task["containers"][index]["_is_checked"] = True
        if container.is_isolated:
            where = get_account_id(), get_region()
            ecs.spawn_background(_watch, task, index, container, check, where, thread_name="ecs-health-check")
        elif container.status == "running":
            _note(task, index, "HEALTHY")
    return True


def _watch(task, index, container, check, where):
    """Checks a container as long as its task is meant to run.

    A failure counts once the start period is over, or a check has succeeded.
    """
    interval = max(scaled(check.get("interval", 30)), _SHORTEST_INTERVAL)
    start = time.monotonic() + scaled_start(check.get("startPeriod") or 0)
    failures = 0
    while not container.has_ended(interval) and task.get("desiredStatus") != "STOPPED":
        status = container.execute(_command(check), check.get("timeout", 5))
        if container.has_ended():
            return
        if status == 0:
            failures, start = 0, 0
        elif time.monotonic() >= start:
            failures += 1
        with request_scope(*where):
            if status == 0:
                _note(task, index, "HEALTHY")
            elif failures >= check.get("retries", 3):
                _note(task, index, "UNHEALTHY")


def _note(task, index, status):
    """Notes a container's health, and acts on what it means for the task."""
    with resource_lock("ecs-task", task["taskArn"]):
        before = task["healthStatus"]
        task["containers"][index]["healthStatus"] = status
        task["healthStatus"] = _health_of(task)
        if task["healthStatus"] != before:
            ecs._bump_task_version(task)
    if task["healthStatus"] == "UNHEALTHY":
        replace(task, "Task failed container health checks", "failed container health checks")
    elif task["healthStatus"] != before:
        readiness_changed(task)


def _health_of(task):
    """The health of a task is that of its essential containers that have a check."""
    essential = task.get("_container_essentials") or []
    found = {
        container["healthStatus"]
        for container, counts in zip(task["containers"], essential, strict=False)
        if counts and container.get("_is_checked")
    }
    return next((status for status in ("UNHEALTHY", "UNKNOWN") if status in found), "HEALTHY" if found else "UNKNOWN")


def task_is_ready(task):
    """Whether a running task counts for its deployment: it and its targets are healthy, as far as that is checked."""
    checked = any(container.get("_is_checked") for container in task.get("containers") or [])
    return (not checked or task["healthStatus"] == "HEALTHY") and load_balancing.targets_are_healthy(task)


def _service_of(task):
    """The cluster's name, and the key of the service that a task belongs to; None if it belongs to none."""
    cluster, group = ecs._cluster_name_from_arn(task["clusterArn"]), task.get("group", "")
    return cluster, f"{cluster}/{group.removeprefix('service:')}" if group.startswith("service:") else None


def readiness_changed(task):
    """Looks again whether the deployment of a running task is complete: `task_is_ready` may answer differently now."""
    cluster, service = _service_of(task)
    if service and task.get("lastStatus") == "RUNNING":
        ecs._schedule_service_deployment_completion(cluster, service, get_account_id(), get_region(), healthy_task=task)


def replace(task, reason, event):
    """AWS: stops a service's task that is not healthy and starts another one. It is a failure of the deployment.

    A task that belongs to no service goes on. Source: the ECS guide, "Determine task health using container health
    checks".
    """
    _, key = _service_of(task)
    if not key or not stopping.stop(task, reason, "ServiceSchedulerInitiated"):
        return
    service = ecs._services.get(key)
    if service:
        message = f"(service {service['serviceName']}) (task {task['taskArn'].rpartition('/')[2]}) {event}."
        service["events"].insert(0, {"id": new_uuid(), "createdAt": ecs._iso(), "message": message})
        del service["events"][_EVENTS_KEPT:]
    ecs._record_service_task_failure(task)


@wraps(ecs, "_record_service_task_healthy")
def a_deployment_needs_healthy_tasks(record_healthy, service, task):
    """AWS: a deployment is complete when its tasks are healthy, those that have a health check, and their targets too.

    MiniStack: it is complete when they run.
    """
    if task_is_ready(task):
        record_healthy(service, task)
