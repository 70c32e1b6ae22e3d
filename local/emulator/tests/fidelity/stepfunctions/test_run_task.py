"""A Task state that runs a task of ECS: what the state gives, what RunTask refuses, and how the task starts."""

import copy
import json
from unittest import mock

from ministack import app
from ministack.services import cloudwatch_logs, ec2, ecs, secretsmanager
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners

from emulator.fidelity.ecs.container_engine import Engine
from emulator.fidelity.ecs.run_task import MOST_CHARACTERS_OF_OVERRIDES, characters
from emulator.fidelity.stepfunctions import run_task
from emulator.fidelity.stepfunctions.context import task_of
from support import ACCOUNT, REGION, TRUST, RolesTestCase

SYNC = "arn:aws:states:::ecs:runTask.sync"
GROUP = "/ecs/dev-init"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/dev-cluster"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}:*"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForECSTaskRule"
TASK = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/dev-cluster/*"


class RunTask(RolesTestCase):
    def setUp(self):
        super().setUp()
        self.enterContext(mock.patch.object(ecs, "_docker", Engine()))
        for module in (ecs, secretsmanager, cloudwatch_logs):
            self.addCleanup(module.reset)
        self.addCleanup(ec2._subnets.clear)
        self.addCleanup(sfn._state_machines.clear)
        ec2._subnets["subnet-1"] = {}
        ecs._create_cluster({"clusterName": "dev-cluster"})
        cloudwatch_logs._create_log_group({"logGroupName": GROUP})
        secret = json.dumps({"username": "admin", "password": "hunter2"})
        self.secret = secretsmanager.create_secret_in_process("dev-master", secret)
        self.reading = ("secretsmanager:GetSecretValue", self.secret)
        self.logging = [("logs:CreateLogStream", LOG), ("logs:PutLogEvents", LOG)]
        self.execution_role = self.make_role("execution", self.reading, *self.logging)
        self.task_role = self.make_role("task")
        self.register()

    def register(self, **changed):
        container = {
            "name": "mysql-client",
            "image": "mysql-client:8.4",
            "environment": [{"name": "PLAIN", "value": "yes"}],
            "secrets": [{"name": "DATABASE_PASSWORD", "valueFrom": f"{self.secret}:password::"}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "init"},
            },
        }
        definition = {"executionRoleArn": self.execution_role, "taskRoleArn": self.task_role, **changed}
        ecs._register_task_definition(
            {
                "family": "dev-init",
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [container],
                **definition,
            }
        )

    def arguments(self, command="true", **changed):
        environment = [{"Name": "A", "Value": "b"}]
        override = {"Name": "mysql-client", "Command": ["sh", "-c", command], "Environment": environment}
        network = {"AwsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED"}}
        return {
            "Cluster": "dev-cluster",
            "TaskDefinition": "dev-init",
            "LaunchType": "FARGATE",
            "NetworkConfiguration": network,
            "Overrides": {"ContainerOverrides": [override]},
            **changed,
        }

    def run_state(self, arguments, resource=SYNC):
        return sfn._invoke_resource(resource, copy.deepcopy(arguments))

    def failure(self, arguments):
        with self.assertRaises(sfn._ExecutionError) as raised:
            self.run_state(arguments)
        return raised.exception.error, raised.exception.cause

    def log(self, task):
        stream = "init/mysql-client/" + task["TaskArn"].rpartition("/")[2]
        _, _, body = cloudwatch_logs._get_log_events(
            {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True}
        )
        return [event["message"] for event in json.loads(body)["events"]]

    def test_the_result_is_the_one_task(self):
        task = self.run_state(self.arguments("echo $PLAIN $A $DATABASE_PASSWORD $AWS_REGION"))
        self.assertEqual((task["LastStatus"], task["StopCode"]), ("STOPPED", "EssentialContainerExited"))
        self.assertEqual(task["StoppedReason"], "Essential container in task exited")
        self.assertEqual((task["Containers"][0]["Name"], task["Containers"][0]["ExitCode"]), ("mysql-client", 0))
        self.assertEqual(task["Overrides"]["ContainerOverrides"][0]["Environment"], [{"Name": "A", "Value": "b"}])
        self.assertEqual((task["Group"], task["StartedBy"]), ("family:dev-init", "AWS Step Functions"))
        self.assertIsInstance(task["StoppedAt"], int)
        self.assertEqual(self.log(task), [f"yes b hunter2 {REGION}"])
        self.assertNotIn("hunter2", json.dumps(task))

    def test_a_container_that_fails_fails_the_state(self):
        error, cause = self.failure(self.arguments("echo why; exit 4"))
        self.assertEqual(error, "States.TaskFailed")
        self.assertEqual(json.loads(cause)["Containers"][0]["ExitCode"], 4)
        self.assertEqual(self.log(json.loads(cause)), ["why"])

    def not_started(self):
        error, cause = self.failure(self.arguments())
        task = json.loads(cause)
        self.assertEqual((error, task["StopCode"]), ("States.TaskFailed", "TaskFailedToStart"))
        self.assertNotIn("ExitCode", task["Containers"][0])
        return task["StoppedReason"]

    def test_the_execution_role_reads_the_secrets_and_writes_the_log(self):
        self.make_role("execution", *self.logging)
        reason = self.not_started()
        self.assertTrue(reason.startswith("ResourceInitializationError: unable to pull secrets"), reason)
        for missing in self.logging:
            self.make_role("execution", self.reading, *(one for one in self.logging if one != missing))
            reason = self.not_started()
            self.assertTrue(reason.startswith("ResourceInitializationError: failed to validate logger args"), reason)
            self.assertIn(f"not authorized to perform: {missing[0]}", reason)

    def test_a_task_whose_log_group_is_missing_does_not_start(self):
        cloudwatch_logs._delete_log_group({"logGroupName": GROUP})
        self.assertIn("The specified log group does not exist", self.not_started())

    def test_a_task_whose_image_is_missing_does_not_start(self):
        container = {"name": "mysql-client", "image": "does-not-exist"}
        self.register(containerDefinitions=[container])
        self.assertTrue(self.not_started().startswith("CannotPullContainerError"))

    def test_no_start_waits_for_an_architecture(self):
        self.register(runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"})
        containers = ecs._docker.containers
        with mock.patch.object(containers, "run", wraps=containers.run) as run:
            self.run_state(self.arguments())
        self.assertNotIn("platform", run.call_args.kwargs)

    def test_only_a_task_with_a_role_is_told_where_credentials_are(self):
        command = "echo ${AWS_CONTAINER_CREDENTIALS_FULL_URI-none}; echo ${AWS_ACCESS_KEY_ID-none}"
        uri, key = self.log(self.run_state(self.arguments(command)))
        self.assertRegex(uri, r"^http://127\.0\.0\.1:\d+/v2/credentials/[0-9a-f-]{36}$")
        self.assertEqual(key, "none")
        self.register(taskRoleArn="")
        self.assertEqual(self.log(self.run_state(self.arguments(command))), ["none", "none"])

    def test_ecs_refuses_what_cannot_be_run(self):
        override = {"Name": "other"}
        network = {"AwsvpcConfiguration": {"Subnets": ["other"]}}
        for changed, error in (
            ({"Cluster": "other"}, "ECS.ClusterNotFoundException"),
            ({"TaskDefinition": "other"}, "ECS.ClientException"),
            ({"Overrides": {"ContainerOverrides": [override]}}, "ECS.InvalidParameterException"),
            ({"NetworkConfiguration": {}}, "ECS.InvalidParameterException"),
            ({"NetworkConfiguration": network}, "ECS.InvalidParameterException"),
        ):
            self.assertEqual(self.failure(self.arguments(**changed))[0], error, changed)
        ecs._deregister_task_definition({"taskDefinition": "dev-init:1"})
        self.assertEqual(self.failure(self.arguments(TaskDefinition="dev-init:1"))[0], "ECS.ClientException")

    def test_overrides_may_have_8192_characters(self):
        fixed = characters(self.arguments("true #")["Overrides"])
        longest = "true #" + "x" * (MOST_CHARACTERS_OF_OVERRIDES - fixed)
        self.assertEqual(self.run_state(self.arguments(longest))["Containers"][0]["ExitCode"], 0)
        error, cause = self.failure(self.arguments(longest + "x"))
        self.assertEqual(error, "ECS.InvalidParameterException")
        self.assertIn("length must be at most 8192", cause)

    def test_a_role_that_does_not_trust_tasks_is_refused(self):
        self.make_role("task", trust={**TRUST, "Principal": {"Service": "ec2.amazonaws.com"}})
        error, cause = self.failure(self.arguments())
        self.assertEqual(error, "ECS.ClientException")
        self.assertIn(f"ECS was unable to assume the role '{self.task_role}'", cause)

    def test_failures_fail_a_state_that_waits(self):
        original = ecs._run_task
        self.addCleanup(setattr, ecs, "_run_task", original)
        failures = [{"arn": "a", "reason": "RESOURCE:CPU"}]
        ecs._run_task = lambda _: (200, {}, json.dumps({"tasks": [], "failures": failures}))
        self.assertEqual(self.failure(self.arguments())[0], "AmazonECS.Unknown")
        given = self.run_state(self.arguments(), SYNC.removesuffix(".sync"))
        self.assertEqual(given["Failures"], [{"Arn": "a", "Reason": "RESOURCE:CPU"}])

    def execution(self, *allowed):
        role = self.make_role("machine", *allowed)
        sfn._state_machines["machine"] = {"roleArn": role}
        execution = {"stateMachineArn": "machine", "name": "e", "status": "RUNNING"}
        token = task_of.set(execution)
        self.addCleanup(task_of.reset, token)
        return execution

    def test_the_role_of_the_state_machine_needs_each_permission(self):
        passed = [("iam:PassRole", self.execution_role), ("iam:PassRole", self.task_role)]
        run = ("ecs:RunTask", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-init:*")
        watched = [("ecs:DescribeTasks", TASK), ("ecs:StopTask", TASK)]
        rules = [(f"events:{action}", RULE) for action in ("PutTargets", "PutRule", "DescribeRule")]
        needed = [run, *passed, *watched, *rules]
        self.execution(*needed)
        self.run_state(self.arguments())
        for missing in needed:
            self.make_role("machine", *(one for one in needed if one != missing))
            error, cause = self.failure(self.arguments())
            self.assertEqual(error, "ECS.AccessDeniedException")
            self.assertIn(f"not authorized to perform: {missing[0]} ", cause)
        self.make_role("machine", run, *passed)
        self.run_state(self.arguments(), SYNC.removesuffix(".sync"))

    def test_a_task_ends_with_the_execution_that_waits_for_it(self):
        app.AUTH = False
        execution = self.execution()
        execution["status"] = "ABORTED"
        task = self.run_state(self.arguments("sleep 1000"))
        self.assertEqual((task["StopCode"], task["LastStatus"]), ("UserInitiated", "STOPPED"))

    def test_a_task_ends_with_the_state_that_waits_for_it(self):
        token = run_task._deadline.set(1)
        self.addCleanup(run_task._deadline.reset, token)
        error, cause = self.failure(self.arguments("sleep 1000"))
        self.assertEqual((error, json.loads(cause)["StopCode"]), ("States.TaskFailed", "UserInitiated"))

    def test_a_template_may_give_a_container_secrets(self):
        containers = [{"Name": "a", "Secrets": [{"Name": "B", "ValueFrom": "arn"}]}]
        (normalized,) = provisioners._normalize_container_defs(containers)
        self.assertEqual(normalized["secrets"], [{"name": "B", "valueFrom": "arn"}])
