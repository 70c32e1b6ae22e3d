"""State machines in JSONata."""

import time

from jsonata.timebox import Timebox
from ministack.services import stepfunctions as sfn

from emulator.mend import wraps


@wraps(Timebox, "check_runaway")
def an_expression_is_timed_by_its_own_work(check, box):
    """AWS: an expression may take a second.

    MiniStack: measures that second by the clock, while hundreds of other executions may have their turn. The mend
    measures how long this thread has worked.
    """
    worked = time.thread_time()
    worked -= vars(box).setdefault("worked_before", worked)
    box.time = Timebox.current_milli_time() - round(worked * 1000)
    return check(box)


def _jsonata(state, context):
    return sfn._state_query_language(state, context) == "JSONata"


@wraps(sfn, "_apply_output_path")
def a_succeed_state_has_an_output(apply_output_path, state, data, context=None):
    """AWS: a Succeed state evaluates its Output.

    MiniStack: passes its input on.
    """
    if state.get("Type") == "Succeed" and _jsonata(state, context):
        return sfn._apply_jsonata_output(state, data, context, default=data)
    return apply_output_path(state, data, context)


@wraps(sfn, "_execute_choice")
def the_default_of_a_choice_has_an_output(execute_choice, state, data, context=None):
    """AWS: the Output and Assign of a Choice state apply when no rule matches.

    MiniStack: passes the input on.
    """
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
def a_parallel_state_has_arguments_and_an_output(run_parallel_branches, state, data, execution, context):
    """AWS: a Parallel state evaluates Arguments, Output and Assign.

    MiniStack: ignores them.
    """
    if not _jsonata(state, context):
        return run_parallel_branches(state, data, execution, context)
    arguments = sfn._apply_jsonata_arguments(state, data, context)
    results, following = run_parallel_branches(state, arguments, execution, context)
    output = sfn._apply_jsonata_output(state, data, context, result=results, default=results)
    sfn._apply_state_assign(state, data, context, result=results)
    return output, following


@wraps(sfn, "_run_sub_machine")
def a_variable_of_a_branch_stays_in_it(run_sub_machine, states, start, data, execution, context):
    """AWS: a variable that a branch or an iteration assigns is not seen outside of it.

    MiniStack: branches share their variables, and the name of the current state.
    """
    scope = {**context, "variables": dict(context.get("variables") or {})}
    return run_sub_machine(states, start, data, execution, scope)
