"""Values that are written as text: in XML, in forms, in headers, in paths."""

import base64
import binascii
import datetime
import email.utils

# What an element has as its name if the model lacks it.
UNKNOWN = "?"


def scalar(shape, text, timestamps="iso8601"):
    """The value of a text; the text itself if it is no value of the shape's type."""
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "float" | "double":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}.get(text, text)
            case "timestamp":
                return timestamp(text, shape.serialization.get("timestampFormat", timestamps))
            case "blob":
                return base64.b64decode(text, validate=True)
            case _:
                return text
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return text


def timestamp(value, form):
    """The time that `value` says in the form of the model."""
    match form:
        case "unixTimestamp":
            return datetime.datetime.fromtimestamp(float(value), datetime.UTC)
        case "rfc822":
            return email.utils.parsedate_to_datetime(value)
        case _:
            return datetime.datetime.fromisoformat(value)


def names_of_members(shape, name_of):
    """The members of a structure by their names on the wire."""
    return {name_of(member_shape, name): name for name, member_shape in shape.members.items()}


def name_in_model(member_shape, name):
    """The name on the wire: what the model says, or else the member's own name."""
    return member_shape.serialization.get("name", name)
