"""Step Functions, as AWS has it."""

import contextvars
import json
import threading
import time

from jsonata.timebox import Timebox
from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as sfn

from emulator.fidelity.iam import roles
from emulator.mend import wraps


@wraps(Timebox, "check_runaway")
def an_expression_is_timed_by_its_own_work(check, box):
    """AWS: an expression may take a second. MiniStack: a second of the clock, in which hundreds of other executions may
    have their turn.
    """
    worked = time.thread_time()
    worked -= vars(box).setdefault("worked_before", worked)
    box.time = Timebox.current_milli_time() - round(worked * 1000)
    return check(box)


def _jsonata(state, context):
    return sfn._state_query_language(state, context) == "JSONata"


@wraps(sfn, "_apply_output_path")
def succeed_has_an_output(apply_output_path, state, data, context=None):
    """AWS: a JSONata Succeed state evaluates its Output. MiniStack: passes its input on."""
    if state.get("Type") == "Succeed" and _jsonata(state, context):
        return sfn._apply_jsonata_output(state, data, context, default=data)
    return apply_output_path(state, data, context)


@wraps(sfn, "_execute_choice")
def a_choice_default_has_an_output(execute_choice, state, data, context=None):
    """AWS: the Output of a JSONata Choice state applies when no rule matches. MiniStack: passes its input on."""
    if "Default" not in state or not _jsonata(state, context):
        return execute_choice(state, data, context)
    try:
        return execute_choice({key: state[key] for key in state if key != "Default"}, data, context)
    except sfn._ExecutionError as error:
        if error.error != "States.NoChoiceMatched":
            raise
    output = sfn._apply_jsonata_output(state, data, context, default=data)
    sfn._apply_state_assign(state, data, context)
    return output, state["Default"]


@wraps(sfn, "_run_parallel_branches")
def parallel_has_arguments_and_an_output(run_parallel_branches, state, data, execution, context):
    """AWS: a JSONata Parallel state evaluates Arguments, Output and Assign. MiniStack: ignores them."""
    if not _jsonata(state, context):
        return run_parallel_branches(state, data, execution, context)
    arguments = sfn._apply_jsonata_arguments(state, data, context)
    results, following = run_parallel_branches(state, arguments, execution, context)
    output = sfn._apply_jsonata_output(state, data, context, result=results, default=results)
    sfn._apply_state_assign(state, data, context, result=results)
    return output, following


# The execution whose branch or iteration is walked through here. MiniStack gives each branch a copy of the context
# that the Parallel or Map state runs in.
_branch_of = contextvars.ContextVar("branch_of", default=None)


@wraps(sfn, "_run_sub_machine")
def a_branch_is_a_scope(run_sub_machine, states, start, data, execution, context):
    """AWS: a variable that a branch or an iteration assigns is its own. MiniStack: branches share their variables
    and the name of the current state.
    """
    outer = _branch_of.set(execution)
    try:
        scope = {**context, "variables": dict(context.get("variables") or {})}
        return run_sub_machine(states, start, data, execution, scope)
    finally:
        _branch_of.reset(outer)


def states_in_branches_are_events(kind):
    """AWS: the history has an event as each state is entered and left. MiniStack: not inside branches and
    iterations.
    """

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        execution = _branch_of.get()
        if execution is None:
            return original(state, data, *rest)
        name = rest[-1]["State"]["Name"]
        details = {"name": name, "input": json.dumps(data)}
        sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        # What runs inside must not think that it is in this branch: it says so itself.
        outer = _branch_of.set(None if kind in ("Parallel", "Map") else execution)
        try:
            output, following = original(state, data, *rest)
        finally:
            _branch_of.reset(outer)
        details = {"name": name, "output": json.dumps(output)}
        sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        return output, following


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    states_in_branches_are_events(_kind)


def execution_of_branch():
    """The execution whose branch or iteration is walked through here, if one is."""
    return _branch_of.get()


@wraps(sfn, "_nested_execution_failure")
def a_failed_nested_execution_is_a_failed_task(nested_execution_failure, payload):
    """AWS: a nested execution that fails ends its task with States.TaskFailed, and the cause is JSON that has the
    nested error and cause. MiniStack: ends it with the nested error itself.
    """
    error, cause = nested_execution_failure(payload)
    described = {
        "ExecutionArn": payload.get("executionArn"),
        "Name": payload.get("name"),
        "StateMachineArn": payload.get("stateMachineArn"),
        "Status": payload.get("status", "FAILED"),
        "Error": payload.get("error") or error,
        "Cause": payload.get("cause") or cause,
    }
    return "States.TaskFailed", json.dumps(described)


