"""Judges requests: whether AWS's model of the operation allows what was asked."""

import json
import xml.etree.ElementTree as ET

from judges import shapes
from judges.protocols import form, rest, xml
from judges.protocols import json as json_protocol


def faults(call):
    """What is wrong with a request: pairs of a member's path and a sentence. None if it is not recorded."""
    shape, line = call.operation.input_shape, call.line
    if line.get("body_skipped"):
        return None
    if shape is None:
        return []
    try:
        value, strange = _value(call, shape, line["body"] or "")
    except (ValueError, ET.ParseError) as error:
        return [("", f"cannot be read: {error}")]
    unknown = [(name, "is not in the model") for name in strange]
    return unknown + list(shapes.faults(shape, value))


def _value(call, shape, body):
    match call.protocol:
        case "json":
            return json_protocol.value(shape, json.loads(body or "{}")), []
        case "query" | "ec2":
            return form.value(shape, call.form, call.protocol == "ec2"), []
        case "rest-json" | "rest-xml":
            value, strange = rest.located(call.operation, call.line)
            return value | _body(shape, body, call.protocol), strange
    raise ValueError(f"the protocol {call.protocol} is not judged")


def _body(shape, body, protocol):
    payload = shape.serialization.get("payload")
    if payload is not None:
        member = shape.members[payload]
        if member.type_name != "structure":
            return {payload: body.encode() if member.type_name == "blob" else body} if body else {}
        if not body:
            return {}
        return {payload: _decoded(member, body, protocol)}
    return _decoded(shape, body, protocol) if body else {}


def _decoded(shape, body, protocol):
    if protocol == "rest-json":
        return json_protocol.value(shape, json.loads(body))
    return xml.value(shape, ET.fromstring(body))
