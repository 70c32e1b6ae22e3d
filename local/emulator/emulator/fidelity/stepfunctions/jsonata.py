"""State machines in JSONata.

Sources: the Step Functions guide, "Transforming data with JSONata" and "Passing data between states with variables".
"""

import json
import time

from jsonata.functions import Functions
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


@wraps(sfn, "_register_sfn_jsonata_functions")
def there_is_no_eval(register, expression):
    """AWS: JSONata's function $eval does not exist.

    MiniStack: it does.
    """
    register(expression)
    expression.assign("eval", None)


def _no_number(text):
    raise ValueError(f"{text} is no JSON")


@wraps(sfn, "_sfn_jsonata_parse")
def parse_takes_json(_parse, text):
    """AWS: $parse takes JSON.

    MiniStack: takes NaN, Infinity and -Infinity for numbers, too.
    """
    return json.loads(text, parse_constant=_no_number)


# JSONata: a number in a text has 15 digits.
_DIGITS = 15
# JavaScript: a whole number is written without an exponent below this one.
_EXPONENT_FROM = 1e21


def _as_in_javascript(value):
    """A value whose numbers are written as JavaScript writes them."""
    if isinstance(value, float):
        rounded = float(f"{value:.{_DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < _EXPONENT_FROM else rounded
    if isinstance(value, dict):
        return {name: _as_in_javascript(part) for name, part in value.items()}
    return [_as_in_javascript(part) for part in value] if isinstance(value, list) else value


@wraps(Functions, "_string")
def a_text_has_the_characters_that_a_value_has(_string, value, prettify):
    """AWS: in the text that $string makes of an object, characters and numbers are as in JavaScript: an accent is not
    escaped, and 1.0 is 1.

    MiniStack: escapes all characters that are not ASCII, and leaves numbers inside of an object as they are in Python.
    """
    if not isinstance(value, dict | list):
        return _string(value, prettify)
    form = {"indent": "  "} if prettify else {"separators": (",", ":")}
    return json.dumps(_as_in_javascript(value), cls=Functions.Encoder, ensure_ascii=False, **form)


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


@wraps(sfn, "_evaluate_jsonata_choice_rule")
def a_condition_is_true_or_false(_evaluate, rule, data, context):
    """AWS: a Condition that is neither true nor false is States.QueryEvaluationError.

    MiniStack: takes empty values for false, and all others for true.
    """
    return sfn._jsonata_state_field(rule, "Condition", "boolean", data, context)


@wraps(sfn, "_apply_state_assign")
def an_assignment_sees_the_variables_as_they_were(_assign, state, data, context, result=None, error_output=None):
    """AWS: all expressions of an Assign see the values that the variables had when the state was entered. The variables
    are assigned together, or none of them if an expression fails.

    MiniStack: assigns one after the other, so that an expression sees what the ones before it have assigned.
    """
    if context is None or not _jsonata(state, context) or not isinstance(state.get("Assign"), dict):
        return
    assigned = sfn._apply_jsonata_template(state["Assign"], data, context, result=result, error_output=error_output)
    context.setdefault("variables", {}).update(assigned)


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
