"""The name under which policies know a session of a role."""

from ministack.core import iam_evaluator

from support import ACCOUNT, LocalTestCase

OTHER = "210987654321"


class Sessions(LocalTestCase):
    def test_a_trust_policy_knows_a_session_by_its_role(self):
        principals = [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{OTHER}:root"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": principals},
            "Action": "sts:AssumeRole",
            "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*-start-peer-execution"}},
        }

        def trusted(account, role):
            session = f"arn:aws:sts::{account}:assumed-role/{role}/session"
            return iam_evaluator.evaluate_trust_policy({"Statement": [statement]}, session)

        self.assertTrue(trusted(ACCOUNT, "dev-start-peer-execution"))
        self.assertTrue(trusted(OTHER, "sit-start-peer-execution"))
        self.assertFalse(trusted(ACCOUNT, "dev-start-provisioning"))
        self.assertFalse(trusted("999999999999", "dev-start-peer-execution"))
