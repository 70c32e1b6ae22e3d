"""The scheduler, which starts the tasks of a service and stops those that are too many."""

import threading
import time

from ministack.services import ecs

# Their mends of RunTask and UpdateService run inside those below.
import emulator.fidelity.ecs.run_task
import emulator.fidelity.ecs.services  # noqa: F401
from emulator.fidelity.ecs import health
from emulator.mend import wraps

# Seconds between the failure of a task and the next start. Each further failure of the deployment doubles them, up to
# `DOUBLINGS` times.
FIRST_DELAY, DOUBLINGS = 0.05, 5

# Held by every thread that compares a service with its tasks and acts on the result.
_scheduler = threading.RLock()


@wraps(ecs, "_reconcile_service_tasks")
def one_thread_at_a_time_starts_and_stops_tasks(reconcile, cluster, service):
    """AWS: has one scheduler.

    MiniStack: has many threads that look at the tasks and act on what they saw, so that two of them may both start the
    one task that is missing.
    """
    with _scheduler:
        reconcile(cluster, service)


@wraps(ecs, "_refresh_service_state")
def one_thread_at_a_time_counts_tasks(refresh, cluster, group):
    """AWS: has one scheduler.

    MiniStack: has many threads that count the running tasks, so that an old count may be written after a newer one.
    """
    with _scheduler:
        refresh(cluster, group)


@wraps(ecs, "_update_service", ecs._ACTION_MAP)
def tasks_neither_start_nor_stop_during_an_update(update_service, data):
    """AWS: the scheduler sees a service before an update or after it.

    MiniStack: its threads may see a service that is half updated.
    """
    with _scheduler:
        return update_service(data)


def _service_of(task):
    """The key of the service that a task belongs to, and the task's deployment."""
    cluster = ecs._cluster_name_from_arn(task.get("clusterArn", ""))
    key = f"{cluster}/{task.get('group', '').removeprefix('service:')}"
    return key, ecs._deployment_for_task(ecs._services.get(key, {}), task) or {}


def _reconcile(key):
    ecs._reconcile_service_tasks(key.partition("/")[0], key)


@wraps(ecs, "_record_service_task_failure")
def a_failure_delays_the_next_start(record_failure, task, digest_resolution_failed=False):
    """AWS: waits longer after each failed task before it starts another one. When a newer deployment wants the place of
    a failed task, it gets that place.

    MiniStack: starts more than a hundred tasks a second, which leaves no time for anything else. A newer deployment
    that found no place, since tasks of the failing one were still starting, never gets one.
    """
    key, deployment = _service_of(task)
    with _scheduler:
        failures = deployment["_failures"] = deployment.get("_failures", -1) + 1
        deployment["_not_before"] = time.monotonic() + FIRST_DELAY * 2 ** min(failures, DOUBLINGS)
    record_failure(task, digest_resolution_failed)
    _reconcile(key)


@wraps(ecs, "_run_task", ecs._ACTION_MAP)
def a_task_starts_after_the_delay(run_task, data):
    """Completes `a_failure_delays_the_next_start`: no task of the deployment starts before its delay is over.

    Other deployments of the service do not wait.
    """
    key = f"{data.get('cluster')}/{data.get('group', '').removeprefix('service:')}"
    deployments = ecs._services.get(key, {}).get("deployments", [])
    deployment = next((each for each in deployments if each["id"] == data.get("_deploymentId")), {})
    delay = deployment.get("_not_before", 0) - time.monotonic()
    if delay <= 0:
        return run_task(data)

    def start():
        time.sleep(delay)
        deployment["_is_delayed"] = False
        # Starts the task, unless it is not wanted any more.
        _reconcile(key)

    if not deployment.get("_is_delayed"):
        deployment["_is_delayed"] = True
        ecs.spawn_background(start, thread_name="ministack-ecs-delayed-start")
    return None


@wraps(ecs, "_stop_task", ecs._ACTION_MAP)
def room_is_made_by_tasks_that_are_not_healthy(stop_task, data):
    """AWS: only healthy tasks count for `minimumHealthyPercent`. So a deployment that needs room under `maximumPercent`
    gets that of tasks that are not healthy, those of a failing deployment for example. Source: the API reference of
    ECS, DeploymentConfiguration.

    MiniStack: counts the tasks that run, and stops the oldest ones, though they may be the only ones that serve.
    """
    if data.get("reason") == "Deployment capacity limit":
        old = _tasks_of_older_deployments(ecs._tasks[data["task"]])
        # The order of the others stays.
        data = {**data, "task": min(old, key=health.task_is_ready)["taskArn"]}
    return stop_task(data)


def _tasks_of_older_deployments(task):
    """The tasks of a task's service that are older than its present deployment, and that nobody has begun to stop."""
    service = ecs._services[_service_of(task)[0]]
    primary = ecs._primary_deployment(service)
    return [
        each
        for each in ecs._tasks.values()
        if each.get("group") == task["group"]
        and each.get("clusterArn") == task["clusterArn"]
        and each.get("lastStatus") in ecs._PRE_STOP_STATUSES
        and ecs._deployment_for_task(service, each) is not primary
    ]
