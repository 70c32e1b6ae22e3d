"""Services and the targets of their tasks: a task counts when its targets are healthy, and stops when they are drained.

A task of a service without a load balancer, and one whose targets are only records, is not affected by any of this.
"""

import json
import time

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region, json_response, new_uuid, request_scope
from ministack.services import ecs

from emulator.fidelity.ecs import load_balancing, scheduler
from emulator.fidelity.elbv2 import targets
from emulator.mend import wraps
from emulator.time_scale import scaled_start

# How many of a service's events are kept. Source: the API reference of Service, `events`.
_EVENTS = 100


@wraps(ecs, "_record_service_task_healthy")
def a_task_with_an_unhealthy_target_is_not_healthy(record_healthy, key, task):
    """AWS: a deployment is complete when its tasks' targets are healthy.

    MiniStack: when its tasks run.
    """
    if load_balancing.targets_are_healthy(task):
        record_healthy(key, task)


def _tell(target):
    """Tells the scheduler that a target has become healthy, or is unhealthy. The scheduler may wait; the caller not."""
    scope = parse_arn(target.group)

    def tell():
        with request_scope(scope.account_id, scope.region):
            task, reason = load_balancing.task_of(target), target.reason
            if task and not reason:
                key = load_balancing.service_of(task)
                cluster = key.partition("/")[0]
                ecs._schedule_service_deployment_completion(cluster, key, get_account_id(), get_region(), task)
            elif task and target.state == "unhealthy":
                _replace_after_the_grace_period(task, target, reason[1])

    ecs.spawn_background(tell, thread_name="ministack-ecs-target-health")


targets.observers.append(_tell)


def _replace_after_the_grace_period(task, target, reason):
    """Stops a task whose target is unhealthy, as ECS does after the service's grace period. Another one then starts."""
    service = ecs._services.get(load_balancing.service_of(task)) or {}
    grace = scaled_start(float(service.get("healthCheckGracePeriodSeconds") or 0))
    with ecs.resource_lock("ecs-task", task["taskArn"]):
        task["_startup_stable"] = False
    if time.monotonic() < target.registered_at + grace:
        return
    where = f"(target-group {target.group})"
    why = f"(port {target.port}) is unhealthy in {where} due to (reason {reason})"
    if not _stop(task, f"Task failed ELB health checks in {where}", "ServiceSchedulerInitiated"):
        return
    message = f"(service {service['serviceName']}) (task {task['taskArn'].rpartition('/')[2]}) {why}"
    service["events"].insert(0, {"id": new_uuid(), "createdAt": ecs._iso(), "message": message})
    del service["events"][_EVENTS:]
    ecs._record_service_task_failure(task)


def _stop(task, reason, code):
    """Begins to stop a running task; gives whether it was running. Its containers are stopped when it has drained."""
    arn, cluster = task["taskArn"], ecs._cluster_name_from_arn(task["clusterArn"])
    with ecs.resource_lock("ecs-task", arn):
        if not ecs._task_is_active(arn, task) or task["lastStatus"] != "RUNNING":
            return False
        ecs._bump_task_version(task)
        task.update(desiredStatus="STOPPED", lastStatus="DEACTIVATING", stoppingAt=ecs._iso())
        task.update(stoppedReason=reason, stopCode=code)
    # This deregisters it, since it does not run any more.
    ecs._refresh_service_state(cluster, task["group"])
    ecs._recount_cluster(cluster)
    account, region = get_account_id(), get_region()

    def end():
        with request_scope(account, region):
            load_balancing.wait_until_drained(task)
            task["_drained"] = True
            ecs._mark_task_stopped(arn, task, reason, code, exit_code=0)
            ecs._cleanup_task_resources(task, ecs._get_docker())
            _end(load_balancing.service_of(task))

    ecs.spawn_background(end, thread_name="ministack-ecs-drain")
    return True


@wraps(ecs, "_task_is_active")
def a_task_that_has_drained_can_be_stopped(is_active, arn, task):
    """Prepares `a_task_drains_before_it_stops`: MiniStack stops no task that is stopping already."""
    if task.get("_drained") and task.get("lastStatus") == "DEACTIVATING":
        return ecs._tasks.get(arn) is task and not task.get("_ecs_resetting")
    return is_active(arn, task)


@wraps(ecs, "_stop_task", ecs._ACTION_MAP)
def a_task_drains_before_it_stops(stop_task, data):
    """AWS: a task of a service is deregistered first, and DEACTIVATING until the deregistration delay of its target
    groups is over. Then its containers are stopped. So no visitor loses an answer.

    MiniStack: stops its containers at once.
    """
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if task and load_balancing.has_real_targets(task):
        drains = _stop(task, data.get("reason", "Task stopped by user"), "UserInitiated")
        if drains or task["lastStatus"] == "DEACTIVATING":
            return json_response({"task": ecs._sanitize(task)})
    return stop_task(data)


def _is_leaving(key):
    """Whether a task of a service drains."""
    return any(
        task["lastStatus"] == "DEACTIVATING" and load_balancing.service_of(task) == key for task in ecs._tasks.values()
    )


def _end(key):
    """Ends a service that was deleted, when its last task has stopped."""
    with scheduler._scheduler:
        service = ecs._services.get(key)
        if service and service["status"] == "DRAINING" and not _is_leaving(key):
            service["status"] = "INACTIVE"


@wraps(ecs, "_delete_service", ecs._ACTION_MAP)
def a_service_drains_with_its_tasks(delete_service, data):
    """AWS: a deleted service is DRAINING until its tasks have stopped.

    MiniStack: it is INACTIVE at once.
    """
    with scheduler._scheduler:
        answer = delete_service(data)
        if answer[0] != 200:
            return answer
        deleted = json.loads(answer[2])["service"]
        key = f"{ecs._cluster_name_from_arn(deleted['clusterArn'])}/{deleted['serviceName']}"
        if not _is_leaving(key):
            return answer
        ecs._services[key]["status"] = "DRAINING"
        return json_response({"service": ecs._sanitize(ecs._services[key])})
