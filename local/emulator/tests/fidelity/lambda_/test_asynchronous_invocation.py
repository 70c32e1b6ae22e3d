"""Asynchronous invocation."""

import json

from ministack.services import lambda_svc, sqs

from support import ACCOUNT, REGION, RolesTestCase

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
CONFIGURATION = {"MaximumRetryAttempts": 1, "DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}


class AsynchronousInvocation(RolesTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sqs.reset)
        self.addCleanup(lambda_svc._functions.clear)
        sqs._act_create_queue({"QueueName": "q"}, "")

    def make_function(self, *allowed):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        config = {"FunctionName": "f", "FunctionArn": arn, "Role": self.make_role("f", *allowed)}
        lambda_svc._functions["f"] = {"config": config, "versions": {}, "aliases": {}}

    def messages(self):
        return [json.loads(message["body"]) for message in sqs._queue_by_arn(QUEUE)["messages"]]

    def test_a_queue_gets_the_event_and_the_error(self):
        self.make_function(("sqs:SendMessage", QUEUE))
        self.assertEqual(lambda_svc._put_event_invoke_config("f", "$LATEST", CONFIGURATION)[0], 200)
        failure = {"error": True, "function_error": "Unhandled", "body": {"errorType": "InvalidRequest"}}
        lambda_svc._route_async_failure(QUEUE, "f", {"id": "e"}, failure)
        (record,) = self.messages()
        self.assertEqual((record["requestPayload"], record["responsePayload"]), ({"id": "e"}, failure["body"]))
        self.assertEqual(record["responseContext"]["executedVersion"], "$LATEST")
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 2)

    def test_a_role_that_may_not_send_is_refused_in_the_configuration_and_at_the_failure(self):
        self.make_function(("sqs:SendMessage", QUEUE))
        lambda_svc._put_event_invoke_config("f", "$LATEST", CONFIGURATION)
        self.make_role("f")
        status, _, body = lambda_svc._put_event_invoke_config("f", "$LATEST", CONFIGURATION)
        self.assertEqual((status, json.loads(body)["__type"]), (400, "InvalidParameterValueException"))
        lambda_svc._route_async_failure(QUEUE, "f", {}, {"error": True})
        self.assertEqual(self.messages(), [])
