"""Answers without nulls. AWS leaves out what a resource does not have."""

import json


def without_nulls(answer):
    """The answer, which is status, headers and JSON, without members that are null."""
    status, headers, body = answer
    return status, headers, json.dumps(_without(json.loads(body))).encode()


def _without(value):
    if isinstance(value, dict):
        return {name: _without(part) for name, part in value.items() if part is not None}
    return [_without(part) for part in value] if isinstance(value, list) else value
