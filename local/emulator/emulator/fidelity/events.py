"""EventBridge: how it hands events to Lambda, and where it puts those that it cannot hand over."""

import contextvars
import json

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs

from emulator.mend import wraps

_EVENTS = "events.amazonaws.com"

# The rule and the target to which this thread delivers an event.
_delivery = contextvars.ContextVar("delivery", default=None)


def _permits(action, arn, rule):
    """Whether the policy of the resource allows EventBridge to do `action` for the rule."""
    if not app.AUTH:
        return True
    asked = iam_evaluator.EvalContext(
        principal_arn=_EVENTS,
        principal_type="AWSService",
        principal_account=get_account_id(),
        action=action,
        resource_arn=arn,
        region=get_region(),
        service_context={"aws:sourcearn": rule["Arn"], "aws:sourceaccount": get_account_id()},
    )
    policy, _ = iam_evaluator._resource_policy(action.partition(":")[0], arn) or (None, None)
    return iam_evaluator.evaluate_resource_policy(policy, asked, service=_EVENTS).decision == "Allow"


def _give_up(payload, code, message):
    """Puts an event into the dead-letter queue of its target, if there is one that EventBridge may send to.

    Source: the EventBridge guide, "Using dead-letter queues to process undelivered events".
    """
    rule, target = _delivery.get()
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue or sqs._queue_by_arn(queue) is None or not _permits("sqs:SendMessage", queue, rule):
        eventbridge.logger.error("EventBridge: an event of rule %s is lost: %s", rule["Name"], message)
        return
    reasons = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": code, "ERROR_MESSAGE": message}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in reasons.items()}
    name = queue.rpartition(":")[2]
    sqs._act_send_message({"QueueUrl": name, "MessageBody": payload, "MessageAttributes": attributes}, name)


@wraps(eventbridge, "_invoke_target")
def a_delivery_knows_its_rule_and_target(invoke_target, target, event, rule, view=None):
    """Prepares `a_function_is_invoked_asynchronously`."""
    outer = _delivery.set((rule, target))
    try:
        return invoke_target(target, event, rule, view)
    finally:
        _delivery.reset(outer)


@wraps(eventbridge, "_dispatch_to_lambda")
def a_function_is_invoked_asynchronously(dispatch, arn, payload):
    """AWS: invokes a function asynchronously, so with Lambda's retries and destinations. When the function does not
    exist or does not permit it, the event goes to the target's dead-letter queue at once.

    MiniStack: runs the function once, whether it permits it or not.
    """
    if _delivery.get() is None:
        return dispatch(arn, payload)
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        return _give_up(payload, "NO_RESOURCE", f"Function not found: {arn}")
    if not _permits("lambda:InvokeFunction", arn, _delivery.get()[0]):
        message = f"User: {_EVENTS} is not authorized to perform: lambda:InvokeFunction on resource: {arn}"
        return _give_up(payload, "NO_PERMISSIONS", message)
    record = lambda_svc._execution_record_for_config(function, config)
    return lambda_svc.invoke_async_with_retry(record, json.loads(payload))
