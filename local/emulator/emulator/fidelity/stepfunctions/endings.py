"""How an execution ends: when it takes too long, with an error that nothing catches, and for good."""

import contextvars
import json
import threading

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as sfn

# The mends of executions, and of what that imports, run inside those below.
from emulator.fidelity.stepfunctions import executions  # noqa: F401
from emulator.fidelity.stepfunctions.context import branch_of, task_of
from emulator.mend import wraps

_RUNTIME, _DATA_LIMIT = "States.Runtime", "States.DataLimitExceeded"
_ENDS = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


class _Ended(sfn._ExecutionError):
    """Ends the thread of an execution that has ended already. It is reported nowhere."""

    def __init__(self, execution):
        super().__init__("Emulator.Ended", execution["executionArn"])


def _has_ended(execution):
    # Some have no status: the children of MiniStack's own Distributed Map, and what tests make.
    return bool(execution) and execution.get("status", "RUNNING") != "RUNNING"


def _limit_of(execution):
    """The number of seconds that an execution may take; None if it has no limit."""
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    try:
        return json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    except ValueError:
        return None


@wraps(sfn, "_run_execution")
def an_execution_may_time_out(run_execution, arn):
    """AWS: an execution that takes longer than the TimeoutSeconds of its state machine ends with TIMED_OUT.

    MiniStack: lets it go on.
    """
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
    """AWS: the end of an execution is the last event of its history.

    MiniStack: states that were still running add their events after it.
    """
    if _has_ended(execution) and kind not in _ENDS:
        return {"id": 0, "type": kind, "timestamp": now_iso()}
    return add_event(execution, kind, *rest)


def no_state_begins_after_the_end(kind):
    """AWS: an execution that has ended enters no more states, not in its branches either.

    MiniStack: lets a branch run to its end.
    """

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        # MiniStack hands the execution to some kinds of states only. For the others it is known inside branches.
        execution = rest[0] if len(rest) > 1 else branch_of.get()
        if _has_ended(execution):
            raise _Ended(execution)
        return original(state, data, *rest)


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    no_state_begins_after_the_end(_kind)


@wraps(sfn, "_find_matching_retrier")
def no_retry_begins_after_the_end(find_matching_retrier, retriers, error, counts):
    """AWS: an execution that has ended tries no task again.

    MiniStack: tries it again.
    """
    execution = task_of.get()
    if _has_ended(execution):
        raise _Ended(execution)
    return find_matching_retrier(retriers, error, counts)


@wraps(sfn, "_error_matches")
def some_errors_cannot_be_caught(error_matches, names, error):
    """AWS: States.Runtime always ends the execution. States.ALL and States.TaskFailed do not match
    States.DataLimitExceeded, which is caught only by its own name. Source: the Step Functions guide, "Error names".
    LocalStack's tests have recorded in 2024 that States.ALL caught it when a function had returned too much, so no
    state machine may rely on either.

    MiniStack: States.ALL and States.TaskFailed match any error.
    """
    if error == _RUNTIME:
        return False
    if error == _DATA_LIMIT:
        return error in names
    return error_matches(names, error)
