"""Compares a value with a shape of AWS's model."""

import datetime
import functools

import regex

from judges.protocols.text import UNKNOWN

_TYPES = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "character": str,
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "blob": bytes,
    "timestamp": datetime.datetime,
}


def faults(shape, value, path=""):
    """What is wrong with a value: pairs of the member's path and a sentence."""
    if shape.type_name == "structure" and shape.is_document_type:
        return
    if value is None:
        yield path, "is null"
        return
    wanted = _TYPES[shape.type_name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        yield path, f"is no {shape.type_name}: {_short(value)}"
    else:
        yield from _of_its_type(shape, value, path)


def _of_its_type(shape, value, path):
    match shape.type_name:
        case "structure":
            yield from _of_a_structure(shape, value, path)
        case "list":
            yield from _of_a_length(shape, len(value), "items", path)
            for each in value:
                yield from faults(shape.member, each, f"{path}[]")
        case "map":
            yield from _of_a_length(shape, len(value), "entries", path)
            for key, each in value.items():
                yield from faults(shape.key, key, f"{path} (key)")
                yield from faults(shape.value, each, f"{path}{{}}")
        case "string" | "character":
            yield from _of_a_string(shape, value, path)
        case "blob":
            yield from _of_a_length(shape, len(value), "bytes", path)
        case "integer" | "long" | "float" | "double":
            yield from _of_a_length(shape, value, "", path)


def _of_a_structure(shape, value, path):
    for name in value:
        if name.startswith(UNKNOWN):
            yield _below(path, name.removeprefix(UNKNOWN)), "is not in the model"
    for name in shape.required_members:
        if name not in value:
            yield _below(path, name), "is missing"
    if shape.is_tagged_union and len(value) != 1:
        yield path, f"is a union and has {len(value)} members: {', '.join(value)}"
    for name, member in shape.members.items():
        if name in value:
            yield from faults(member, value[name], _below(path, name))


def _of_a_string(shape, value, path):
    if shape.enum:
        if value not in shape.enum:
            yield path, f"is not in the enumeration: {_short(value)}"
        return
    yield from _of_a_length(shape, len(value), "characters", path)
    pattern = shape.metadata.get("pattern")
    if pattern and not _compiled(pattern).fullmatch(value):
        yield path, f"does not match {pattern}: {_short(value)}"


def _of_a_length(shape, length, unit, path):
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    count = f"{length} {unit}".strip()
    if least is not None and length < least:
        yield path, f"is less than {least}: {count}" if not unit else f"has fewer than {least} {unit}: {length}"
    if most is not None and length > most:
        yield path, f"is more than {most}: {count}" if not unit else f"has more than {most} {unit}: {length}"


@functools.cache
def _compiled(pattern):
    # The patterns are Java's, which are near enough to those of `regex`.
    return regex.compile(pattern, regex.VERSION0 | regex.DOTALL)


def _below(path, name):
    return f"{path}.{name}" if path else name


def _short(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
