"""Calls of deployed functions that change nothing."""

import dataclasses
import json

# Every function refuses an input that is no object, before it touches anything: shared/src/runtime/input.rs.
REFUSED = "preflight: no JSON object, so that the function refuses it before it touches anything"

# A tenant id that is not in use: random ids begin with no zeros.
UNUSED_TENANT = "000000000000"

# The functions that only read, and what they are asked. All others are called with `REFUSED`.
READING = {
    "describe-tenant": {"tenant_id": UNUSED_TENANT},
    "generate-tenant-id": {},
    "inventory-tenant": {"tenant_id": UNUSED_TENANT},
    "list-tenants": {"limit": 1},
    "locate-tenant": {"tenant_id": UNUSED_TENANT},
    "resolve-environment": {},
    "tail-tenant-logs": {"tenant_id": UNUSED_TENANT, "limit": 1},
}


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer of a function, or the name of its error and the message."""

    answer: object
    error: str | None = None
    message: str = ""


def invoke(aws, function, payload):
    """Calls a function and waits for its answer."""
    short = function.partition("-")[2]
    allowed = READING.get(short, REFUSED)
    if payload not in (allowed, REFUSED) and short != "resolve-environment":
        raise ValueError(f"{function} may not be called with {payload!r}")
    response = aws.call("lambda", "invoke", FunctionName=function, Payload=json.dumps(payload).encode())
    answer = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" not in response:
        return Answer(answer)
    answer = answer if isinstance(answer, dict) else {}
    # An error of Lambda itself has no type, only a message that begins with one.
    message = str(answer.get("errorMessage", ""))
    return Answer(None, answer.get("errorType") or message.partition(":")[0] or response["FunctionError"], message)
