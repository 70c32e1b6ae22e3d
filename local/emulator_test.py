"""What the mends of emulator.py and the container engine promise."""

import json
import unittest

import emulator
from container_engine import Engine
from docker.errors import ImageNotFound
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import request_scope
from ministack.services import alb, ecs, efs
from ministack.services import stepfunctions as sfn

ACCOUNT, REGION = "123456789012", "eu-west-1"
LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/alb/1/2"


class LocalTestCase(unittest.TestCase):
    def setUp(self):
        scope = request_scope(ACCOUNT, REGION)
        scope.__enter__()
        self.addCleanup(scope.__exit__, None, None, None)


class LoadBalancing(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(alb.reset)
        balancer = LISTENER.replace("listener/", "loadbalancer/").rpartition("/")[0]
        alb._lbs[balancer] = {"LoadBalancerArn": balancer, "LoadBalancerName": "alb"}
        alb._listeners[LISTENER] = {"ListenerArn": LISTENER, "LoadBalancerArn": balancer, "DefaultActions": []}

    def call(self, action, **parameters):
        status, _, body = alb._ACTION_MAP[action]({name: [value] for name, value in parameters.items()})
        return status, body if isinstance(body, str) else body.decode()

    def rule(self, priority, group="x"):
        condition = {"Conditions.member.1.Field": "host-header", "Conditions.member.1.Values.member.1": "a.example"}
        action = {"Actions.member.1.Type": "forward", "Actions.member.1.TargetGroupArn": group}
        return self.call("CreateRule", ListenerArn=LISTENER, Priority=priority, **condition, **action)

    def group(self, name):
        _, body = self.call("CreateTargetGroup", Name=name, Protocol="HTTP", Port="80", VpcId="vpc-1")
        return body.partition("<TargetGroupArn>")[2].partition("<")[0]

    def test_a_priority_is_taken_once(self):
        self.assertEqual(self.rule("7")[0], 200)
        status, body = self.rule("7")
        self.assertEqual(status, 400)
        self.assertIn("<Code>PriorityInUse</Code>", body)
        self.assertEqual(self.rule("8")[0], 200)

    def test_a_target_group_in_use_stays(self):
        group = self.group("one")
        _, body = self.rule("1", group)
        rule = body.partition("<RuleArn>")[2].partition("<")[0]
        self.assertIn("<Code>ResourceInUse</Code>", self.call("DeleteTargetGroup", TargetGroupArn=group)[1])
        self.assertEqual(self.call("DeleteRule", RuleArn=rule)[0], 200)
        self.assertEqual(self.call("DeleteTargetGroup", TargetGroupArn=group)[0], 200)

    def test_what_is_missing_is_not_found(self):
        self.group("there")
        self.assertEqual(self.call("DescribeTargetGroups", **{"Names.member.1": "there"})[0], 200)
        missing = self.call("DescribeTargetGroups", **{"Names.member.1": "elsewhere"})[1]
        self.assertIn("<Code>TargetGroupNotFound</Code>", missing)
        self.assertIn("<Code>RuleNotFound</Code>", self.call("DeleteRule", RuleArn="elsewhere")[1])


class FileSystem(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(efs.reset)
        efs._file_systems["fs-1"] = {"FileSystemId": "fs-1"}

    def create(self, token):
        status, _, body = efs._create_access_point({"FileSystemId": "fs-1", "ClientToken": token})
        return status, json.loads(body)

    def test_access_points_come_in_pages(self):
        for number in range(250):
            self.create(f"token-{number}")
        found, query = [], {"FileSystemId": "fs-1"}
        while True:
            answer = json.loads(efs._describe_access_points(query)[2])
            found += [point["AccessPointId"] for point in answer["AccessPoints"]]
            if "NextToken" not in answer:
                break
            query["NextToken"] = answer["NextToken"]
        self.assertEqual(len(set(found)), 250)

    def test_a_client_token_is_used_once(self):
        _, first = self.create("token")
        status, second = self.create("token")
        self.assertEqual((status, second["ErrorCode"]), (409, "AccessPointAlreadyExists"))
        self.assertEqual(second["AccessPointId"], first["AccessPointId"])


class StateMachines(LocalTestCase):
    def run_machine(self, states, start):
        execution = {"executionArn": "arn", "events": [], "stateMachineArn": "none", "name": "test"}
        context = {"QueryLanguage": "JSONata", "variables": {}, "Execution": {"Id": "arn"}}
        return sfn._run_sub_machine(states, start, {"in": 1}, execution, context), execution["events"]

    def test_parallel_takes_arguments_and_gives_an_output(self):
        branch = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Output": "{% $states.input.given %}", "End": True}}}
        states = {
            "Both": {
                "Type": "Parallel",
                "Arguments": {"given": "{% $states.input.in %}"},
                "Branches": [branch, branch],
                "Output": "{% {'results': $states.result} %}",
                "Assign": {"count": "{% $count($states.result) %}"},
                "Next": "End",
            },
            "End": {"Type": "Succeed", "Output": "{% {'results': $states.input.results, 'count': $count} %}"},
        }
        output, _ = self.run_machine(states, "Both")
        self.assertEqual(output, {"results": [1, 1], "count": 2})

    def test_a_choice_without_a_match_gives_its_output(self):
        choices = [{"Condition": "{% $states.input.in = 2 %}", "Next": "End"}]
        states = {
            "Which": {"Type": "Choice", "Choices": choices, "Default": "End", "Output": {"default": True}},
            "End": {"Type": "Succeed"},
        }
        self.assertEqual(self.run_machine(states, "Which")[0], {"default": True})

    def test_a_variable_of_a_branch_stays_in_it(self):
        branch = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Assign": {"mine": 1}, "End": True}}}
        states = {
            "Both": {"Type": "Parallel", "Branches": [branch, branch], "Next": "End"},
            "End": {"Type": "Succeed", "Output": "{% $exists($mine) %}"},
        }
        self.assertIs(self.run_machine(states, "Both")[0], False)

    def test_events_of_overlapping_branches_form_chains(self):
        def branch(name):
            return {"StartAt": name, "States": {name: {"Type": "Pass", "End": True}}}

        states = {"Both": {"Type": "Parallel", "Branches": [branch("A"), branch("B")], "End": True}}
        _, events = self.run_machine(states, "Both")
        by_id = {event["id"]: event for event in events}
        self.assertEqual(len(by_id), 6)
        for event in events:
            if event["type"] == "PassStateExited":
                entered = by_id[event["previousEventId"]]["stateEnteredEventDetails"]["name"]
                self.assertEqual(entered, event["stateExitedEventDetails"]["name"])

    def test_a_failed_nested_execution_is_a_failed_task(self):
        output = json.dumps({"Error": "TeardownIncomplete", "Cause": "why"})
        error, cause = sfn._nested_execution_failure({"executionArn": "arn", "status": "FAILED", "output": output})
        self.assertEqual(error, "States.TaskFailed")
        self.assertEqual(json.loads(cause)["Error"], "TeardownIncomplete")


class Permissions(LocalTestCase):
    def denied(self, service, action, allowed, body=None, parameters=None):
        """The action that is denied to a role which is allowed `allowed`: pairs of action and resource."""
        statements = [{"Effect": "Allow", "Action": name, "Resource": arn} for name, arn in allowed]
        policy = iam_evaluator.parse_policy_document({"Statement": statements})
        principal = iam_evaluator.PrincipalInfo(
            arn="arn:aws:sts::123456789012:assumed-role/r/s", type="AssumedRole", account=ACCOUNT, policies=[policy],
            keys={}, limits=[],
        )
        originals = iam_evaluator.resolve_principal, iam_evaluator.authenticate
        iam_evaluator.resolve_principal = lambda *_: principal
        iam_evaluator.authenticate = lambda *_: None
        try:
            text = json.dumps(body).encode() if body else b""
            context = iam_actions.request_tag_context(service, action, text, parameters or {})
            result = iam_evaluator.enforce("key", action, service, REGION, "*", context)
        finally:
            iam_evaluator.resolve_principal, iam_evaluator.authenticate = originals
        return (emulator._denied_action.get() or action) if result else None

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

    def test_narrow_resources_are_enough(self):
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


class Containers(unittest.TestCase):
    def test_an_image_that_does_not_exist_cannot_be_pulled(self):
        with self.assertRaises(ImageNotFound):
            Engine().images.get_registry_data("registry.example/wordpress:does-not-exist")

    def test_containers_run_crash_or_are_stopped(self):
        containers = Engine().containers
        self.assertEqual(containers.run("wordpress").status, "running")
        crashed = containers.run("crash:1")
        self.assertEqual((crashed.status, crashed.wait()["StatusCode"]), ("exited", 1))
        stopped = containers.run("wordpress")
        stopped.stop()
        self.assertEqual((stopped.status, stopped.wait()["StatusCode"]), ("exited", 0))

    def test_a_command_of_an_image_that_runs_is_a_process(self):
        container = Engine().containers.run("mysql-client:8", command=["sh", "-c", "echo $WHO; exit 3"], environment={"WHO": "me"})
        self.assertEqual(container.wait(timeout=10)["StatusCode"], 3)
        self.assertEqual(container.logs(), b"me\n")

    def test_labels_select(self):
        containers = Engine().containers
        containers.run("a", labels={"ministack": "ecs"})
        self.assertEqual(len(containers.list(filters={"label": ["ministack=ecs"]})), 1)
        self.assertEqual(containers.list(filters={"label": ["ministack=rds"]}), [])

    def test_a_first_deployment_is_in_progress(self):
        self.assertEqual(ecs._make_deployment("family:1", 1)["rolloutState"], "IN_PROGRESS")


if __name__ == "__main__":
    unittest.main()