# The execution whose task is being carried out here.
_task_of = contextvars.ContextVar("task_of", default=None)


@wraps(sfn, "_execute_task")
def a_task_knows_its_execution(execute_task, state, data, execution, context):
    """Prepares the next mend."""
    outer = _task_of.set(execution)
    try:
        return execute_task(state, data, execution, context)
    finally:
        _task_of.reset(outer)


def execution_of_task():
    """The execution whose task is being carried out here, if one is."""
    return _task_of.get()


def _permissions_of(resource, arguments):
    """What the role of a state machine must be allowed, for a task of the kinds that this project has: pairs of
    action and ARN. Source: the Step Functions guide, "IAM policies for integrated services".
    """
    region, account = get_region(), get_account_id()
    if "lambda:invoke" in resource:
        name = str(arguments.get("FunctionName"))
        arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
        yield "lambda:InvokeFunction", arn
    elif "states:startExecution" in resource:
        machine = str(arguments.get("StateMachineArn"))
        yield "states:StartExecution", machine
        if ".sync" in resource:
            yield "states:DescribeExecution", machine.replace(":stateMachine:", ":execution:") + ":0"
    elif "events:putEvents" in resource:
        for entry in arguments.get("Entries") or []:
            bus = entry.get("EventBusName") or "default"
            yield (
                "events:PutEvents",
                bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}",
            )


def refusal(execution, action, arn, keys=None):
    """Why the role of an execution's state machine may not do `action` on `arn`; nothing if it may."""
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    return machine and roles.denial(machine["roleArn"], execution["name"], action, arn, keys)


@wraps(sfn, "_invoke_resource")
def a_state_machine_acts_as_its_role(invoke_resource, resource, arguments):
    """AWS: a task may do what the state machine's role may. MiniStack: anything."""
    execution = _task_of.get()
    if execution and isinstance(arguments, dict):
        for action, arn in _permissions_of(resource, arguments):
            refused = refusal(execution, action, arn)
            if refused:
                service = {"lambda": "Lambda.AWSLambda", "states": "StepFunctions.AWSStepFunctions"}
                error = service.get(action.partition(":")[0], "EventBridge.AmazonEventBridge") + "Exception"
                raise sfn._ExecutionError(error, refused)
    return invoke_resource(resource, arguments)


_events = threading.Lock()
# The last event here: the execution's ARN and the event's id.
_last_event = contextvars.ContextVar("last_event", default=(None, 0))


@wraps(sfn, "_add_event")
def events_form_chains(add_event, execution, *rest):
    """AWS: every event has an id of its own, and names the event before it in its branch. MiniStack: branches that
    add events at once may share an id, and no event names another.
    """
    arn = execution.get("executionArn")
    owner, previous = _last_event.get()
    with _events:
        event = add_event(execution, *rest)
    event["previousEventId"] = previous if owner == arn else 0
    _last_event.set((arn, event["id"]))
    return event


_arguments = contextvars.ContextVar("arguments")


@wraps(sfn, "_apply_jsonata_arguments")
def arguments_are_kept(apply_arguments, state, data, context=None):
    """Prepares the mend below."""
    arguments = apply_arguments(state, data, context)
    _arguments.set(arguments)
    return arguments


@wraps(sfn, "_add_event")
def a_scheduled_task_has_parameters(add_event, execution, event_type, details=None):
    """AWS: the history has what each task was given. MiniStack: leaves it out, so that a secret in it would not be seen."""
    if event_type == "TaskScheduled":
        scheduled = details["taskScheduledEventDetails"]
        given = {"region": get_region(), "parameters": json.dumps(_arguments.get())}
        details = {"taskScheduledEventDetails": scheduled | given}
    return add_event(execution, event_type, details)


def leave_execution():
    """Makes what runs in this context an execution of its own, no part of the one around it."""
    _branch_of.set(None)
    _task_of.set(None)
    _last_event.set((None, 0))
