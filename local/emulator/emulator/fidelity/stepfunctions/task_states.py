"""What a Task state may do, and how it fails."""

import json

from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as sfn

from emulator.fidelity.iam import roles

# Its mends of _execute_task run inside the one below.
from emulator.fidelity.stepfunctions import history  # noqa: F401
from emulator.fidelity.stepfunctions.context import task_of
from emulator.mend import wraps


@wraps(sfn, "_nested_execution_failure")
def a_failed_nested_execution_is_a_failed_task(_failure, payload):
    """AWS: a nested execution that fails ends its task with States.TaskFailed. The cause describes the nested execution
    in JSON: its input, its times in milliseconds, its status, and its error and cause if it has them. LocalStack's
    tests have recorded one.

    MiniStack: ends the task with the nested execution's error.
    """
    described = {
        "ExecutionArn": payload.get("executionArn"),
        "Input": payload.get("input", "{}"),
        "InputDetails": {"Included": True},
        "Name": payload.get("name"),
        "StartDate": sfn._iso_to_epoch_ms(payload.get("startDate")),
        "StateMachineArn": payload.get("stateMachineArn"),
        "Status": payload.get("status", "FAILED"),
        "StopDate": sfn._iso_to_epoch_ms(payload.get("stopDate")),
    }
    described |= {name: payload[name.lower()] for name in ("Error", "Cause") if payload.get(name.lower())}
    return "States.TaskFailed", json.dumps(described, separators=(",", ":"))


@wraps(sfn, "_invoke_resource_with_timeout")
def a_state_that_times_out_has_an_empty_cause(invoke, resource, arguments, timeout):
    """AWS: the error of a state that times out has an empty cause.

    MiniStack: the cause says how long it took.
    """
    try:
        return invoke(resource, arguments, timeout)
    except sfn._ExecutionError as error:
        if error.error == "States.Timeout":
            raise sfn._ExecutionError(error.error, "") from error
        raise


@wraps(sfn, "_execute_task")
def a_task_knows_its_execution(execute_task, state, data, execution, context):
    """Prepares `a_task_acts_as_the_role_of_its_state_machine`."""
    outer = task_of.set(execution)
    try:
        return execute_task(state, data, execution, context)
    finally:
        task_of.reset(outer)


def _permissions_of(resource, arguments):
    """The permissions that the state machine's role needs for a task: pairs of action and ARN.

    Only tasks that this project has are covered. Source: the Step Functions guide, "IAM policies for integrated
    services".
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
            arn = bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}"
            yield "events:PutEvents", arn


def refusal(execution, action, arn, keys=None):
    """Why the role of an execution's state machine may not do `action` on `arn`; None if it may."""
    machine = sfn._state_machines.get(execution["stateMachineArn"])
    return machine and roles.denial(machine["roleArn"], execution["name"], action, arn, keys)


@wraps(sfn, "_invoke_resource")
def a_task_acts_as_the_role_of_its_state_machine(invoke_resource, resource, arguments):
    """AWS: a task may do what the state machine's role may do.

    MiniStack: it may do anything.
    """
    execution = task_of.get()
    if execution and isinstance(arguments, dict):
        for action, arn in _permissions_of(resource, arguments):
            refused = refusal(execution, action, arn)
            if refused:
                service = {"lambda": "Lambda.AWSLambda", "states": "StepFunctions.AWSStepFunctions"}
                error = service.get(action.partition(":")[0], "EventBridge.AmazonEventBridge") + "Exception"
                raise sfn._ExecutionError(error, refused)
    return invoke_resource(resource, arguments)
