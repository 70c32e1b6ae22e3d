"""The Distributed Map state."""

import json
import threading

from ministack import app
from ministack.services import iam, s3
from ministack.services import stepfunctions as sfn

from support import ACCOUNT, REGION, LocalTestCase

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:bulk"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bulk"
DESCRIBED = MACHINE.replace(":stateMachine:", ":execution:") + ":*"
ITEM = "{% {'id': $states.context.Map.Item.Value, 'index': $states.context.Map.Item.Index, 'of': $job} %}"
# A child fails on the item "bad", and tells what it sees otherwise.
CHILD = {
    "Which": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $states.input.id = 'bad' %}", "Next": "Bad"}],
        "Default": "See",
    },
    "Bad": {"Type": "Fail", "Error": "Refused", "Cause": "{% $states.input.id %}"},
    "See": {
        "Type": "Pass",
        "Output": {
            "id": "{% $states.input.id %}",
            "of": "{% $states.input.of %}",
            "own": "{% $states.context.Execution.Id %}",
            "given": "{% $states.context.Execution.Input.id %}",
            "inherited": "{% $exists($job) %}",
        },
        "End": True,
    },
}


class DistributedMap(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sfn.reset)
        self.addCleanup(s3.reset)
        s3._create_bucket("bucket", b"", {})
        s3._buckets["bucket"]["region"] = REGION
        sfn._state_machines[MACHINE] = {
            "stateMachineArn": MACHINE, "name": "bulk", "roleArn": ROLE, "definition": "{}", "type": "STANDARD",
            "creationDate": "2025-01-01T00:00:00Z",
        }  # fmt: skip
        # Children start without MiniStack's pause.
        self.addCleanup(setattr, sfn, "time", sfn.time)
        sfn.time = type("Time", (), {"sleep": lambda *_: None, "time": sfn.time.time})

    def state(self, child=None, start="Which", **more):
        arguments = {"Bucket": "{% $states.input.bucket %}", "Key": "{% $states.input.key %}"}
        return {
            "Type": "Map",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {"InputType": "JSON", "MaxItems": 10000},
                "Arguments": arguments,
            },
            "ItemSelector": ITEM,
            "MaxConcurrency": "{% 1 + 1 %}",
            "ToleratedFailurePercentage": 100,
            "Label": "Tenants",
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": start,
                "States": child or CHILD,
            },
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": "bucket", "Prefix": "{% 'results/' & $job %}"},
                "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSON"},
            },
            "Assign": {"manifest": "{% $states.result.ResultWriterDetails.Key %}"},
            "Next": "End",
            **more,
        }

    def run_map(self, items, state=None, body=None):
        s3._put_object("bucket", "list.json", json.dumps(items).encode() if body is None else body, {})
        execution = {
            "executionArn": "parent", "stateMachineArn": MACHINE, "name": "job", "status": "RUNNING", "events": [],
        }  # fmt: skip
        context = {"QueryLanguage": "JSONata", "variables": {"job": "j1"}, "Execution": {"Id": "parent"}}
        context["State"] = {"Name": "Map"}
        given = {"bucket": "bucket", "key": "list.json"}
        self.execution, self.variables = execution, context["variables"]
        output, _ = sfn._execute_map(state or self.state(), given, execution, context)
        return output

    def error_of(self, *arguments, **named):
        with self.assertRaises(sfn._ExecutionError) as caught:
            self.run_map(*arguments, **named)
        return caught.exception.error

    def stored(self, key):
        return json.loads(s3._get_object("bucket", key, {}, {})[2])

    def test_results_are_exported(self):
        result = self.run_map(["a", "bad", "b"])
        run = result["MapRunArn"].rpartition(":")[2]
        self.assertEqual(result["MapRunArn"], f"arn:aws:states:{REGION}:{ACCOUNT}:mapRun:bulk/Tenants:{run}")
        directory = f"results/j1/{run}"
        self.assertEqual(result["ResultWriterDetails"], {"Bucket": "bucket", "Key": f"{directory}/manifest.json"})
        self.assertEqual(self.variables["manifest"], f"{directory}/manifest.json")
        manifest = self.stored(f"{directory}/manifest.json")
        self.assertEqual((manifest["DestinationBucket"], manifest["MapRunArn"]), ("bucket", result["MapRunArn"]))
        files = {kind: [file["Key"] for file in files] for kind, files in manifest["ResultFiles"].items()}
        succeeded, failed = f"{directory}/SUCCEEDED_0.json", f"{directory}/FAILED_0.json"
        self.assertEqual(files, {"SUCCEEDED": [succeeded], "FAILED": [failed], "PENDING": []})
        self.assertEqual(sorted(entry["id"] for entry in self.stored(succeeded)), ["a", "b"])
        (failure,) = self.stored(failed)
        self.assertEqual((failure["Status"], failure["Error"], failure["Cause"]), ("FAILED", "Refused", "bad"))
        self.assertEqual(json.loads(failure["Input"]), {"id": "bad", "index": 1, "of": "j1"})

    def test_a_child_is_an_execution_of_its_own(self):
        result = self.run_map(["a"])
        (child,) = [found for found in sfn._executions.values() if found.get("mapRunArn") == result["MapRunArn"]]
        output = json.loads(child["output"])
        self.assertEqual(output["own"], child["executionArn"])
        self.assertIn(":execution:bulk/Tenants:", child["executionArn"])
        self.assertEqual((output["given"], output["of"], output["inherited"]), ("a", "j1", False))
        kinds = [event["type"] for event in child["events"]]
        self.assertEqual((kinds[0], kinds[-1]), ("ExecutionStarted", "ExecutionSucceeded"))
        names = [event.get("stateEnteredEventDetails", {}).get("name") for event in self.execution["events"]]
        self.assertNotIn("See", names)
        (listed,) = json.loads(sfn._list_state_machines({})[2])["stateMachines"]
        self.assertEqual(listed["name"], "bulk")

    def test_no_more_children_run_at_once_than_are_allowed(self):
        both, most, now, lock = threading.Barrier(2, timeout=10), [0], [0], threading.Lock()
        original = sfn._invoke_resource
        self.addCleanup(setattr, sfn, "_invoke_resource", original)

        def invoke(*_):
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            both.wait()
            with lock:
                now[0] -= 1
            return {}

        sfn._invoke_resource = invoke
        self.run_map(list("abcdefgh"), self.state({"A": {"Type": "Task", "Resource": "x", "End": True}}, "A"))
        self.assertEqual(most, [2])

    def test_an_empty_list_has_no_files_of_results(self):
        result = self.run_map([])
        manifest = self.stored(result["ResultWriterDetails"]["Key"])
        self.assertEqual(manifest["ResultFiles"], {"SUCCEEDED": [], "FAILED": [], "PENDING": []})

    def test_a_list_that_cannot_be_read_fails_the_reader(self):
        self.assertEqual(self.error_of({"not": "an array"}), "States.ItemReaderFailed")
        self.assertEqual(self.error_of([], body=b"no json"), "States.ItemReaderFailed")
        for where in ({"Bucket": "bucket", "Key": "missing"}, {"Bucket": "missing", "Key": "list.json"}):
            state = self.state()
            state["ItemReader"]["Arguments"] = where
            self.assertEqual(self.error_of([], state), "States.ItemReaderFailed")

    def test_failures_beyond_what_is_tolerated_fail_the_state(self):
        state = self.state(ToleratedFailurePercentage=50)
        self.assertIn("MapRunArn", self.run_map(["a", "bad"], state))
        self.assertEqual(self.error_of(["bad"], state), "States.ExceedToleratedFailureThreshold")

    def test_a_list_without_a_reader_and_a_writer(self):
        state = self.state(Items=["a", "bad"])
        del state["ItemReader"], state["ResultWriter"], state["Assign"]
        good, bad = self.run_map([], state)
        self.assertEqual((good["id"], bad["Status"]), ("a", "FAILED"))

    def test_each_missing_permission_fails_the_state(self):
        allowed = {
            "states:StartExecution": MACHINE,
            "states:DescribeExecution": DESCRIBED,
            "s3:GetObject": "arn:aws:s3:::bucket/list.json",
            "s3:PutObject": "arn:aws:s3:::bucket/results/*",
        }
        told = {
            "states:StartExecution": "StepFunctions.AWSStepFunctionsException",
            "states:DescribeExecution": "StepFunctions.AWSStepFunctionsException",
            "s3:GetObject": "States.ItemReaderFailed",
            "s3:PutObject": "States.ResultWriterFailed",
        }
        self.addCleanup(iam.reset)
        self.addCleanup(setattr, app, "AUTH", app.AUTH)
        app.AUTH = True

        def allow(*actions):
            statements = [{"Effect": "Allow", "Action": action, "Resource": allowed[action]} for action in actions]
            iam._roles["bulk"] = {"Arn": ROLE, "InlinePolicies": {"p": {"Statement": statements}}}

        allow(*allowed)
        self.assertIn("MapRunArn", self.run_map(["a"]))
        for missing, error in told.items():
            allow(*(action for action in allowed if action != missing))
            self.assertEqual(self.error_of(["a"]), error, missing)
