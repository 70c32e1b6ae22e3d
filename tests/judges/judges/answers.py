"""Judges answers, which are the emulator's: whether AWS's model of the operation knows what was answered."""

import json
import xml.etree.ElementTree as ET

from judges import shapes
from judges.protocols import json as json_protocol
from judges.protocols import rest, xml

# AWS's lists of common errors, which a model does not repeat.
_COMMON_ERRORS = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidClientTokenId",
    "InvalidParameterCombination",
    "InvalidParameterValue",
    "MissingAuthenticationToken",
    "MissingParameter",
    "RequestExpired",
    "RequestLimitExceeded",
    "SerializationException",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
}
# The models of these services list none of an operation's errors, or only some.
_INCOMPLETE_ERRORS = ("ec2", "s3")
# Members of an error that belong to the protocol.
_OF_AN_ERROR = {"__type", "code", "Code", "message", "Message", "Type", "type", "RequestId"}


def faults(call):
    """What is wrong with an answer: pairs of a member's path and a sentence. None if it is not recorded."""
    line = call.line
    if line.get("answer_skipped") or line.get("status") is None:
        return None
    try:
        if line["status"] >= 300:
            return list(_of_an_error(call))
        return list(_of_an_output(call))
    except (ValueError, ET.ParseError) as error:
        return [("", f"cannot be read: {error}")]


def _of_an_output(call):
    shape, line = call.operation.output_shape, call.line
    if shape is None:
        return
    text = line["answer"] or ""
    yield from shapes.faults(shape, _located(call, shape) | _body(call, shape, text))


def _located(call, shape):
    if not call.protocol.startswith("rest-"):
        return {}
    return rest.headers_of_answer(shape, call.line["status"], call.line["answer_headers"])


def _body(call, shape, text):
    if call.protocol in ("query", "ec2"):
        return _answer_of_a_form(call, shape, ET.fromstring(text))
    payload = shape.serialization.get("payload") if call.protocol.startswith("rest-") else None
    if payload is not None:
        member = shape.members[payload]
        if member.serialization.get("eventstream") or call.line["method"] == "HEAD":
            return {}
        if member.type_name != "structure":
            return {payload: text.encode() if member.type_name == "blob" else text}
        return {payload: _decoded(call, member, text)} if text else {}
    return _decoded(call, shape, text) if text else {}


def _decoded(call, shape, text):
    if call.protocol == "rest-xml":
        return xml.members(shape, ET.fromstring(text))
    raw = json.loads(text)
    if isinstance(raw, dict):
        raw.pop("__type", None)
    return json_protocol.value(shape, raw)


def _answer_of_a_form(call, shape, root):
    if call.protocol == "ec2":
        return xml.members(shape, root, ignored=("requestId",))
    wrapper = shape.serialization.get("resultWrapper")
    if wrapper is None:
        return xml.members(shape, root, ignored=("ResponseMetadata",))
    inner = next((child for child in root if xml.local_name(child) == wrapper), None)
    if inner is None:
        raise ValueError(f"{wrapper} is missing")
    return xml.members(shape, inner)


def _of_an_error(call):
    code, raw = _error(call)
    if not code:
        # Nothing but the status answers HEAD.
        if call.line["method"] != "HEAD" and call.line["status"] not in (304,):
            yield "", f"is an error without a code, with status {call.line['status']}"
        return
    declared = {_code(shape): shape for shape in call.operation.error_shapes}
    if code in declared:
        shape, status = declared[code], declared[code].metadata.get("error", {}).get("httpStatusCode")
        if status is not None and status != call.line["status"]:
            yield f"error {code}", f"has status {call.line['status']}, and should have {status}"
        if raw is not None:
            value = json_protocol.value(shape, {key: part for key, part in raw.items() if key not in _OF_AN_ERROR})
            for path, text in shapes.faults(shape, _located(call, shape) | value):
                # Every error has a message, in capitals or not.
                if path.lower() != "message":
                    yield f"error {code}: {path}", text
    elif code not in _COMMON_ERRORS and call.line["service"] not in _INCOMPLETE_ERRORS:
        yield f"error {code}", "is not in the model of the operation"


def _code(shape):
    return shape.metadata.get("error", {}).get("code") or shape.name


def _error(call):
    """The code of an error and, if it is JSON, its members."""
    text, headers = call.line["answer"] or "", call.line["answer_headers"]
    if call.protocol in ("json", "rest-json"):
        raw = json.loads(text) if text else {}
        code = headers.get("x-amzn-errortype") or raw.get("__type") or raw.get("code") or ""
        return code.split(":")[0].rpartition("#")[2], raw
    if not text:
        return "", None
    root = ET.fromstring(text)
    codes = [element.text for element in root.iter() if xml.local_name(element) == "Code"]
    return (codes[0] if codes else ""), None
