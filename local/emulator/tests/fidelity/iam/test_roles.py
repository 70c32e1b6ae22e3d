"""Roles."""

import asyncio
import json

from ministack.core import iam_evaluator
from ministack.services import imds

from emulator.fidelity.iam import roles
from support import ACCOUNT, REGION, TRUST, RolesTestCase

ROLE = f"arn:aws:iam::{ACCOUNT}:role/dev-task-role"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:dev-a"


class Roles(RolesTestCase):
    def get(self, path):
        status, _, body = asyncio.run(imds.handle_request("GET", path, {}, b"", {}))
        return status, json.loads(body)

    def test_a_role_may_do_what_its_policies_allow(self):
        self.make_role("dev-task-role", ("secretsmanager:GetSecretValue", SECRET))
        self.assertIsNone(roles.denial(ROLE, "s", "secretsmanager:GetSecretValue", SECRET))
        denied = roles.denial(ROLE, "s", "secretsmanager:GetSecretValue", f"{SECRET}b")
        self.assertIn("assumed-role/dev-task-role/s is not authorized to perform: secretsmanager:GetSecret", denied)

    def test_tasks_assume_only_a_role_that_trusts_them_in_their_account(self):
        self.assertFalse(roles.tasks_may_assume(ROLE))
        elsewhere = {"StringEquals": {"aws:SourceAccount": "999999999999"}}
        for trust, may in (
            (TRUST, True),
            ({**TRUST, "Effect": "Deny"}, False),
            ({**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}, False),
            ({**TRUST, "Condition": elsewhere}, False),
        ):
            self.make_role("dev-task-role", trust=trust)
            self.assertIs(roles.tasks_may_assume(ROLE), may, trust)

    def test_a_container_gets_credentials_of_its_tasks_role_until_the_task_ends(self):
        self.make_role("dev-task-role")
        path = roles.credentials_path(ROLE, "task-1")
        _, given = self.get(path)
        credential = iam_evaluator.resolve_credential(given["AccessKeyId"], ACCOUNT, given["Token"])
        self.assertEqual(credential.principal_arn, f"arn:aws:sts::{ACCOUNT}:assumed-role/dev-task-role/task-1")
        self.assertEqual(credential.secret_access_key, given["SecretAccessKey"])
        roles.forget("task-1")
        self.assertEqual(self.get(path)[0], 400)
