"""What the mends of event_targets.py promise."""

import json
import threading

import event_targets  # noqa: F401
from ministack.services import eventbridge, lambda_svc, sqs
from testing import ACCOUNT, REGION, LocalTestCase

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


class EventTargets(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda_svc._functions.clear)
        self.addCleanup(sqs.reset)
        for name, value in (("_LAMBDA_ASYNC_RETRY_BASE_SECONDS", 0), ("_execute_function", self.call)):
            self.addCleanup(setattr, lambda_svc, name, getattr(lambda_svc, name))
            setattr(lambda_svc, name, value)
        self.calls, self.answers, self.routed = [], [], threading.Event()
        self.called = threading.Event()
        configuration = {"FunctionName": "f", "FunctionArn": FUNCTION, "Version": "$LATEST"}
        destination = {"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}}
        invoked = {"$LATEST": {"MaximumRetryAttempts": 2, "DestinationConfig": destination}}
        lambda_svc._functions["f"] = {"config": configuration, "versions": {}, "event_invoke_configs": invoked}
        original = lambda_svc._route_async_failure
        self.addCleanup(setattr, lambda_svc, "_route_async_failure", original)
        lambda_svc._route_async_failure = lambda *failure: (self.failed.append(failure), self.routed.set())
        self.failed = []

    def call(self, _, event):
        self.calls.append(event)
        answer = self.answers.pop(0)
        if not answer.get("error"):
            self.called.set()
        return answer

    def put(self):
        eventbridge._dispatch_to_lambda(FUNCTION, json.dumps({"id": "1"}))

    def test_a_function_that_fails_is_called_again(self):
        self.answers = [{"error": True}, {"body": "{}"}]
        self.put()
        self.assertTrue(self.called.wait(10))
        self.assertEqual((self.calls, self.failed), ([{"id": "1"}] * 2, []))

    def test_an_event_that_fails_for_good_goes_to_the_destination(self):
        self.answers = [{"error": True, "body": {"errorType": "InvalidRequest"}}] * 3
        self.put()
        self.assertTrue(self.routed.wait(10))
        (destination, function, event, result), = self.failed
        self.assertEqual((destination.rpartition(":")[2], function, event), ("q", "f", {"id": "1"}))
        self.assertEqual((len(self.calls), result["body"]["errorType"]), (3, "InvalidRequest"))
