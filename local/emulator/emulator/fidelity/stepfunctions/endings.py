"""How executions of Step Functions end, as AWS has it: by a time limit, by what nobody can catch, and for good."""

import contextvars
import json
import threading

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as sfn

from emulator.fidelity.stepfunctions import (
    executions,  # noqa: F401
    state_machines,
)
from emulator.mend import wraps

# Source: the Step Functions guide, "Error names".
_NOBODY_CATCHES = ("States.Runtime", "States.DataLimitExceeded")
_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


class _Ended(sfn._ExecutionError):
    """The execution has ended whose state was to go on. Nobody hears of it: an execution that has ended stays so."""

    def __init__(self, execution):
        super().__init__("Emulator.Ended", execution["executionArn"])


def _has_ended(execution):
    # A distributed map's children, and what tests make, may have no status.
    return bool(execution) and execution.get("status", "RUNNING") != "RUNNING"


def _limit_of(execution):
    """The seconds that an execution may take, if it has a limit."""
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    try:
        return json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    except ValueError:
        return None


@wraps(sfn, "_run_execution")
def an_execution_may_time_out(run_execution, arn):
    """AWS: an execution that takes longer than its machine's TimeoutSeconds ends as TIMED_OUT. MiniStack: goes on."""
    execution = sfn._executions.get(arn)
    limit = execution and _limit_of(execution)
    if not limit:
        return run_execution(arn)
    run = threading.Thread(target=contextvars.copy_context().run, args=(run_execution, arn), daemon=True)
    run.start()
    run.join(limit)
    if run.is_alive() and not _has_ended(execution):
        execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "stopDate": now_iso()}
        sfn._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
        sfn._emit_execution_status_event(execution)
    return None


@wraps(sfn, "_add_event")
def nothing_follows_the_end(add_event, execution, kind, *rest):
    """AWS: the end is the last event of a history. MiniStack: states that were under way add theirs."""
    if _has_ended(execution) and kind not in _ENDS:
        return {"id": 0, "type": kind, "timestamp": now_iso()}
    return add_event(execution, kind, *rest)


def no_state_begins_after_the_end(kind):
    """AWS: an execution that has ended begins no state and no retry, nor in its branches. MiniStack: a branch goes on
    to its end.
    """

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        # The states without an execution among their arguments are in the branch of one.
        execution = rest[0] if len(rest) > 1 else state_machines.execution_of_branch()
        if _has_ended(execution):
            raise _Ended(execution)
        return original(state, data, *rest)


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    no_state_begins_after_the_end(_kind)


@wraps(sfn, "_find_matching_retrier")
def no_retry_begins_after_the_end(find_matching_retrier, retriers, error, counts):
    """As the mend above."""
    execution = state_machines.execution_of_task()
    if _has_ended(execution):
        raise _Ended(execution)
    return find_matching_retrier(retriers, error, counts)


@wraps(sfn, "_error_matches")
def some_errors_are_not_among_all(error_matches, names, error):
    """AWS: States.ALL and States.TaskFailed stand for neither States.Runtime nor States.DataLimitExceeded. MiniStack:
    for any error.
    """
    if error in _NOBODY_CATCHES:
        return False
    return error_matches(names, error)
