"""The targets as which a service registers its tasks."""

from ministack.services import alb, ecs

from emulator.fidelity.elbv2 import targets


def service_of(task):
    """The key of a task's service; None if it has none."""
    cluster, group = ecs._cluster_name_from_arn(task.get("clusterArn", "")), task.get("group", "")
    return f"{cluster}/{group.removeprefix('service:')}" if group.startswith("service:") else None


def _places_of(task):
    """Where a task is registered: triples of a target group's ARN, an address and a port.

    A target group that is gone has no targets.
    """
    service, address = ecs._services.get(service_of(task)) or {}, ecs._task_ip(task)
    for balancer in service.get("loadBalancers") or []:
        arn = balancer.get("targetGroupArn")
        if address and arn in alb._tgs:
            yield arn, address, int(balancer.get("containerPort") or 80)


def targets_are_healthy(task):
    """Whether a task's targets are healthy, in every target group of its service."""
    found = [targets.find(*place) for place in _places_of(task)]
    return all(target and target.state == "healthy" for target in found)


def has_real_targets(task):
    """Whether visitors' requests may be on their way to a task."""
    return any(targets.is_real(address) for _, address, _ in _places_of(task))


def wait_until_drained(task):
    """Waits until the targets of a task that was deregistered have been drained."""
    for arn, address, port in _places_of(task):
        at_its_place = [each for each in targets.of_group(arn) if (each.address, each.port) == (address, port)]
        targets.wait_until_drained(at_its_place)


def task_of(target):
    """The task that is registered as a target; None if a service has none there."""
    for task in ecs._tasks.values():
        if task.get("lastStatus") == "RUNNING" and ecs._task_ip(task) == target.address and service_of(task):
            return task
    return None
