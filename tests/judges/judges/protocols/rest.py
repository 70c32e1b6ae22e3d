"""What rest-json and rest-xml write outside of the body: in the method, the path, the query and the headers."""

import functools
import re
import urllib.parse

from judges.protocols.text import name_in_model, scalar


@functools.cache
def template(uri):
    """A URI template as a regular expression for paths, and the fixed parts of its query."""
    path, _, query = uri.partition("?")
    pieces = re.split(r"(\{[^}]+\})", path.rstrip("/"))
    pattern = "".join(_piece(piece) for piece in pieces)
    return re.compile(pattern + "/?"), urllib.parse.parse_qs(query, keep_blank_values=True)


def _piece(piece):
    if not piece.startswith("{"):
        return re.escape(piece)
    name = piece[1:-1]
    # A greedy label may contain slashes.
    return f"(?P<{name[:-1]}>.+)" if name.endswith("+") else f"(?P<{name}>[^/]+)"


def operation(service, line):
    """The name of the operation that a request is of; None if there is none.

    Of several templates that match, the one with the most fixed parts in its query wins, and then the longest one.
    """
    found = []
    for name in service.operation_names:
        http = service.operation_model(name).http
        if http["method"] != line["method"]:
            continue
        path, query = template(http["requestUri"])
        if path.fullmatch(line["path"]) and all(line["query"].get(key) == fixed for key, fixed in query.items()):
            found.append((_required_in_query(service.operation_model(name), line), len(query), len(path.pattern), name))
    found = [each for each in found if each[0] is not None]
    return max(found, default=(None,))[-1]


def _required_in_query(operation_model, line):
    """How many required members the query and the headers have; None if one is missing there.

    S3 has operations that differ in nothing else.
    """
    shape, count = operation_model.input_shape, 0
    for name in shape.required_members if shape else ():
        member = shape.members[name]
        where = {"querystring": line["query"], "header": line["headers"]}.get(member.serialization.get("location"))
        if where is None:
            continue
        wire = name_in_model(member, name)
        if (wire if where is line["query"] else wire.lower()) not in where:
            return None
        count += 1
    return count


def located(operation_model, line):
    """The members of the input that are not in the body, and the parts of the query that the model lacks."""
    shape, found = operation_model.input_shape, {}
    if shape is None:
        return {}, []
    path, fixed = template(operation_model.http["requestUri"])
    labels = path.fullmatch(line["path"]).groupdict()
    left = {name: values for name, values in line["query"].items() if name not in fixed and name != "x-id"}
    for name, member in shape.members.items():
        wire = name_in_model(member, name)
        match member.serialization.get("location"):
            case "uri" if wire in labels:
                found[name] = scalar(member, urllib.parse.unquote(labels[wire]))
            case "querystring":
                if member.type_name == "map":
                    found[name] = {key: _query(member.value, values) for key, values in left.items()}
                    left = {}
                elif wire in left:
                    found[name] = _query(member, left.pop(wire))
            case "header" | "headers":
                found.update(_header(name, wire, member, line["headers"]))
    # A signed address has the signature in its query.
    return found, [name for name in left if not name.startswith("X-Amz-")]


def _query(shape, values):
    if shape.type_name == "list":
        return [scalar(shape.member, each) for each in values]
    return scalar(shape, values[0])


def _header(name, wire, member, headers):
    if member.type_name == "map":
        prefix = wire.lower()
        found = {header[len(prefix) :]: text for header, text in headers.items() if header.startswith(prefix)}
        return {name: found} if found else {}
    text = headers.get(wire.lower())
    if text is None:
        return {}
    if member.type_name == "list":
        return {name: [scalar(member.member, each.strip()) for each in text.split(",")]}
    if member.type_name == "string":
        return {name: text}
    return {name: scalar(member, text, timestamps="rfc822")}


def headers_of_answer(shape, status, headers):
    """The members of an output, or of an error, that are in the head of an answer."""
    found = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        if location == "statusCode":
            found[name] = status
        elif location in ("header", "headers"):
            found.update(_header(name, name_in_model(member, name), member, headers))
    return found
