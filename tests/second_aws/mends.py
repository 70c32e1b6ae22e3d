"""What moto's ECS does otherwise than AWS, and the functions rely on. Imported once, it holds for the process."""

import functools
import uuid

from moto.core.utils import utcnow
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend

_create_service = EC2ContainerServiceBackend.create_service


@functools.wraps(_create_service)
def _a_service_is_created_once(self, cluster_str, service_name, *arguments, **named):
    """On AWS, a name belongs to one service for as long as that runs or drains.

    moto forgets the first one.
    """
    known = self.services.get(f"{self._get_cluster(cluster_str).name}:{service_name}")
    if known and known.status != "INACTIVE":
        raise InvalidParameterException("Creation of service was not idempotent.")
    return _create_service(self, cluster_str, service_name, *arguments, **named)


EC2ContainerServiceBackend.create_service = _a_service_is_created_once


_update_service = EC2ContainerServiceBackend.update_service


@functools.wraps(_update_service)
def _update_starts_a_deployment(self, service_properties):
    """On AWS, a new revision or a forced deployment is a new deployment, beside the one that it replaces.

    moto keeps the deployment that it has, with the old revision in it.
    """
    forced = service_properties.get("force_new_deployment")
    before = self._get_service(service_properties["cluster"], service_properties["service"])
    revision, running = before.task_definition, before.running_count
    [previous] = [dict(deployment) for deployment in before.deployments if deployment["status"] == "PRIMARY"]
    service = _update_service(self, service_properties)
    if service.task_definition == revision and not forced:
        return service
    identifier = f"ecs-svc/{uuid.uuid4().int % 10**19:019}"
    started = {
        "id": identifier,
        "taskDefinition": service.task_definition,
        "createdAt": utcnow(),
        "updatedAt": utcnow(),
        "desiredCount": service.desired_count,
        "runningCount": 0,
        "pendingCount": service.desired_count,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {identifier} in progress.",
    }
    service.running_count = running
    service.deployments = [previous | started, previous | {"status": "ACTIVE"}]
    return service


EC2ContainerServiceBackend.update_service = _update_starts_a_deployment


_delete_service = EC2ContainerServiceBackend.delete_service


@functools.wraps(_delete_service)
def _a_deleted_service_drains(self, cluster_name, service_name, force):
    """On AWS, a deleted service drains for as long as its tasks stop.

    moto says at once that it is inactive.
    """
    service = _delete_service(self, cluster_name, service_name, force)
    service.status = "DRAINING"
    return service


EC2ContainerServiceBackend.delete_service = _a_deleted_service_drains


def _no_requirements(_definition):
    """On AWS, a container of Fargate may have no memory of its own: the task has it.

    moto adds up the containers' memory, and fails where there is none. Only tasks on instances need the sum.
    """
    return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}


EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(_no_requirements)
