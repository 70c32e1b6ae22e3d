"""Asynchronous invocation: what becomes of an event on which every attempt has failed."""

import json
from datetime import UTC, datetime

from ministack.core.responses import error_response_json, new_uuid
from ministack.services import lambda_svc, sqs

from emulator.fidelity.iam import roles
from emulator.mend import wraps

_INVALID = "InvalidParameterValueException"


def _configuration(function):
    return function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}


def _on_failure(configuration):
    """The ARN of the queue to which a configuration sends failed events; None if it has none."""
    arn = ((configuration.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination") or ""
    return arn if arn.startswith("arn:aws:sqs:") else None


def _refusal(function, queue):
    """Why the function's role may not send to the queue; None if it may."""
    config = function["config"]
    return roles.denial(config["Role"], config["FunctionName"], "sqs:SendMessage", queue)


def _record(function, event, result):
    """The record that a destination gets.

    Source: the Lambda guide, "Capturing records of Lambda asynchronous invocations".
    """
    answer = result.get("body")
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": new_uuid(),
            "functionArn": f"{function['config']['FunctionArn']}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": int(_configuration(function).get("MaximumRetryAttempts", 2)) + 1,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.get("function_error") or "Unhandled",
        },
        "responsePayload": answer if isinstance(answer, dict) else {},
    }


@wraps(lambda_svc, "_route_async_failure")
def a_failed_event_is_sent_by_the_role_with_a_whole_record(route, target, name, event, result):
    """AWS: sends with the permissions of the function's role. The record has the version of its format, the time, the
    request's id and the function's version.

    MiniStack: sends without asking for permission, and leaves these fields out.
    """
    function = lambda_svc._functions.get(name)
    if function is None or _on_failure(_configuration(function)) != target or sqs._queue_by_arn(target) is None:
        return route(target, name, event, result)
    refusal = _refusal(function, target)
    if refusal:
        lambda_svc.logger.error("Lambda %s: a failed event is lost: %s", name, refusal)
        return None
    queue = target.rpartition(":")[2]
    sqs._act_send_message({"QueueUrl": queue, "MessageBody": json.dumps(_record(function, event, result))}, queue)
    return None


@wraps(lambda_svc, "_put_event_invoke_config")
def a_destination_needs_a_role_that_may_send_to_it(put_event_invoke_config, name, qualifier, request):
    """AWS: refuses a destination to which the function's role may not send.

    MiniStack: accepts any.
    """
    function, queue = lambda_svc._functions.get(name), _on_failure(request)
    if function and queue:
        refusal = _refusal(function, queue)
        if refusal:
            reason = f"The function's execution role does not have permissions to call SendMessage on {queue}"
            return error_response_json(_INVALID, reason, 400)
    return put_event_invoke_config(name, qualifier, request)
