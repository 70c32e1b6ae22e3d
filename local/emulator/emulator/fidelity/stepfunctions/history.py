"""The history of an execution."""

import contextvars
import json
import threading

from ministack.core.responses import get_region
from ministack.services import stepfunctions as sfn

# Their mends run inside those below, so that a state has been entered before it is evaluated, and is left after that.
from emulator.fidelity.stepfunctions import data_limits, jsonata  # noqa: F401
from emulator.fidelity.stepfunctions.context import branch_of, last_event
from emulator.mend import wraps


@wraps(sfn, "_run_sub_machine")
def a_branch_knows_its_execution(run_sub_machine, states, start, data, execution, context):
    """Prepares `states_in_branches_are_events`."""
    outer = branch_of.set(execution)
    try:
        return run_sub_machine(states, start, data, execution, context)
    finally:
        branch_of.reset(outer)


def states_in_branches_are_events(kind):
    """AWS: each state adds an event when it is entered and one when it is left.

    MiniStack: adds them outside of branches and iterations only.
    """

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        execution = branch_of.get()
        if execution is None:
            return original(state, data, *rest)
        name = rest[-1]["State"]["Name"]
        details = {"name": name, "input": json.dumps(data)}
        sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        # The branches inside a Parallel or Map state set the variable themselves.
        outer = branch_of.set(None if kind in ("Parallel", "Map") else execution)
        try:
            output, following = original(state, data, *rest)
        finally:
            branch_of.reset(outer)
        details = {"name": name, "output": json.dumps(output)}
        sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        return output, following


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    states_in_branches_are_events(_kind)


_adding = threading.Lock()


@wraps(sfn, "_add_event")
def events_form_chains(add_event, execution, *rest):
    """AWS: every event has an id of its own, and names the event before it in its branch.

    MiniStack: two branches that add events at the same time may use one id twice, and no event names another.
    """
    arn = execution.get("executionArn")
    owner, previous = last_event.get()
    with _adding:
        event = add_event(execution, *rest)
    event["previousEventId"] = previous if owner == arn else 0
    last_event.set((arn, event["id"]))
    return event


_arguments = contextvars.ContextVar("arguments")


@wraps(sfn, "_apply_jsonata_arguments")
def arguments_are_kept(apply_arguments, state, data, context=None):
    """Prepares `a_scheduled_task_has_parameters`."""
    arguments = apply_arguments(state, data, context)
    _arguments.set(arguments)
    return arguments


@wraps(sfn, "_add_event")
def a_scheduled_task_has_parameters(add_event, execution, event_type, details=None):
    """AWS: the history shows what each task was given.

    MiniStack: does not, so that a test could not find a secret in it.
    """
    if event_type == "TaskScheduled":
        scheduled = details["taskScheduledEventDetails"]
        given = {"region": get_region(), "parameters": json.dumps(_arguments.get())}
        details = {"taskScheduledEventDetails": scheduled | given}
    return add_event(execution, event_type, details)


@wraps(sfn, "_add_event")
def an_event_of_a_task_names_the_service_and_its_action(add_event, execution, event_type, details=None):
    """AWS: the events of a task have the service as resourceType, and the action as resource: `lambda` and `invoke`.

    MiniStack: has no resourceType in some, a wrong one in others, and the whole ARN as resource.
    """
    for name, one in (details or {}).items():
        _, integration, action = str(one.get("resource", "")).partition(":states:::")
        if integration and name.startswith("task"):
            service, _, action = action.partition(":")
            details = details | {name: one | {"resourceType": service, "resource": action}}
    return add_event(execution, event_type, details)
