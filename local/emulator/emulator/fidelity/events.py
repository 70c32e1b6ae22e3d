"""How EventBridge hands events to Lambda, and where it puts those that it cannot hand over, as AWS has it."""

import contextvars
import json

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc, sqs

from emulator.mend import wraps

_EVENTS = "events.amazonaws.com"

# The rule and the target of the delivery that is under way.
_delivery = contextvars.ContextVar("delivery", default=None)


def _permits(action, arn, rule):
    """Whether the resource's own policy lets EventBridge do `action` for the rule."""
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
    """Puts an event into the queue of its target, if that has one and lets EventBridge. Source: the EventBridge guide,
    "Using dead-letter queues to process undelivered events".
    """
    rule, target = _delivery.get()
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue or sqs._queue_by_arn(queue) is None or not _permits("sqs:SendMessage", queue, rule):
        eventbridge.logger.error("EventBridge: an event of rule %s is lost: %s", rule["Name"], message)
        return
    told = {"RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"], "ERROR_CODE": code, "ERROR_MESSAGE": message}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items()}
    name = queue.rpartition(":")[2]
    sqs._act_send_message({"QueueUrl": name, "MessageBody": payload, "MessageAttributes": attributes}, name)


@wraps(eventbridge, "_invoke_target")
def a_delivery_is_known(invoke_target, target, event, rule, view=None):
    """Prepares the mend below."""
    outer = _delivery.set((rule, target))
    try:
        return invoke_target(target, event, rule, view)
    finally:
        _delivery.reset(outer)


@wraps(eventbridge, "_dispatch_to_lambda")
def a_function_is_invoked_asynchronously_if_it_lets_eventbridge(dispatch, arn, payload):
    """AWS: invokes a function asynchronously, so with Lambda's retries and destinations; without a permission, or
    without a function, the event goes to the target's dead-letter queue at once. MiniStack: runs any function once.
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
