"""What the tests of the mends share."""

import json
import unittest

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import iam

ACCOUNT, REGION = "123456789012", "eu-west-1"

TRUST = {
    "Effect": "Allow",
    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
}


class LocalTestCase(unittest.TestCase):
    def setUp(self):
        scope = request_scope(ACCOUNT, REGION)
        scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)


class RolesTestCase(LocalTestCase):
    def setUp(self):
        super().setUp()
        original, app.AUTH = app.AUTH, True
        self.addCleanup(setattr, app, "AUTH", original)
        self.addCleanup(iam._roles.clear)

    def make_role(self, name, *allowed, trust=TRUST):
        """A role that may do `allowed`: pairs of action and resource."""
        statements = [{"Effect": "Allow", "Action": action, "Resource": arn} for action, arn in allowed]
        iam._roles[name] = {
            "AssumeRolePolicyDocument": json.dumps({"Statement": [trust]}),
            "InlinePolicies": {"p": json.dumps({"Version": "2012-10-17", "Statement": statements})},
        }
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"
