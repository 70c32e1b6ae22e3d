"""How a task on Fargate starts and ends: its secrets, its log, and what its containers are told."""

import contextvars
import os
import urllib.parse

from docker.errors import ImageNotFound
from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import cloudwatch_logs, ecs, secretsmanager
from ministack.services.cloudformation import provisioners

from emulator.fidelity.ecs import container_engine
from emulator.fidelity.iam import roles
from emulator.mend import wraps

# The task that this thread is starting, and its definition.
_starting = contextvars.ContextVar("starting", default=({}, {}))


def being_started():
    """The task that this thread is starting, and its definition."""
    return _starting.get()


class StartError(Exception):
    """Why a task cannot start: the reason that ECS gives for its end."""


def _id(task):
    return task.get("taskArn", "").rpartition("/")[2]


def _error(action, code):
    service = {"logs": "CloudWatch Logs", "secretsmanager": "Secrets Manager"}[action.partition(":")[0]]
    operation = f"{service}: {action.partition(':')[2]}"
    return f"operation error {operation}, https response error StatusCode: 400, RequestID: {new_uuid()}, {code}"


def _refusal(action, arn):
    """Why the execution role of the task that is being started may not do `action`; None if it may."""
    task, definition = _starting.get()
    role = definition.get("executionRoleArn")
    why = roles.denial(role, _id(task), action, arn) if role else "the task definition has no execution role"
    return why and _error(action, f"api error AccessDeniedException: {why}")


@wraps(provisioners, "_normalize_container_defs")
def a_template_may_give_a_container_secrets(normalize, containers):
    """AWS: CloudFormation takes over the secrets of a container.

    MiniStack: keeps their keys in the template's PascalCase, so that ECS does not find them.
    """
    normalized = normalize(containers)
    for container in normalized:
        if container.get("secrets"):
            container["secrets"] = [
                {provisioners._cfn_to_camel(key): value for key, value in secret.items()}
                for secret in container["secrets"]
            ]
    return normalized


@wraps(ecs, "_start_task_worker")
def a_task_that_lacks_its_log_or_volumes_does_not_start(start, task, definition, overrides, engine):
    """AWS: stops the task before its containers start.

    MiniStack: runs it, and drops what it writes.
    """
    outer = _starting.set((task, definition))
    try:
        start(task, definition, overrides, engine)
    except StartError as error:
        ecs._fail_task_start(task, engine, str(error))
    finally:
        _starting.reset(outer)


@wraps(ecs, "_resolve_container_secrets")
def the_execution_role_reads_the_secrets(resolve, container):
    """AWS: a container's secrets are read with the permissions of the task's execution role.

    MiniStack: reads them without asking for permission.
    """
    for secret in container.get("secrets") or []:
        asked = ":".join(secret.get("valueFrom", "").split(":")[:7])
        if ":secretsmanager:" not in asked:
            continue
        _, found = secretsmanager._resolve(asked, use_arn_scope=True)
        refused = _refusal("secretsmanager:GetSecretValue", (found or {}).get("ARN", asked))
        if refused:
            raise ecs._SecretResolutionError(
                "unable to retrieve secret from asm: service call has been retried 1 time(s): "
                f"failed to fetch secret {asked} from secrets manager: {refused}"
            )
    return resolve(container)


@wraps(ecs, "_register_metadata")
def a_container_is_told_where_it_runs(register, task, cluster, definition, container, launch_type, variables, *_rest):
    """AWS: a container's environment tells it the region and, if its task has a role, where to get credentials.

    MiniStack: gives addresses that are good inside a Docker container. Here a container is a local process. It must
    also be told where AWS is emulated, and must not look for this machine's own credentials.
    """
    given = dict(variables)
    token = register(task, cluster, definition, container, launch_type, variables, True, None)
    metadata = variables["ECS_CONTAINER_METADATA_URI_V4"]
    here = "http://" + urllib.parse.urlsplit(metadata).netloc
    variables.clear()
    variables.update(
        AWS_DEFAULT_REGION=get_region(),
        AWS_EC2_METADATA_DISABLED="true",
        # In a container, `localhost` may be the container itself.
        AWS_ENDPOINT_URL=os.environ.get("AWS_ENDPOINT_URL", here).replace("//localhost", "//127.0.0.1"),
        AWS_EXECUTION_ENV="AWS_ECS_FARGATE",
        AWS_REGION=get_region(),
    )
    variables.update(given)
    variables["ECS_CONTAINER_METADATA_URI_V4"] = metadata
    if definition.get("taskRoleArn"):
        # AWS gives a path only. Its host is an address that only containers reach.
        path = roles.credentials_path(definition["taskRoleArn"], task.rpartition("/")[2])
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = here + path
    return token


