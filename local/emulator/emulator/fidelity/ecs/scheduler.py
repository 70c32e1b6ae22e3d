"""How ECS starts the tasks of a service, above all when they fail, and forgets them."""

import collections
import threading
import time

from ministack.services import ecs

from emulator.fidelity.ecs import services  # noqa: F401  (its mends run inside the lock below)
from emulator.mend import wraps

# Seconds from a task's failure to the next start, which double with each failure of its deployment, at most so often.
FIRST_DELAY, DOUBLINGS = 0.05, 5

# For how many seconds a task that has stopped can be seen.
KEPT = 120

# AWS: one scheduler. MiniStack: threads look at the tasks and act on what they saw at the same time, so that two start
# the one task that is missing, or the older count of running tasks is written last.
_scheduler = threading.RLock()


@wraps(ecs, "_reconcile_service_tasks")
def tasks_start_and_stop_one_after_the_other(reconcile, cluster, service):
    with _scheduler:
        reconcile(cluster, service)


@wraps(ecs, "_refresh_service_state")
def tasks_are_counted_one_after_the_other(refresh, cluster, group):
    with _scheduler:
        refresh(cluster, group)


@wraps(ecs, "_update_service", ecs._ACTION_MAP)
def a_service_is_updated_as_a_whole(update_service, data):
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
    """AWS: waits longer and longer before it starts another task in the place of one that failed, and gives the room
    that a failed one left to the deployment that is wanted now. MiniStack: starts more than a hundred a second, which
    leaves it no time for anything else; and a deployment that found no room, since tasks of a failing one before it
    were still starting, never gets a task.
    """
    key, deployment = _service_of(task)
    with _scheduler:
        failures = deployment["_failures"] = deployment.get("_failures", -1) + 1
        deployment["_not_before"] = time.monotonic() + FIRST_DELAY * 2 ** min(failures, DOUBLINGS)
    record_failure(task, digest_resolution_failed)
    _reconcile(key)


@wraps(ecs, "_run_task", ecs._ACTION_MAP)
def a_task_starts_after_its_delay(run_task, data):
    """Completes the mend above. Nothing else of a service waits: tasks that are not wanted end at once."""
    key = f"{data.get('cluster')}/{data.get('group', '').removeprefix('service:')}"
    deployments = ecs._services.get(key, {}).get("deployments", [])
    deployment = next((each for each in deployments if each["id"] == data.get("_deploymentId")), {})
    delay = deployment.get("_not_before", 0) - time.monotonic()
    if delay <= 0:
        return run_task(data)

    def start():
        time.sleep(delay)
        deployment["_is_delayed"] = False
        _reconcile(key)

    if not deployment.get("_is_delayed"):
        deployment["_is_delayed"] = True
        ecs.spawn_background(start, thread_name="ministack-ecs-delayed-start")
    return None


_stopped, _forgetting = collections.deque(), threading.Lock()


@wraps(ecs, "_mark_task_stopped")
def a_stopped_task_is_forgotten(mark_stopped, arn, *arguments, **named):
    """AWS: after an hour. MiniStack: never, and as it goes through all tasks for each that starts or stops, it becomes
    slower and slower.
    """
    outcome = mark_stopped(arn, *arguments, **named)
    with _forgetting:
        now = time.monotonic()
        _stopped.append((now, ecs._tasks._scoped(arn)))
        while _stopped[0][0] < now - KEPT:
            ecs._tasks._data.pop(_stopped.popleft()[1], None)
    return outcome
