"""How executions of Step Functions start, nest, are retried and stop, as AWS has it."""

import contextvars
import json
import random
import re
import threading
import time
import types

from ministack.services import stepfunctions as sfn

from emulator.fidelity.stepfunctions import state_machines
from emulator.mend import wraps

_POLLING = 0.02
# A name may have 80 characters, none of them a space, a bracket, a wildcard or a special or control character.
_NAME = re.compile(r"""[^\s<>{}\[\]?*"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}""")

_starting = threading.RLock()

# In seconds.
_SLEEP_OF_MINISTACK = 0.15


def executions_begin_at_once():
    """AWS: an execution is in its first state within milliseconds. MiniStack: sleeps before it, also in nested ones."""

    def sleep(seconds):
        if seconds != _SLEEP_OF_MINISTACK:
            time.sleep(seconds)

    sfn.time = types.SimpleNamespace(sleep=sleep, time=time.time, monotonic=time.monotonic)


executions_begin_at_once()


def _arn_of(request):
    """The ARN that an execution has under the name in the request, if it has one."""
    machine = sfn._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    if machine is None or not request.get("name"):
        return None
    return f"{machine.replace(':stateMachine:', ':execution:')}:{request['name']}"


@wraps(sfn, "_start_execution")
def the_same_start_is_answered_alike(start_execution, request):
    """AWS: a start under the name and with the input of an execution that runs answers with that execution; another
    input, or an execution that has ended, is ExecutionAlreadyExists; and a name has a form, else InvalidName.
    MiniStack: always ExecutionAlreadyExists, and any name.
    """
    if request.get("name") and not _NAME.fullmatch(request["name"]):
        return sfn.error_response_json("InvalidName", f"Invalid Name: '{request['name']}'", 400)
    with _starting:
        running = sfn._executions.get(_arn_of(request))
        if running and running["status"] == "RUNNING" and running["input"] == request.get("input", "{}"):
            return sfn.json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
        return start_execution(request)


@wraps(sfn, "_run_execution")
def an_execution_has_a_history_of_its_own(run_execution, arn):
    """AWS: a nested execution leaves its events in its own history. MiniStack runs it on its parent's thread, so that
    the mends of state_machines.py would take its states for states of the parent's branch.
    """
    context = contextvars.copy_context()
    context.run(state_machines.leave_execution)
    context.run(run_execution, arn)


def _described(execution):
    """A finished execution as MiniStack's StartSyncExecution answers."""
    fields = ("executionArn", "stateMachineArn", "name", "startDate", "stopDate", "status", "input")
    answer = {field: execution[field] for field in fields}
    answer |= {field: execution[field] for field in ("error", "cause") if execution.get(field)}
    return sfn.json_response({**answer, "output": execution.get("output") or "{}"})


def _start_and_wait(request):
    """Starts an execution of a standard state machine, or finds the one that runs already, and waits for its end. When
    the execution whose task this is has ended meanwhile, stops it too, as AWS does where the role may.
    """
    status, headers, body = sfn._start_execution(request)
    if status >= 400:
        return status, headers, body
    execution, parent = sfn._executions[json.loads(body)["executionArn"]], state_machines.execution_of_task()
    # MiniStack sets the status first, and when the execution stopped last.
    while execution["stopDate"] is None:
        stopped = parent and parent["status"] != "RUNNING"
        if stopped and not state_machines.refusal(parent, "states:StopExecution", execution["executionArn"]):
            sfn._stop_execution({"executionArn": execution["executionArn"], "cause": "The parent was stopped"})
            break
        time.sleep(_POLLING)
    return _described(execution)


_nested = contextvars.ContextVar("nested", default=False)


@wraps(sfn, "_start_sync_execution")
def a_nested_start_is_a_start(start_sync_execution, request):
    """AWS: startExecution.sync is StartExecution and a wait: names are unique, and the execution's status is an event.
    MiniStack: StartSyncExecution, which replaces an execution of the same name, and tells nobody.
    """
    return _start_and_wait(request) if _nested.get() else start_sync_execution(request)


@wraps(sfn, "_invoke_nested_start_execution_sync")
def a_nested_start_is_known(invoke, resource, arguments):
    """Prepares the mend above."""
    outer = _nested.set(True)
    try:
        return invoke(resource, arguments)
    finally:
        _nested.reset(outer)


@wraps(sfn, "_invoke_resource")
def a_refused_nested_start_has_the_name_of_an_exception(invoke_resource, resource, arguments):
    """AWS: StepFunctions.ExecutionAlreadyExistsException. MiniStack: ExecutionAlreadyExists."""
    try:
        return invoke_resource(resource, arguments)
    except sfn._ExecutionError as error:
        if "states:startExecution" in resource and "." not in error.error:
            name = error.error.removesuffix("Exception")
            raise sfn._ExecutionError(f"StepFunctions.{name}Exception", error.cause) from error
        raise


@wraps(sfn, "_fail_execution")
def an_aborted_execution_stays_aborted(fail_execution, execution, *failure):
    """AWS: nothing follows ExecutionAborted. MiniStack: a task that fails afterwards makes the execution FAILED."""
    if execution["status"] == "RUNNING":
        fail_execution(execution, *failure)


@wraps(sfn, "_find_matching_retrier")
def a_retry_has_a_cap_and_jitter(find_matching_retrier, retriers, error, counts):
    """AWS: MaxDelaySeconds caps the delay before a retry, and JitterStrategy FULL draws it at random from below.
    MiniStack: ignores both.
    """
    retrier, index = find_matching_retrier(retriers, error, counts)
    if retrier is None:
        return retrier, index
    delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
    delay = min(delay, retrier.get("MaxDelaySeconds", delay))
    if retrier.get("JitterStrategy") == "FULL":
        delay = random.uniform(0, delay)
    return {**retrier, "IntervalSeconds": delay, "BackoffRate": 1}, index


_EXECUTIONS_PER_PAGE, _LARGEST_PAGE = 100, 1000


@wraps(sfn, "_list_executions")
def executions_come_in_pages(list_executions, request):
    """AWS: pages of 100 executions, or of maxResults, which is 1000 at most. MiniStack: of 1000, or of any
    maxResults.
    """
    size = request.get("maxResults") or _EXECUTIONS_PER_PAGE
    if not 1 <= size <= _LARGEST_PAGE:
        return sfn.error_response_json("ValidationException", f"maxResults must be between 0 and {_LARGEST_PAGE}", 400)
    return list_executions({**request, "maxResults": size})
