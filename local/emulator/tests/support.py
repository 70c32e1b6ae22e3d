"""What the tests share: base classes, one for each of the things that tests need."""

import json
import unittest
from unittest import mock

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import alb, ecs, iam
from ministack.services import stepfunctions as sfn

from emulator.fidelity.ecs.container_engine import Engine

ACCOUNT, REGION = "123456789012", "eu-west-1"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/alb/1"
LISTENER = f"{BALANCER.replace('loadbalancer/', 'listener/')}/2"

TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}


class LocalTestCase(unittest.TestCase):
    """A test in an account and a region."""

    def setUp(self):
        scope = request_scope(ACCOUNT, REGION)
        scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)


class ContainersTestCase(LocalTestCase):
    """A test with a container engine of its own."""

    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(ecs, "_docker", Engine()))
        self.addCleanup(ecs.reset)


class RolesTestCase(LocalTestCase):
    """A test with IAM enforced."""

    def setUp(self):
        super().setUp()
        original, app.AUTH = app.AUTH, True
        self.addCleanup(setattr, app, "AUTH", original)
        self.addCleanup(iam._roles.clear)

    def make_role(self, name, *allowed, trust=TRUST):
        """Makes a role that may do `allowed`, which are pairs of action and resource."""
        statements = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in allowed]
        iam._roles[name] = {
            "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
            "InlinePolicies": {"p": json.dumps({"Version": "2012-10-17", "Statement": statements})},
        }
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"


class LoadBalancingTestCase(LocalTestCase):
    """A test with a load balancer that has a listener."""

    def setUp(self):
        super().setUp()
        self.addCleanup(alb.reset)
        self.listener("2")

    def call(self, action, **parameters):
        status, _, body = alb._ACTION_MAP[action]({name: [value] for name, value in parameters.items()})
        return status, body if isinstance(body, str) else body.decode()

    def listener(self, identifier, name="alb"):
        """Makes a listener, and its load balancer if there is none of that name."""
        balancer = BALANCER.replace("/alb/", f"/{name}/")
        alb._lbs[balancer] = {
            "LoadBalancerArn": balancer,
            "LoadBalancerName": name,
            "DNSName": f"{name}-1.{REGION}.elb.amazonaws.com",
            "CreatedTime": alb._now_iso(),
            "Scheme": "internal",
            "State": "active",
            "Type": "application",
        }
        arn = f"{balancer.replace('loadbalancer/', 'listener/')}/{identifier}"
        alb._listeners[arn] = {"ListenerArn": arn, "LoadBalancerArn": balancer, "DefaultActions": []}
        return arn

    def rule(self, priority, group=None, listener=LISTENER):
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": "a.example"}
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group or self.group("any")}
        return self.call("CreateRule", ListenerArn=listener, Priority=priority, **condition, **action)

    def modify(self, rule, group):
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group}
        return self.call("ModifyRule", RuleArn=rule, **action)

    def arn_of(self, answer):
        """The ARN of the rule in the answer of CreateRule."""
        return answer[1].partition("<RuleArn>")[2].partition("<")[0]

    def group(self, name):
        _, body = self.call("CreateTargetGroup", Name=name, Protocol="HTTP", Port="80", VpcId="vpc-1")
        return body.partition("<TargetGroupArn>")[2].partition("<")[0]


class StatesTestCase(LocalTestCase):
    """A test that runs the states of a machine."""

    def run_machine(self, states, start):
        """Runs the states from `start`; gives the output and the events."""
        execution = {"executionArn": "arn", "events": [], "stateMachineArn": "none", "name": "test"}
        context = {"QueryLanguage": "JSONata", "variables": {}, "Execution": {"Id": "arn"}}
        return sfn._run_sub_machine(states, start, {"in": 1}, execution, context), execution["events"]
