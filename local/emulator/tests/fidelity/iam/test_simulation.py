"""IAM's simulator."""

import json
import re

from ministack.services import iam

from support import ACCOUNT, RolesTestCase

LOGS = f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/ecs/dev-"


class Simulation(RolesTestCase):
    def decisions(self, role, action, *resources, **keys):
        asked = {"PolicySourceArn": [role], "ActionNames.member.1": [action]}
        asked |= {f"ResourceArns.member.{at}": [resource] for at, resource in enumerate(resources, 1)}
        for at, (key, values) in enumerate(keys.items(), 1):
            entry = f"ContextEntries.member.{at}"
            many = isinstance(values, list)
            asked |= {f"{entry}.ContextKeyName": [key], f"{entry}.ContextKeyType": ["stringList" if many else "string"]}
            for number, value in enumerate(values if many else [values], 1):
                asked[f"{entry}.ContextKeyValues.member.{number}"] = [value]
        _, _, body = iam._IAM_HANDLERS["SimulatePrincipalPolicy"](asked)
        return re.findall("<EvalDecision>([^<]*)<", body if isinstance(body, str) else body.decode())

    def test_it_answers_for_every_resource(self):
        role = self.make_role("r", ("logs:CreateLogGroup", f"{LOGS}*"))
        found = self.decisions(role, "logs:CreateLogGroup", f"{LOGS}1", "arn:aws:logs:::other")
        self.assertEqual(found, ["allowed", "implicitDeny"])

    def test_conditions_see_the_keys_that_are_given(self):
        role = self.make_role("r")
        condition = {"StringEquals": {"ecs:CreateAction": "CreateService"}}
        records = {"ForAllValues:StringEquals": {"route53:Types": ["A", "TXT"]}}
        for named, met, unmet in (
            (condition, {"ecs:CreateAction": "CreateService"}, {"ecs:CreateAction": "RunTask"}),
            (records, {"route53:Types": ["A"]}, {"route53:Types": ["A", "MX"]}),
        ):
            statement = {"Effect": "Allow", "Action": "ecs:TagResource", "Resource": "*", "Condition": named}
            iam._roles["r"]["InlinePolicies"] = {"p": json.dumps({"Statement": [statement]})}
            self.assertEqual(self.decisions(role, "ecs:TagResource", "*", **met), ["allowed"])
            self.assertEqual(self.decisions(role, "ecs:TagResource", "*", **unmet), ["implicitDeny"])
