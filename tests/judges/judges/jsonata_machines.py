"""The state machines of this repository: their states, and the expressions in them."""

import json
import pathlib
import re

DIRECTORY = pathlib.Path(__file__).parents[3] / "statemachines"
# What the template puts in place of `${...}`, where an expression needs a number. For all others a name will do.
_NUMBERS = {"BulkConcurrency": "5", "DeploymentPolls": "60"}
_INNER = ("Branches", "ItemProcessor")


def machines():
    """The definitions by the names of their files."""
    return {
        file.name.removesuffix(".asl.json"): json.loads(substituted(file.read_text()))
        for file in sorted(DIRECTORY.glob("*.asl.json"))
    }


def substituted(text):
    """A definition as it is deployed, with made-up names."""
    return re.sub(r"\$\{(\w+)\}", lambda name: _NUMBERS.get(name[1], "dev"), text)


def states(definition):
    """The states by name, those of branches and iterations among them."""
    found = dict(definition["States"])
    for state in definition["States"].values():
        inner = [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]
        for each in inner:
            found |= states(each)
    return found


def fields(state):
    """The fields of a state, without the states inside it."""
    return {name: value for name, value in state.items() if name not in _INNER}


def expressions(value, path=()):
    """The expressions in a value, with their paths and without their `{%` and `%}`."""
    if isinstance(value, str):
        if value.startswith("{%"):
            yield path, value[2:-2].strip()
    elif isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from expressions(part, (*path, name))


class NotEvaluatedError(Exception):
    """States.QueryEvaluationError: an expression has failed, or has no result."""


def evaluated(template, engine, variables):
    """The value of a field, whose expressions may be anywhere in it."""
    if isinstance(template, str) and template.startswith("{%"):
        answer = engine.evaluate(template[2:-2].strip(), variables)
        if "value" not in answer:
            raise NotEvaluatedError(answer.get("error", {}).get("message", "there is no result"))
        return answer["value"]
    if isinstance(template, dict):
        return {name: evaluated(part, engine, variables) for name, part in template.items()}
    if isinstance(template, list):
        return [evaluated(part, engine, variables) for part in template]
    return template
