"""Elastic Container Service, as AWS has it."""

import sys

import container_engine
from mend import wraps
from ministack.services import ecs


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
