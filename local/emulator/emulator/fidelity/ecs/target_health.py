"""What follows for a service from the health of its tasks' targets.

A task of a service without a load balancer, and one whose targets are only records, is not affected by any of this.
"""

import time

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import ecs

from emulator.fidelity.ecs import health, load_balancing
from emulator.fidelity.elbv2 import targets
from emulator.time_scale import scaled_start


def _tell(target):
    """Tells the scheduler that a target has become healthy, or is unhealthy. The scheduler may wait; the caller not."""
    scope = parse_arn(target.group)

    def tell():
        with request_scope(scope.account_id, scope.region):
            task, reason = load_balancing.task_of(target), target.reason
            if task and not reason:
                health.readiness_changed(task)
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
    if time.monotonic() >= target.registered_at + grace:
        where = f"(target-group {target.group})"
        event = f"(port {target.port}) is unhealthy in {where} due to (reason {reason})"
        health.replace(task, f"Task failed ELB health checks in {where}", event)
