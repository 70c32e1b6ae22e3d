"""How ECS starts and ends a task on Fargate: its secrets, its log, and what its containers are told."""

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

# The task that is being started here, and its definition.
_starting = contextvars.ContextVar("starting", default=({}, {}))


class _LogCannotBeWritten(Exception):
    """Why the log driver cannot be set up."""


def _id(task):
    return task.get("taskArn", "").rpartition("/")[2]


def _error(action, code):
    service = {"logs": "CloudWatch Logs", "secretsmanager": "Secrets Manager"}[action.partition(":")[0]]
    operation = f"{service}: {action.partition(':')[2]}"
    return f"operation error {operation}, https response error StatusCode: 400, RequestID: {new_uuid()}, {code}"


def _refused(action, arn):
    """Why the execution role of the task that is being started may not do something; nothing if it may."""
    task, definition = _starting.get()
    role = definition.get("executionRoleArn")
    why = roles.denial(role, _id(task), action, arn) if role else "the task definition has no execution role"
    return why and _error(action, f"api error AccessDeniedException: {why}")


@wraps(provisioners, "_normalize_container_defs")
def a_template_has_secrets(normalize, containers):
    """AWS: a task definition in a template has secrets. MiniStack: keeps their keys as the template writes them,
    and ECS does not find them.
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
def a_task_without_a_log_does_not_start(start, task, definition, overrides, engine):
    """AWS: a task whose log cannot be written stops before its containers start. MiniStack: runs it, and drops what
    it writes.
    """
    outer = _starting.set((task, definition))
    try:
        start(task, definition, overrides, engine)
    except _LogCannotBeWritten as error:
        reason = f"ResourceInitializationError: failed to validate logger args: {error} : exit status 1"
        ecs._fail_task_start(task, engine, reason)
    finally:
        _starting.reset(outer)


@wraps(ecs, "_resolve_container_secrets")
def secrets_are_read_by_the_execution_role(resolve, container):
    """AWS: reads a container's secrets as the task's execution role. MiniStack: as nobody."""
    for secret in container.get("secrets") or []:
        asked = ":".join(secret.get("valueFrom", "").split(":")[:7])
        if ":secretsmanager:" not in asked:
            continue
        _, found = secretsmanager._resolve(asked, use_arn_scope=True)
        refused = _refused("secretsmanager:GetSecretValue", (found or {}).get("ARN", asked))
        if refused:
            raise ecs._SecretResolutionError(
                "unable to retrieve secret from asm: service call has been retried 1 time(s): "
                f"failed to fetch secret {asked} from secrets manager: {refused}"
            )
    return resolve(container)


@wraps(ecs, "_register_metadata")
def a_container_is_told_where_it_is(register, task, cluster, definition, container, launch_type, variables, *_rest):
    """AWS: a container is told its region and where its task's role has credentials, if it has a role. MiniStack:
    addresses a container of Docker; here it is a local process, which must also be told where AWS is, and must not
    find this machine's own credentials.
    """
    given = dict(variables)
    token = register(task, cluster, definition, container, launch_type, variables, True, None)
    metadata = variables["ECS_CONTAINER_METADATA_URI_V4"]
    here = "http://" + urllib.parse.urlsplit(metadata).netloc
    variables.clear()
    variables.update(
        AWS_DEFAULT_REGION=get_region(),
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ENDPOINT_URL=os.environ.get("AWS_ENDPOINT_URL") or here,
        AWS_EXECUTION_ENV="AWS_ECS_FARGATE",
        AWS_REGION=get_region(),
    )
    variables.update(given)
    variables["ECS_CONTAINER_METADATA_URI_V4"] = metadata
    if definition.get("taskRoleArn"):
        # AWS gives the path only, for an address that only a container has.
        path = roles.credentials_path(definition["taskRoleArn"], task.rpartition("/")[2])
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = here + path
    return token


@wraps(ecs, "_cleanup_task_resources")
def an_ended_task_has_no_credentials(clean_up, task, *rest):
    """AWS: the credentials of a task end with it. Completes the mend above."""
    roles.forget(_id(task))
    clean_up(task, *rest)


def _log(container, task):
    """What writes a line of the container's output to its log; nothing if it has none."""
    config = ecs._awslogs_config(container, task, task)
    if not config:
        return None
    account, region = get_account_id(), config["region"] or get_region()
    group, stream = config["group"], config["stream"]
    arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:"
    with request_scope(account, region):
        # Without the second, AWS starts the task and its output is lost.
        failed = _refused("logs:CreateLogStream", arn) or _refused("logs:PutLogEvents", arn + stream)
        if not failed and not (group in cloudwatch_logs._log_groups or config["create_group"]):
            missing = "ResourceNotFoundException: The specified log group does not exist."
            failed = _error("logs:CreateLogStream", missing)
        if failed:
            raise _LogCannotBeWritten(
                f"create stream has been retried 1 times: failed to create Cloudwatch log stream: {failed}"
            )
        ecs._ensure_awslogs_stream(config)

    def write(line):
        with request_scope(account, region):
            ecs._emit_awslogs_event(config, line)

    return write


@wraps(ecs, "_build_run_kwargs")
def a_container_writes_to_its_log(build, container, definition, variables, ports, network, host_mode, task, *rest):
    """AWS: all that a container wrote is in its log when its task has stopped. MiniStack: copies it meanwhile."""
    options = build(container, definition, variables, ports, network, host_mode, task, *rest)
    options["log"] = _log(container, task)
    return options


@wraps(ecs, "_build_run_kwargs")
def every_image_is_of_this_architecture(build, *arguments):
    """MiniStack: looks after a quarter of a second whether an image that must be of some architecture runs here. Without
    Docker, nothing in an image is ever run.
    """
    options = build(*arguments)
    options.pop("platform", None)
    return options


@wraps(ecs, "_start_awslogs_forwarder")
def nothing_copies_the_log(_start, _container, _definition, _task):
    """Completes the mend above: the engine writes the log itself."""


@wraps(ecs, "_run_docker_container")
def an_image_that_is_not_there_cannot_be_pulled(run, *arguments, **named):
    """AWS: a task without its image stops with CannotPullContainerError. MiniStack: says so for services only."""
    try:
        return run(*arguments, **named)
    except ImageNotFound as error:
        raise ecs._ImagePullError(str(error)) from error


@wraps(ecs, "_mark_task_stopped")
def a_stopped_task_says_why(mark, task_arn, task, reason, stop_code, exit_code=None):
    """AWS: "Essential container in task exited", and a program that is stopped was killed. MiniStack: words the
    reason differently, and says that what it stops ends well.
    """
    if stop_code == "EssentialContainerExited":
        reason = "Essential container in task exited"
    runs = any(container_engine.runs(container["image"]) for container in task.get("containers") or [])
    if stop_code == "UserInitiated" and runs:
        exit_code = container_engine.KILLED
    return mark(task_arn, task, reason, stop_code, exit_code=exit_code)
