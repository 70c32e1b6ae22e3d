"""Elastic Container Service, as AWS has it."""

import json

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ecs

from emulator.fidelity.elbv2 import changes
from emulator.mend import wraps


@wraps(ecs, "_make_deployment")
def a_first_deployment_is_in_progress(make_deployment, task_definition, desired_count, status="PRIMARY"):
    """AWS: a service's first deployment is IN_PROGRESS until its tasks run. MiniStack: COMPLETED from the start."""
    deployment = make_deployment(task_definition, desired_count, status=status)
    if desired_count > 0:
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
    return deployment


@wraps(ecs, "_create_service", ecs._ACTION_MAP)
def a_service_is_made_of_what_there_is(create_service, data):
    """AWS: refuses a task definition that is deregistered, a target group that no load balancer forwards to, and the name
    of a service that drains. MiniStack: takes them.
    """
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    if ecs._services.get(f"{cluster}/{data.get('serviceName')}", {}).get("status") == "DRAINING":
        reason = "Unable to Start a service that is still Draining."
        return error_response_json("InvalidParameterException", reason, 400)
    definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", "")))
    if definition and definition.get("status") == "INACTIVE":
        return error_response_json("ClientException", "TaskDefinition is inactive", 400)
    for balancer in data.get("loadBalancers") or []:
        group = balancer.get("targetGroupArn")
        if group and not changes.has_a_load_balancer(group):
            reason = f"The target group with targetGroupArn {group} does not have an associated load balancer."
            return error_response_json("InvalidParameterException", reason, 400)
    return create_service(data)


@wraps(ecs, "_update_service", ecs._ACTION_MAP)
def a_deployment_of_fewer_tasks_is_completed(update_service, data):
    """AWS: a deployment is complete once its tasks run, also when fewer of them are wanted meanwhile. MiniStack: looks
    only after a task has started.
    """
    answer = update_service(data)
    if answer[0] == 200:
        service = json.loads(answer[2])["service"]
        cluster = service["clusterArn"].rpartition("/")[2]
        key = f"{cluster}/{service['serviceName']}"
        ecs._schedule_service_deployment_completion(cluster, key, get_account_id(), get_region())
    return answer


@wraps(ecs, "_record_service_task_healthy")
def a_task_that_has_ended_is_not_healthy(record_healthy, service, task):
    """AWS: a task whose container exits right after its start has failed. MiniStack: counts it as started when it has
    not looked at the container meanwhile.
    """
    ecs._maybe_mark_stopped(task)
    record_healthy(service, task)
