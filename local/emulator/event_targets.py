"""How EventBridge calls a function, as AWS has it."""

import json

from mend import wraps
from ministack.services import eventbridge, lambda_svc


@wraps(eventbridge, "_dispatch_to_lambda")
def a_function_is_called_asynchronously(dispatch_to_lambda, arn, payload):
    """AWS: a rule invokes a function asynchronously, which Lambda tries again and at last hands to the on-failure
    destination. MiniStack: calls it once, and forgets its error."""
    function, configuration, _ = lambda_svc._get_func_record_for_ref(arn)
    if function and configuration:
        record = lambda_svc._execution_record_for_config(function, configuration)
        lambda_svc.invoke_async_with_retry(record, json.loads(payload))
    else:
        dispatch_to_lambda(arn, payload)
