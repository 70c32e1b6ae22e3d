"""Evaluates again what the emulator has evaluated, by the reference engine, and compares."""

import re

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# What such a function gives is different each time.
_DIFFERENT_EACH_TIME = re.compile(r"\$(now|millis|random|uuid|shuffle)\b")


def differences(lines, engine):
    """For each line of a recording, the line and what is wrong with it; None if nothing is, or it was not recorded."""
    for line in lines:
        yield line, None if "skipped" in line else difference(line, engine)


def difference(line, engine):
    """How the reference engine differs from the emulator; None if it does not."""
    expression = line["expression"]
    answer = engine.evaluate(expression, line["variables"], line.get("now"))
    if "value" not in answer:
        why = answer["error"]["message"] if "error" in answer else "there is no result"
        return None if "error" in line else f"fails on AWS ({why}), and not on the emulator"
    if "error" in line:
        return f"fails on the emulator ({line['error']}), and not on AWS"
    by_form = _DIFFERENT_EACH_TIME.search(expression)
    ours, theirs = (_form(value) if by_form else value for value in (line["value"], answer["value"]))
    if not same(ours, theirs):
        return f"is {_short(theirs)} on AWS, and {_short(ours)} on the emulator"
    return None


def same(one, other):
    """Whether two values of JSON are the same. True is not 1, as it is in Python."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(part, other[name]) for name, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _form(value):
    """A value with its numbers, times and random ids replaced by what they are."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return _UUID.sub("a UUID", _TIME.sub("a time", value))
    if isinstance(value, dict):
        return {name: _form(part) for name, part in value.items()}
    return [_form(part) for part in value]


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:100]} … {text[-97:]}"
