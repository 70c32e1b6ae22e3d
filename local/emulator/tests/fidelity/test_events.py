"""EventBridge."""

import json

from ministack.services import eventbridge, lambda_svc, sqs

from support import ACCOUNT, REGION, RolesTestCase

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


def permission(action, resource):
    """A policy's statement that lets the rule do something."""
    condition = {"ArnLike": {"AWS:SourceArn": RULE}}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
    return {**allowed, "Principal": {"Service": "events.amazonaws.com"}}


class EventDelivery(RolesTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sqs.reset)
        self.addCleanup(eventbridge.reset)
        self.addCleanup(lambda_svc._functions.clear)
        policy = json.dumps({"Statement": [permission("sqs:SendMessage", QUEUE)]})
        sqs._act_create_queue({"QueueName": "q", "Attributes": {"Policy": policy}}, "")
        eventbridge._ensure_default_bus()
        self.invoked = []
        original = lambda_svc.invoke_async_with_retry
        self.addCleanup(setattr, lambda_svc, "invoke_async_with_retry", original)
        lambda_svc.invoke_async_with_retry = lambda _, event: self.invoked.append(event)

    def make_function(self, *statements):
        config = {"FunctionName": "f", "FunctionArn": FUNCTION, "Version": "$LATEST"}
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        lambda_svc._functions["f"] = {"config": config, "versions": {}, "aliases": {}, "policy": policy}

    def put(self, detail, pattern=None):
        """Puts an event on the bus, with a rule for the function."""
        pattern = json.dumps({"source": ["signup"], **(pattern or {})})
        self.assertEqual(eventbridge._put_rule({"Name": "r", "EventPattern": pattern})[0], 200)
        target = {"Id": "t", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": QUEUE}}
        eventbridge._put_targets({"Rule": "r", "Targets": [target]})
        entry = {"Source": "signup", "DetailType": "TenantSignedUp", "Detail": json.dumps(detail)}
        eventbridge._put_events({"Entries": [entry]})

    def test_a_function_that_permits_it_is_invoked_asynchronously(self):
        self.make_function(permission("lambda:InvokeFunction", FUNCTION))
        self.put({"signup_id": "s"})
        self.assertEqual([event["detail"] for event in self.invoked], [{"signup_id": "s"}])
        self.assertEqual(sqs._queue_by_arn(QUEUE)["messages"], [])

    def test_an_event_that_cannot_be_delivered_goes_to_the_dead_letter_queue_with_the_reason(self):
        self.put({"signup_id": "s"})
        self.make_function()
        self.put({"signup_id": "s"})
        codes = []
        for message in sqs._queue_by_arn(QUEUE)["messages"]:
            self.assertEqual(json.loads(message["body"])["detail"], {"signup_id": "s"})
            told = {name: value["StringValue"] for name, value in message["message_attributes"].items()}
            self.assertEqual((told["RULE_ARN"], told["TARGET_ARN"]), (RULE, FUNCTION))
            codes.append(told["ERROR_CODE"])
        self.assertEqual((codes, self.invoked), (["NO_RESOURCE", "NO_PERMISSIONS"], []))

    def test_a_rule_passes_events_of_its_environment_of_none_and_of_an_unknown_one(self):
        self.make_function(permission("lambda:InvokeFunction", FUNCTION))
        names = ["dev", {"exists": False}, {"anything-but": ["dev", "sit", "prod"]}]
        for detail in [{"environment": name} for name in ("dev", "sit", "prod", "staging")] + [{}]:
            self.put(detail, {"detail": {"environment": names}})
        passed = [event["detail"].get("environment") for event in self.invoked]
        self.assertEqual(passed, ["dev", "staging", None])
