"""Which permissions a call needs."""

import json

from ministack.core import iam_actions, iam_evaluator
from ministack.services import ecs, iam

from emulator.fidelity.iam import permissions
from support import ACCOUNT, REGION, LocalTestCase


class Permissions(LocalTestCase):
    def denied(self, service, action, allowed, body=None, parameters=None, resource="*", condition=None):
        """The action that is denied to a role which is allowed `allowed`: pairs of action and resource."""
        statements = [
            {"Effect": "Allow", "Action": name, "Resource": arn, "Condition": condition or {}} for name, arn in allowed
        ]
        policy = iam_evaluator.parse_policy_document({"Statement": statements})
        principal = iam_evaluator.PrincipalInfo(
            arn="arn:aws:sts::123456789012:assumed-role/r/s",
            type="AssumedRole",
            account=ACCOUNT,
            policies=[policy],
            keys={},
            limits=[],
        )
        originals = iam_evaluator.resolve_principal, iam_evaluator.authenticate
        iam_evaluator.resolve_principal = lambda *_: principal
        iam_evaluator.authenticate = lambda *_: None
        try:
            text = json.dumps(body).encode() if body else b""
            context = iam_actions.request_tag_context(service, action, text, parameters or {})
            result = iam_evaluator.enforce("key", action, service, REGION, resource, context)
        finally:
            iam_evaluator.resolve_principal, iam_evaluator.authenticate = originals
        return (permissions._denied_action.get() or action) if result else None

    def test_creating_with_tags_needs_the_permission_to_tag(self):
        body = {"cluster": "dev-cluster", "serviceName": "dev-1-service", "tags": [{"key": "a", "value": "b"}]}
        service = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev-cluster/dev-*"
        create, tag = ("ecs:CreateService", service), ("ecs:TagResource", service)
        self.assertEqual(self.denied("ecs", create[0], [], body), "ecs:CreateService")
        self.assertEqual(self.denied("ecs", create[0], [create], body), "ecs:TagResource")
        self.assertIsNone(self.denied("ecs", create[0], [create, tag], body))
        self.assertIsNone(self.denied("ecs", create[0], [create], {**body, "tags": []}))

    def test_registering_a_task_definition_needs_the_permission_to_pass_its_roles(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/dev-ecs-task-role"
        body = {"family": "dev-1", "taskRoleArn": role}
        register = ("ecs:RegisterTaskDefinition", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-*:*")
        self.assertEqual(self.denied("ecs", register[0], [register], body), "iam:PassRole")
        self.assertIsNone(self.denied("ecs", register[0], [register, ("iam:PassRole", role)], body))

    def test_running_a_task_is_checked_on_the_revision_and_on_its_roles(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/dev-task-role"
        ecs._task_defs["dev-init:3"] = {"taskRoleArn": role}
        ecs._task_def_latest["dev-init"] = 3
        self.addCleanup(ecs.reset)
        body = {"taskDefinition": "dev-init"}
        run = ("ecs:RunTask", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-init:*")
        unrevised = (run[0], run[1].removesuffix(":*"))
        self.assertEqual(self.denied("ecs", run[0], [unrevised], body), "ecs:RunTask")
        self.assertEqual(self.denied("ecs", run[0], [run], body), "iam:PassRole")
        self.assertIsNone(self.denied("ecs", run[0], [run, ("iam:PassRole", role)], body))

    def test_the_boundary_of_a_role_decides_who_may_make_and_change_it(self):
        self.addCleanup(iam.reset)
        arn, boundary = f"arn:aws:iam::{ACCOUNT}:role/dev-1-task", f"arn:aws:iam::{ACCOUNT}:policy/boundary"
        within = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
        create, change, tag = (("iam:" + name, arn) for name in ("CreateRole", "PutRolePolicy", "TagRole"))

        def denied(action, allowed, condition=within, **fields):
            parameters = {name.replace("_", "."): [value] for name, value in fields.items()}
            parameters["RoleName"] = ["dev-1-task"]
            return self.denied("iam", action[0], allowed, None, parameters, arn, condition)

        self.assertEqual(denied(create, [create]), create[0])
        self.assertEqual(denied(create, [create], PermissionsBoundary=f"{boundary}-of-another"), create[0])
        self.assertIsNone(denied(create, [create], PermissionsBoundary=boundary))
        tags = {"Tags_member_1_Key": "a", "Tags_member_1_Value": "b"}
        self.assertEqual(denied(create, [create], None, **tags), tag[0])
        self.assertIsNone(denied(create, [create, tag], None, **tags))
        iam._roles["dev-1-task"] = {"RoleName": "dev-1-task"}
        self.assertEqual(denied(change, [change]), change[0])
        iam._roles["dev-1-task"]["PermissionsBoundary"] = boundary
        self.assertIsNone(denied(change, [change]))

    def test_a_denial_of_route_53_has_the_form_of_its_errors(self):
        _, _, body = iam_actions.access_denied_response("route53", "route53:GetHostedZone", "me", "id")
        self.assertIn(b"<ErrorResponse", body)
        self.assertIn(b"<Code>AccessDenied</Code>", body)

    def test_reading_a_log_is_checked_on_its_stream(self):
        body = {"logGroupName": "/ecs/dev-x", "logStreamName": "x/y/z"}
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-x"
        read = "logs:GetLogEvents"
        self.assertEqual(self.denied("logs", read, [(read, group)], body), read)
        self.assertIsNone(self.denied("logs", read, [(read, f"{group}:log-stream:*")], body))

    def test_permissions_on_narrow_resources_are_enough(self):
        arn = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/dev-*/*"
        create = ("elasticloadbalancing:CreateTargetGroup", arn)
        name = {"Name": ["dev-1-tg"], "Tags.member.1.Key": ["a"], "Tags.member.1.Value": ["b"]}
        tag = ("elasticloadbalancing:AddTags", arn)
        self.assertEqual(self.denied("elasticloadbalancing", create[0], [create], None, name), tag[0])
        vpc, gateway = ("ec2:DescribeVpcs", "*"), ("ec2:DescribeInternetGateways", "*")
        self.assertEqual(self.denied("elasticloadbalancing", create[0], [create, tag, vpc], None, name), gateway[0])
        self.assertIsNone(self.denied("elasticloadbalancing", create[0], [create, tag, vpc, gateway], None, name))
        other = {**name, "Name": ["sit-1-tg"]}
        self.assertEqual(self.denied("elasticloadbalancing", create[0], [create, tag], None, other), create[0])
