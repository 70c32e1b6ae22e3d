"""Credentials of functions that MiniStack does not run itself."""

import asyncio
import json
from unittest import mock

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import imds, lambda_svc

from support import ACCOUNT, REGION, LocalTestCase

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dev-create-secret"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/dev-create-secret"


class FunctionCredentials(LocalTestCase):
    def get(self, arn):
        path = f"/v2/credentials/function/{arn}"
        status, _, body = asyncio.run(imds.handle_request("GET", path, {}, b"", {}))
        return status, json.loads(body)

    def test_a_function_gets_a_session_of_its_role(self):
        config = {"FunctionArn": FUNCTION, "FunctionName": "dev-create-secret", "Role": ROLE}
        lambda_svc._functions["dev-create-secret"] = {"config": config}
        self.addCleanup(lambda_svc._functions.pop, "dev-create-secret")
        with mock.patch.object(app, "AUTH", True):
            status, given = self.get(FUNCTION)
        self.assertEqual(status, 200)
        credential = iam_evaluator.resolve_credential(given["AWS_ACCESS_KEY_ID"], ACCOUNT, given["AWS_SESSION_TOKEN"])
        role = "assumed-role/dev-create-secret/dev-create-secret"
        self.assertEqual(credential.principal_arn, f"arn:aws:sts::{ACCOUNT}:{role}")

    def test_a_missing_function_has_no_credentials(self):
        for arn in (FUNCTION, "dev-create-secret", ""):
            self.assertEqual(self.get(arn)[0], 404, arn)
