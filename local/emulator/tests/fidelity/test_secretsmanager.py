"""Secrets Manager."""

import json

from ministack.services import secretsmanager

from support import LocalTestCase


class SecretLists(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(secretsmanager.reset)
        for name in [*(f"dev-{number:03}" for number in range(150)), "my-dev-1", "Dev-1"]:
            secretsmanager._create_secret({"Name": name, "SecretString": "s", "ClientRequestToken": name * 8})

    def list(self, **data):
        data = {"Filters": [{"Key": "name", "Values": ["dev-"]}], **data}
        status, _, body = secretsmanager._list_secrets(data)
        answer = json.loads(body)
        return status, [secret["Name"] for secret in answer.get("SecretList", [])], answer.get("NextToken")

    def test_secrets_come_in_pages_of_100(self):
        _, first, token = self.list()
        _, second, end = self.list(NextToken=token)
        self.assertEqual(first + second, [f"dev-{number:03}" for number in range(150)])
        self.assertEqual((len(first), end), (100, None))
        self.assertEqual(self.list(MaxResults=101)[0], 400)

    def test_a_deletion_between_two_pages_hides_nothing(self):
        for deletion in ({"ForceDeleteWithoutRecovery": True}, {"RecoveryWindowInDays": 7}):
            _, first, token = self.list(MaxResults=10)
            secretsmanager._delete_secret({"SecretId": first[0], **deletion})
            after = f"dev-{int(first[-1][-3:]) + 1:03}"
            self.assertEqual(self.list(MaxResults=1, NextToken=token)[1], [after])
        self.assertIn(first[0], self.list(IncludePlannedDeletion=True)[1])

    def test_a_secret_that_was_never_read_has_no_last_access(self):
        _, _, body = secretsmanager._describe_secret({"SecretId": "dev-000"})
        self.assertNotIn("LastAccessedDate", json.loads(body))
        self.assertNotIn("LastAccessedDate", json.loads(secretsmanager._list_secrets({})[2])["SecretList"][0])
        secretsmanager._get_secret_value({"SecretId": "dev-000"})
        _, _, body = secretsmanager._describe_secret({"SecretId": "dev-000"})
        self.assertIn("LastAccessedDate", json.loads(body))
