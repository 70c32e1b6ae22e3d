"""Evaluates what state machines do with an error, for every kind of error."""

import json
import re

from judges import jsonata_machines
from judges.jsonata_errors import LONGEST_CAUSE

_LONGEST_ERROR = 256
# What reads an error that was caught before, in a variable or in the output of a branch.
_READS_A_FAILURE = re.compile(r"\$failures?\b|\$latest\b|\.failure\b")
_TENANT = "123456789012"
# In the worst case each of a tenant's resources is left, and a report names it twice. There are fewer kinds than this.
_KINDS = [f"kind-{number}" for number in range(15)]
# What a state machine knows when something fails, besides the failure.
_INPUT = {"tenant_id": _TENANT, "environment": "dev", "execution_arn": "arn:of", "leftovers": [], "resources": {}}
_CONTEXT = {"Execution": {"Id": "arn:here", "Input": _INPUT, "Name": "here", "StartTime": "2026-01-01T00:00:00Z"}}
_KNOWN = {
    "approved": {"tenant_id": _TENANT},
    "attempted": {},
    "attempts": 1,
    "clean_up": {"tenant_id": _TENANT, "owner": "arn:owner"},
    "deregistered": [],
    "kept": [],
    "leftovers": [{"kind": "database", "identifier": f"{_TENANT}_db", "reason": "in use"}],
    "looks": 1,
    "notes": [],
    "outcome": "rolled-back",
    "peer": {"environment": "dev", "execution_arn": "arn:peer"},
    "plan": {"tenant_id": _TENANT, "environment": "dev", "changes": [], "previous": {}, "wanted": {}},
    "removals": [],
    "removed": [],
    "rolled_back": True,
    "rounds": 1,
    "teardown": {"removed": [], "leftovers": [], "failures": []},
    "tenant_id": _TENANT,
    "unchecked": True,
}


def findings(definition, rows, engine):
    """What goes wrong in a machine: a place, what is wrong there, and after which error."""
    for name, state in jsonata_machines.states(definition).items():
        for number, catcher in enumerate(state.get("Catch", [])):
            for row in rows:
                for fault in _of_a_catcher(catcher, row, engine):
                    yield f"{name}/Catch/{number}", fault, row
        for row in rows:
            for field, fault in _of_readers(state, row, engine):
                yield f"{name}/{field}", fault, row


def variables_before(row):
    """The variables of a catcher that is given this error. Another one may have been caught before."""
    earlier = {"Error": "Earlier", "Cause": "an earlier cause", "step": "an-earlier-step"}
    states = {"input": _INPUT, "context": _CONTEXT, "errorOutput": row.output()}
    return _KNOWN | {"states": states, "failure": earlier, "latest": earlier, "failures": []}


def variables_after(row):
    """The variables of a state after this error has been caught."""
    failure = row.output() | {"step": "a-step", "kind": "database"}
    failures = [failure | {"kind": kind} for kind in _KINDS]
    left = [{"kind": kind, "identifier": f"arn:{'a' * 100}"} for kind in _KINDS]
    data = _INPUT | {"failure": [failure], "leftovers": left}
    states = {"input": data, "context": _CONTEXT, "result": {"Payload": {"leftovers": [], "resources": {}}}}
    return _KNOWN | {"states": states, "failure": failure, "latest": failure, "failures": failures}


def _of_a_catcher(catcher, row, engine):
    """What is wrong with what a catcher makes of an error."""
    variables = variables_before(row)
    kept = {"Output": row.output()} if "Output" not in catcher else {}
    try:
        for field in ("Assign", "Output"):
            if field in catcher:
                kept[field] = jsonata_machines.evaluated(catcher[field], engine, variables)
    except jsonata_machines.NotEvaluatedError as error:
        yield f"cannot be evaluated ({error})"
        return
    if not any(name and name in json.dumps(kept) for name in (row.error, row.inner)):
        yield "has lost the error's name"
    for path, value in _values(kept):
        # The original cause may be empty. What reads it knows.
        if value is None or (value == "" and path[-1] != "Cause"):
            yield f"has an empty {'.'.join(map(str, path))}"


def _values(value, path=()):
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _values(part, (*path, name))
    else:
        yield path, value


def _of_readers(state, row, engine):
    """What is wrong with the expressions of a state that read a failure."""
    variables = variables_after(row)
    fields = {name: value for name, value in jsonata_machines.fields(state).items() if name != "Catch"}
    for path, expression in jsonata_machines.expressions(fields):
        if not _READS_A_FAILURE.search(expression):
            continue
        place, answer = "/".join(map(str, path)), engine.evaluate(expression, variables)
        if "value" not in answer:
            yield place, f"cannot be evaluated ({answer.get('error', {}).get('message', 'there is no result')})"
        elif path[-1] == "Condition" and not isinstance(answer["value"], bool):
            yield place, f"is no boolean ({answer['value']!r})"
        elif state["Type"] == "Fail":
            yield from ((place, fault) for fault in _of_an_end(path[0], answer["value"], state, row))


def _passed_on(error):
    """The name under which an error ends an execution. Those that begin with "States." are reserved."""
    if not error.startswith("States."):
        return error
    return {"States.Timeout": "Transient", "States.Permissions": "AccessDenied"}.get(error, "Internal")


def _of_an_end(field, value, state, row):
    """What is wrong with the error or the cause with which an execution fails."""
    expected = _passed_on(row.error)
    longest = _LONGEST_ERROR if field == "Error" else LONGEST_CAUSE
    if not isinstance(value, str) or not value:
        yield f"is no text ({value!r})"
    elif len(value) > longest:
        yield f"has more than {longest} characters"
    elif field == "Error" and value != expected:
        yield f"is {value} and not {expected}"
    elif field == "Cause":
        try:
            told = dict(json.loads(value))
        except (ValueError, TypeError):
            yield "is no report"
            return
        if not told.get("message"):
            yield "has no message"
        if state["Error"].startswith("{%") and told.get("error") != expected:
            yield f"has the error {told.get('error')} and not {expected}"


def unparsable(definition, engine):
    """Expressions that the reference engine does not understand: pairs of a place and the reason."""
    for name, state in jsonata_machines.states(definition).items():
        for path, expression in jsonata_machines.expressions(jsonata_machines.fields(state)):
            # A function that is never called is read, and not evaluated.
            answer = engine.evaluate(f"$exists(function() {{ ({expression}) }})", {})
            if "error" in answer:
                yield "/".join(map(str, (name, *path))), f"is no JSONata ({answer['error']['message']})"
