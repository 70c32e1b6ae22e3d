"""Forms, in which query and ec2 write requests: `Tags.member.1.Key=name`."""

import urllib.parse

from judges.protocols.text import UNKNOWN, scalar

# They belong to the protocol and not to an operation's input.
_OF_THE_PROTOCOL = ("Action", "Version")


def fields(body):
    """The fields of a form."""
    return dict(urllib.parse.parse_qsl(body, keep_blank_values=True))


def value(shape, form, is_ec2):
    """The value of an operation's input."""
    tree = {}
    for name, text in form.items():
        if name in _OF_THE_PROTOCOL:
            continue
        *path, last = name.split(".")
        node = tree
        for step in path:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise ValueError(f"{name} is both a value and the beginning of a name")
        node[last] = text
    return _value(shape, tree, is_ec2)


def _value(shape, node, is_ec2):
    if isinstance(node, str):
        # An empty list or structure is written as an empty text.
        empty = {"list": [], "structure": {}, "map": {}}.get(shape.type_name)
        return empty if empty is not None and not node else scalar(shape, node)
    match shape.type_name:
        case "structure":
            return _structure(shape, node, is_ec2)
        case "list":
            if not (is_ec2 or shape.serialization.get("flattened")):
                node, others = _apart(node, shape.member.serialization.get("name", "member"))
                if others:
                    return {UNKNOWN + name: text for name, text in others.items()}
            return _list(shape, node, is_ec2)
        case "map":
            return _map(shape, node, is_ec2)
    return node


def _apart(node, name):
    inner = node.get(name, {})
    others = {key: text for key, text in node.items() if key != name}
    return (inner, others) if isinstance(inner, dict) else ({}, node)


def _structure(shape, node, is_ec2):
    names = {_name(member_shape, name, is_ec2): name for name, member_shape in shape.members.items()}
    found = {}
    for wire, part in node.items():
        member = names.get(wire)
        found[member or UNKNOWN + wire] = _value(shape.members[member], part, is_ec2) if member else part
    return found


def _name(member_shape, name, is_ec2):
    if is_ec2:
        query_name = member_shape.serialization.get("queryName")
        wire = query_name or member_shape.serialization.get("name", name)
        return wire if query_name else wire[0].upper() + wire[1:]
    if member_shape.type_name == "list" and member_shape.serialization.get("flattened"):
        return member_shape.member.serialization.get("name", member_shape.serialization.get("name", name))
    return member_shape.serialization.get("name", name)


def _list(shape, node, is_ec2):
    if sorted(node, key=_number) != [str(number) for number in range(1, len(node) + 1)]:
        return {UNKNOWN + name: text for name, text in node.items()}
    return [_value(shape.member, node[number], is_ec2) for number in sorted(node, key=_number)]


def _number(text):
    return int(text) if text.isdigit() else -1


def _map(shape, node, is_ec2):
    if not shape.serialization.get("flattened"):
        node = node.get("entry", {})
    key_name, value_name = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")
    return {entry.get(key_name): _value(shape.value, entry.get(value_name), is_ec2) for entry in node.values()}
