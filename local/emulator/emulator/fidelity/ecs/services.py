"""Services and their deployments."""

import json

from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ecs

from emulator.fidelity.elbv2.changes import has_a_load_balancer
from emulator.mend import wraps


@wraps(ecs, "_make_deployment")
def a_first_deployment_is_in_progress(make_deployment, task_definition, desired_count, status="PRIMARY"):
    """AWS: a service's first deployment is IN_PROGRESS until its tasks run.

    MiniStack: it is COMPLETED from the start.
    """
    deployment = make_deployment(task_definition, desired_count, status=status)
    if desired_count > 0:
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
    return deployment


@wraps(ecs, "_create_service", ecs._ACTION_MAP)
def a_service_needs_what_it_names(create_service, data):
    """AWS: refuses a service whose task definition is deregistered, whose target group no load balancer forwards to, or
    whose name another service has that is still draining.

    MiniStack: creates it.
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
        if group and not has_a_load_balancer(group):
            reason = f"The target group with targetGroupArn {group} does not have an associated load balancer."
            return error_response_json("InvalidParameterException", reason, 400)
    return create_service(data)


@wraps(ecs, "_update_service", ecs._ACTION_MAP)
def a_deployment_completes_when_fewer_tasks_are_wanted(update_service, data):
    """AWS: a deployment is complete once the desired number of tasks runs, also when that number was lowered meanwhile.

    MiniStack: checks whether it is complete only after a task has started.
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
    """AWS: a task whose container exits right after its start has failed.

    MiniStack: counts it as started if it has not yet noticed the exit.
    """
    ecs._maybe_mark_stopped(task)
    record_healthy(service, task)
