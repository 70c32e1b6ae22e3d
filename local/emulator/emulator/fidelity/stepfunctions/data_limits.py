"""How large the data of states and executions may be.

Sources: the Step Functions guide, "Quotas" and "Passing data between states with variables": 256 KiB of JSON in UTF-8
for the input or output of a state, of a task and of an execution, for a variable and for all that one Assign assigns,
and 10 MiB for all variables of an execution. The texts are as in executions on AWS that LocalStack's tests recorded.
"""

import json

from ministack.services import stepfunctions as sfn

# Its mends run inside those below, which see what it has evaluated.
from emulator.fidelity.stepfunctions import jsonata  # noqa: F401
from emulator.mend import wraps

LARGEST = 256 * 1024
LARGEST_VARIABLES = 10 * 1024 * 1024


def size_of(value):
    """The number of bytes of a value in JSON."""
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def require_room(value, where):
    """Fails the state unless a value is small enough to be passed on."""
    if size_of(value) > LARGEST:
        exceeding = "exceeding the maximum number of bytes service limit"
        cause = f"The state/task '{where}' returned a result with a size {exceeding}."
        raise sfn._ExecutionError("States.DataLimitExceeded", cause)
    return value


def _state_of(context):
    return (context or {}).get("State", {}).get("Name", "")


@wraps(sfn, "_start_execution")
def the_input_of_an_execution_is_limited(start_execution, request):
    """AWS: refuses an input of more than 256 KiB.

    MiniStack: takes any.
    """
    size = len(request.get("input", "").encode())
    if size > LARGEST:
        message = (
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LARGEST}"
        )
        return sfn.error_response_json("ValidationException", message, 400)
    return start_execution(request)


@wraps(sfn, "_invoke_resource")
def the_result_of_a_task_is_limited(invoke_resource, resource, arguments):
    """AWS: a task that is given or returns more than 256 KiB fails with States.DataLimitExceeded.

    MiniStack: takes and gives any.
    """
    service = resource.partition(":states:::")[2].partition(":")[0] or resource
    return require_room(invoke_resource(resource, require_room(arguments, service)), service)


def _limited(kind):
    """AWS: a state whose output is more than 256 KiB fails with States.DataLimitExceeded, and no Catch of its own has
    anything to catch, since a task's result, which it could, is smaller.

    MiniStack: takes any.
    """

    @wraps(sfn, f"_execute_{kind.lower()}")
    def execute(original, state, data, *rest):
        output, following = original(state, data, *rest)
        return require_room(output, _state_of(rest[-1])), following


for _kind in ("Pass", "Task", "Choice", "Wait", "Parallel", "Map"):
    _limited(_kind)


@wraps(sfn, "_run_sub_machine")
def the_input_of_a_branch_is_limited(run_sub_machine, states, start, data, execution, context):
    """AWS: as for other inputs, also if a Parallel or Map state has made it.

    MiniStack: takes any.
    """
    return run_sub_machine(states, start, require_room(data, _state_of(context)), execution, context)


@wraps(sfn, "_apply_output_path")
def the_output_of_a_succeed_state_is_limited(apply_output_path, state, data, context=None):
    """AWS: as for other states.

    MiniStack: takes any.
    """
    return require_room(apply_output_path(state, data, context), _state_of(context))


@wraps(sfn, "_apply_state_assign")
def variables_are_limited(assign, state, data, context, result=None, error_output=None):
    """AWS: variables that are assigned together have 256 KiB, and all of an execution 10 MiB.

    MiniStack: takes any.
    """
    assign(state, data, context, result=result, error_output=error_output)
    variables = (context or {}).get("variables") or {}
    assigned = {name: variables[name] for name in state.get("Assign") or {} if name in variables}
    if assigned and (size_of(assigned) > LARGEST or size_of(variables) > LARGEST_VARIABLES):
        raise sfn._ExecutionError(
            "States.DataLimitExceeded",
            f"The state '{_state_of(context)}' assigns variables of more than {LARGEST} bytes, or all variables now "
            f"have more than {LARGEST_VARIABLES} bytes.",
        )