@wraps(ecs, "_cleanup_task_resources")
def a_task_that_has_ended_gets_no_more_credentials(clean_up, task, *rest):
    """Completes `a_container_is_told_where_it_runs`: the credentials are given out as long as the task runs."""
    roles.forget(_id(task))
    clean_up(task, *rest)


def _log(container, task):
    """The function that writes a line to the container's log; None if the container has no log."""
    config = ecs._awslogs_config(container, task, task)
    if not config:
        return None
    account, region = get_account_id(), config["region"] or get_region()
    group, stream = config["group"], config["stream"]
    arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:"
    with request_scope(account, region):
        # Without PutLogEvents, AWS would start the task and lose its output. Here it does not start, so that a test
        # notices the missing permission.
        failed = _refusal("logs:CreateLogStream", arn) or _refusal("logs:PutLogEvents", arn + stream)
        if not failed and not (group in cloudwatch_logs._log_groups or config["create_group"]):
            missing = "ResourceNotFoundException: The specified log group does not exist."
            failed = _error("logs:CreateLogStream", missing)
        if failed:
            reason = f"create stream has been retried 1 times: failed to create Cloudwatch log stream: {failed}"
            raise StartError(f"ResourceInitializationError: failed to validate logger args: {reason} : exit status 1")
        ecs._ensure_awslogs_stream(config)

    def write(line):
        with request_scope(account, region):
            ecs._emit_awslogs_event(config, line)

    return write


@wraps(ecs, "_build_run_kwargs")
def the_log_is_complete_when_the_task_has_stopped(
    build, container, definition, variables, ports, network, host_mode, task, *rest
):
    """AWS: all that a container wrote is in its log when its task has stopped.

    MiniStack: copies the log while the container runs, and may not be done when it stops.
    """
    options = build(container, definition, variables, ports, network, host_mode, task, *rest)
    options["log"] = _log(container, task)
    # MiniStack passes on little of it.
    options["definition"] = container
    return options


@wraps(ecs, "_start_awslogs_forwarder")
def the_log_is_written_once(_start, _container, _definition, _task):
    """Completes `the_log_is_complete_when_the_task_has_stopped`: the engine writes the log, so nothing copies it."""


@wraps(ecs, "_record_task_ip")
def a_container_has_its_tasks_address(record, task, container, network):
    """AWS: a container's networkInterfaces name the address of its task, if that has a network interface of its own.

    MiniStack: leaves them empty.
    """
    record(task, container, network)
    for attachment in task.get("attachments") or []:
        interface = {"attachmentId": attachment["id"], "privateIpv4Address": ecs._task_ip(task)}
        for each in task["containers"]:
            each["networkInterfaces"] = [interface]


@wraps(ecs, "_run_docker_container")
def a_missing_image_cannot_be_pulled(run, *arguments, **named):
    """AWS: a task whose image is missing stops with CannotPullContainerError.

    MiniStack: gives this reason for the tasks of services only.
    """
    try:
        return run(*arguments, **named)
    except ImageNotFound as error:
        raise ecs._ImagePullError(str(error)) from error


@wraps(ecs, "_mark_task_stopped")
def a_stopped_task_has_a_reason_and_an_exit_code(mark, task_arn, task, reason, stop_code, exit_code=None):
    """AWS: the reason for the end of a container is "Essential container in task exited", and a program that ECS stops
    has the exit code of a killed one.

    MiniStack: words the reason differently, and gives exit code 0 to what it stops.
    """
    if stop_code == "EssentialContainerExited":
        reason = "Essential container in task exited"
    runs = any(container_engine.runs(container["image"]) for container in task.get("containers") or [])
    if stop_code == "UserInitiated" and runs:
        exit_code = container_engine.KILLED
    return mark(task_arn, task, reason, stop_code, exit_code=exit_code)


# What a task does not have, as long as it runs or because of its launch type.
_PLACEHOLDERS = ("stopCode", "stoppedReason", "startedBy", "platformVersion", "platformFamily")


@wraps(ecs, "_sanitize")
def what_a_task_lacks_is_left_out(sanitize, value):
    """AWS: a task that runs has no stopCode.

    MiniStack: gives an empty text, which is no value of the enumeration.
    """
    if isinstance(value, dict):
        value = {name: part for name, part in value.items() if name not in _PLACEHOLDERS or part != ""}
    return sanitize(value)
