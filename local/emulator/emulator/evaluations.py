"""Records what state machines evaluate, so that JSONata's reference engine can judge it: see recordings.py.

A line has an expression, what it could see, and its value or error. What it cannot have looked at is left out, so that
equal evaluations of many executions are one line.
"""

import hashlib
import pathlib
import re
import threading
import time

from ministack.services import stepfunctions as sfn

from emulator import recordings
from emulator.mend import wraps

# After so many different lines, those before them are forgotten, and may come again.
_MOST_REMEMBERED = 500_000
# What MiniStack keeps beside the context object.
_NOT_OF_THE_CONTEXT = ("QueryLanguage", "variables")


class Evaluations:
    """A recording of evaluations, in which each is one line."""

    def __init__(self, into):
        self._into = into
        self._lock = threading.Lock()
        self._written = set()

    def write(self, line, now):
        """Writes an evaluation that began `now`, in milliseconds, unless there is one like it."""
        text = recordings.without_secrets(recordings.in_json(line))
        digest = hashlib.sha256(text.encode()).digest()
        with self._lock:
            if digest in self._written:
                return
            if len(self._written) >= _MOST_REMEMBERED:
                self._written.clear()
            self._written.add(digest)
        if len(text) > recordings.LARGEST_BODY:
            self._into.write({"expression": line["expression"], "skipped": f"{len(text)} characters"})
        else:
            self._into.write_text(f'{text[:-1]},"now":{now}}}')


def _mentioned(members, prefix, expression):
    """The members that an expression names after a prefix; all, if it mentions the prefix alone."""
    if re.search(rf"{prefix}(?!\.\w)", expression):
        return members
    return {name: members[name] for name in re.findall(rf"{prefix}\.(\w+)", expression) if name in members}


def variables_of(expression, data, context, result=None, error_output=None):
    """The variables that an expression sees on AWS, as far as it mentions them."""
    states = {"input": data, "result": result, "errorOutput": error_output}
    states = {name: value for name, value in states.items() if name == "input" or value is not None}
    of_context = {name: value for name, value in context.items() if name not in _NOT_OF_THE_CONTEXT}
    states["context"] = _mentioned(of_context, r"\$states\.context", expression)
    assigned = context.get("variables") or {}
    found = {name: assigned[name] for name in re.findall(r"\$(\w+)", expression) if name in assigned}
    return found | {"states": _mentioned(states, r"\$states", expression)}


def record_evaluations(into):
    """MiniStack: keeps no record of what it evaluates. From now on, `into` has it."""

    @wraps(sfn, "_evaluate_jsonata")
    def evaluate_and_record(evaluate, expression, data, context=None, result=None, error_output=None):
        now = int(time.time() * 1000)
        context = context or {}
        line = {
            "machine": context.get("StateMachine", {}).get("Name"),
            "state": context.get("State", {}).get("Name"),
            "expression": expression,
            "variables": variables_of(expression, data, context, result, error_output),
        }
        try:
            value = evaluate(expression, data, context, result, error_output)
        except sfn._ExecutionError as error:
            into.write(line | {"error": error.cause}, now)
            raise
        into.write(line | {"value": value}, now)
        return value


if recordings.DIRECTORY:
    path = pathlib.Path(recordings.DIRECTORY, "evaluations.jsonl.gz")
    record_evaluations(Evaluations(recordings.Recording(path)))
