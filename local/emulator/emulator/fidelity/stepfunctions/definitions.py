"""What a state machine's definition may say.

Source: the Step Functions guide, "Passing data between states with variables". AWS checks it when a state machine is
created, updated or validated.
"""

import json
import re

from ministack.services import stepfunctions as sfn

from emulator.mend import wraps

# Which fields of a state may refer to `$states.result`. Whether those of a Pass state may is not documented.
_WITH_A_RESULT = ("Output", "Assign")
_HAVE_A_RESULT = ("Task", "Parallel", "Map", "Pass")


def _expressions(value, path):
    """The expressions in a field, with their paths."""
    if isinstance(value, str):
        if value.startswith("{%"):
            yield path, value
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _expressions(part, f"{path}/{name}")


def _scopes_within(state):
    """The state machines that run inside of a state and see its variables: pairs of path and definition."""
    for number, branch in enumerate(state.get("Branches") or []):
        yield f"Branches/{number}", branch
    for name in ("ItemProcessor", "Iterator"):
        processor = state.get(name)
        # The child executions of a Distributed Map do not see the variables of their parent.
        if processor and (processor.get("ProcessorConfig") or {}).get("Mode") != "DISTRIBUTED":
            yield name, processor


def _assigned(state):
    """The names that a state assigns, with the paths of their Assign."""
    places = {"": state}
    for name in ("Catch", "Choices"):
        places |= {f"/{name}/{number}": part for number, part in enumerate(state.get(name) or [])}
    for path, place in places.items():
        if isinstance(place.get("Assign"), dict):
            yield from ((name, f"{path}/Assign/{name}") for name in place["Assign"])


def _reassigned(definition, path, outer):
    """Variables of an outer scope that an inner one assigns."""
    states = definition.get("States") or {}
    names = outer | {name for state in states.values() for name, _ in _assigned(state)}
    for state_name, state in states.items():
        here = f"{path}/States/{state_name}"
        for name, where in _assigned(state):
            if name in outer:
                yield f"The variable '{name}' belongs to an outer scope, and cannot be assigned at {here}{where}"
        for where, inner in _scopes_within(state):
            yield from _reassigned(inner, f"{here}/{where}", names)


def _misplaced(definition, path=""):
    """References to `$states.result` and `$states.errorOutput` where there is none."""
    for state_name, state in (definition.get("States") or {}).items():
        here = f"{path}/States/{state_name}"
        for field, value in state.items():
            if field in ("Branches", "ItemProcessor", "Iterator"):
                continue
            has_result = state.get("Type") in _HAVE_A_RESULT and field in _WITH_A_RESULT
            for where, expression in _expressions(value, f"{here}/{field}"):
                for name, allowed in (("result", has_result), ("errorOutput", field == "Catch")):
                    if re.search(rf"\$states\.{name}\b", expression) and not allowed:
                        yield f"There is no $states.{name} at {where}"
        for number, branch in enumerate(state.get("Branches") or []):
            yield from _misplaced(branch, f"{here}/Branches/{number}")
        for name in ("ItemProcessor", "Iterator"):
            yield from _misplaced(state.get(name) or {}, f"{here}/{name}")


@wraps(sfn, "_validate_definition_jsonata")
def a_definition_is_checked(validate, definition):
    """AWS: refuses a definition in which a branch or an iteration assigns a variable of the scope around it, or in
    which a field refers to $states.result or $states.errorOutput and has none.

    MiniStack: accepts it.
    """
    refused = validate(definition)
    try:
        parsed = json.loads(definition or "")
    except ValueError:
        return refused
    if refused or not isinstance(parsed, dict) or parsed.get("QueryLanguage") != "JSONata":
        return refused
    faults = [*_reassigned(parsed, "", set()), *_misplaced(parsed)]
    return f"SCHEMA_VALIDATION_FAILED: {faults[0]}" if faults else None
