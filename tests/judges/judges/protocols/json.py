"""JSON: the whole body of json 1.0 and 1.1, and a part of rest-json."""

import base64
import binascii

from judges.protocols.text import UNKNOWN, name_in_model, names_of_members, timestamp


def value(shape, raw):
    """The value of the shape for what JSON says."""
    match shape.type_name:
        case "structure" if isinstance(raw, dict) and not shape.is_document_type:
            names = names_of_members(shape, name_in_model)
            return {
                names.get(key, UNKNOWN + key): value(shape.members[names[key]], part) if key in names else part
                for key, part in raw.items()
            }
        case "list" if isinstance(raw, list):
            return [value(shape.member, part) for part in raw]
        case "map" if isinstance(raw, dict):
            return {key: value(shape.value, part) for key, part in raw.items()}
        case "timestamp" if not isinstance(raw, bool) and raw is not None:
            return _timestamp(shape.serialization.get("timestampFormat", "unixTimestamp"), raw)
        case "blob" if isinstance(raw, str):
            try:
                return base64.b64decode(raw, validate=True)
            except binascii.Error:
                return raw
        case "float" | "double" if isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
    return raw


def _timestamp(form, raw):
    # A number where the form is one, and text where it is text.
    if isinstance(raw, str) == (form == "unixTimestamp"):
        return raw
    try:
        return timestamp(raw, form)
    except (ValueError, TypeError, OverflowError):
        return raw
