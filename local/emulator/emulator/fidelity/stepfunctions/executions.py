"""How an execution starts, nests, is retried and stopped."""

import contextvars
import json
import random
import re
import threading
import time

from ministack.services import stepfunctions as sfn

from emulator.fidelity.nulls import without_nulls
from emulator.fidelity.stepfunctions.context import leave_execution, task_of

# Its mend of _invoke_resource runs inside the one below.
from emulator.fidelity.stepfunctions.task_states import refusal
from emulator.mend import wraps

# In seconds.
_POLLING = 0.02
# A name has up to 80 characters, none of them a space, a bracket, a wildcard, or a special or control character.
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")

_starting = threading.RLock()


def _arn_of(request):
    """The ARN of an execution under the name in the request; None if there is no name or no such machine."""
    machine = sfn._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine is None or not request.get("name"):
        return None
    return f"{machine.replace(':stateMachine:', ':execution:')}:{request['name']}"


@wraps(sfn, "_start_execution")
def starting_an_execution_is_idempotent(start_execution, request):
    """AWS: answers a second start with the execution that runs, if it has the same name and input. Another input, or an
    execution that has ended, is ExecutionAlreadyExists. A name of the wrong form is InvalidName.

    MiniStack: always answers ExecutionAlreadyExists, and accepts any name.
    """
    if request.get("name") and not _NAME.fullmatch(request["name"]):
        return sfn.error_response_json("InvalidName", f"Invalid Name: '{request['name']}'", 400)
    with _starting:
        running = sfn._executions.get(_arn_of(request))
        if running and running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return sfn.json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
        return start_execution(request)


@wraps(sfn, "_start_execution")
def the_input_of_an_execution_is_json(start_execution, request):
    """AWS: an input that is no JSON is InvalidExecutionInput.

    MiniStack: starts the execution, with an empty object as its input.
    """
    try:
        json.loads(request.get("input", "{}"), parse_constant=_no_json)
    except ValueError as error:
        message = f"Invalid State Machine Execution Input: '{error}'"
        return sfn.error_response_json("InvalidExecutionInput", message, 400)
    return start_execution(request)


def _no_json(text):
    raise ValueError(f"Unrecognized token '{text}'")


@wraps(sfn, "_run_execution")
def an_execution_has_a_history_of_its_own(run_execution, arn):
    """AWS: a nested execution adds its events to its own history.

    MiniStack: does so too, but runs it on the thread of its parent, so that without this mend the others would take its
    states for those of the parent's branch.
    """
    context = contextvars.copy_context()
    context.run(leave_execution)
    context.run(run_execution, arn)


def _described(execution):
    """A finished execution, in the form of MiniStack's answer to StartSyncExecution."""
    fields = ("executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status", "input")
    answer = {field: execution[field] for field in fields}
    answer |= {field: execution[field] for field in ("error", "cause") if execution.get(field)}
    return sfn.json_response({**answer, "output": execution.get("output") or "{}"})


def _start_and_wait(request):
    """Starts an execution, or finds the one that runs already, and waits for its end.

    When its parent ends first, it is stopped too, if the parent's role may do that. AWS does the same.
    """
    status, headers, body = sfn._start_execution(request)
    if status >= 400:
        return status, headers, body
    execution, parent = sfn._executions[json.loads(body)["executionArn"]], task_of.get()
    # MiniStack sets the date last, when all else about the end is known.
    while execution["stopDate"] is None:
        stopped = parent and parent["status"] != "RUNNING"
        if stopped and not refusal(parent, "states:StopExecution", execution["executionArn"]):
            sfn._stop_execution({"executionArn": execution["executionArn"], "cause": "The parent was stopped"})
            break
        time.sleep(_POLLING)
    return _described(execution)


_nested = contextvars.ContextVar("nested", default=False)


@wraps(sfn, "_start_sync_execution")
def a_nested_start_is_a_start_and_a_wait(start_sync_execution, request):
    """AWS: startExecution.sync is StartExecution and a wait: names are unique, and each status of the execution is an
    event on EventBridge.

    MiniStack: it is StartSyncExecution, which replaces an execution of the same name and sends no events.
    """
    return _start_and_wait(request) if _nested.get() else start_sync_execution(request)


@wraps(sfn, "_invoke_nested_start_execution_sync")
def a_nested_start_is_known(invoke, resource, arguments):
    """Prepares `a_nested_start_is_a_start_and_a_wait`."""
    outer = _nested.set(True)
    try:
        return invoke(resource, arguments)
    finally:
        _nested.reset(outer)


@wraps(sfn, "_invoke_resource")
def a_refused_nested_start_has_the_name_of_an_exception(invoke_resource, resource, arguments):
    """AWS: the error is StepFunctions.ExecutionAlreadyExistsException.

    MiniStack: it is ExecutionAlreadyExists.
    """
    try:
        return invoke_resource(resource, arguments)
    except sfn._ExecutionError as error:
        if "states:startExecution" in resource and "." not in error.error:
            name = error.error.removesuffix("Exception")
            raise sfn._ExecutionError(f"StepFunctions.{name}Exception", error.cause) from error
        raise


@wraps(sfn, "_fail_execution")
def an_aborted_execution_stays_aborted(fail_execution, execution, *failure):
    """AWS: an execution that was aborted stays so.

    MiniStack: a task that fails afterwards makes it FAILED.
    """
    if execution["status"] == "RUNNING":
        fail_execution(execution, *failure)


@wraps(sfn, "_fail_execution")
def a_failed_execution_has_no_output(fail_execution, execution, *failure):
    """AWS: an execution that failed has an error and a cause, and no output.

    MiniStack: its output has the error and the cause.
    """
    fail_execution(execution, *failure)
    if execution["status"] == "FAILED":
        execution["output"] = None


@wraps(sfn, "_find_matching_retrier")
def a_retry_has_a_cap_and_jitter(find_matching_retrier, retriers, error, counts):
    """AWS: MaxDelaySeconds limits the delay before a retry. JitterStrategy FULL makes it a random part of that.

    MiniStack: ignores both.
    """
    retrier, index = find_matching_retrier(retriers, error, counts)
    if retrier is None:
        return retrier, index
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)  # noqa: S311  (jitter is no secret)
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


_EXECUTIONS_PER_PAGE, _LARGEST_PAGE = 100, 1000


@wraps(sfn, "_list_executions")
def executions_come_in_pages(list_executions, request):
    """AWS: gives pages of 100 executions, or of maxResults, which is 1000 at most. One that runs has no stopDate.

    MiniStack: gives pages of 1000, or of any maxResults, and a stopDate that is null.
    """
    size = request.get("maxResults") or _EXECUTIONS_PER_PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        return sfn.error_response_json("ValidationException", f"maxResults must be between 0 and {_LARGEST_PAGE}", 400)
    return without_nulls(list_executions({**request, "maxResults": size}))


@wraps(sfn, "_describe_execution")
def what_an_execution_lacks_is_left_out(describe_execution, data):
    """AWS: an execution that runs has no stopDate, and only one that has succeeded has an output.

    MiniStack: gives null, and says that an output is included.
    """
    status, headers, body = without_nulls(describe_execution(data))
    described = json.loads(body)
    if "output" not in described:
        described.pop("outputDetails", None)
    return status, headers, json.dumps(described).encode()
