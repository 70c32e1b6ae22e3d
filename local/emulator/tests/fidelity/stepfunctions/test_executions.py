"""How an execution starts, nests, is retried and stopped."""

import json
import threading

from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn

from support import ACCOUNT, LocalTestCase

NESTED = "arn:aws:states:::states:startExecution.sync:2"


class Executions(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sfn.reset)
        self.addCleanup(eventbridge.reset)

    def machine(self, name, states, start="A"):
        # What a test let go may still be ending when the next one runs.
        name = f"{name}-{self._testMethodName}"[:80]
        definition = {"QueryLanguage": "JSONata", "StartAt": start, "States": states}
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        body = sfn._create_state_machine({"name": name, "definition": json.dumps(definition), "roleArn": role})[2]
        return json.loads(body)["stateMachineArn"]

    def start(self, machine, name, given="{}"):
        status, _, body = sfn._start_execution({"stateMachineArn": machine, "name": name, "input": given})
        return status, json.loads(body)

    def held(self, machine, name, given="{}"):
        """An execution that runs until the test lets it go."""
        go, original = threading.Event(), sfn._run_execution
        self.addCleanup(setattr, sfn, "_run_execution", original)
        sfn._run_execution = lambda arn: (go.wait(10), original(arn))
        answer = self.start(machine, name, given)
        sfn._run_execution = original
        self.addCleanup(go.set)
        return answer, go

    def test_the_same_start_again_gives_the_running_execution(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        (_, first), _ = self.held(machine, "one", '{"a":1}')
        self.assertEqual(self.start(machine, "one", '{"a":1}'), (200, first))
        status, refused = self.start(machine, "one", '{"a":2}')
        self.assertEqual((status, refused["__type"]), (400, "ExecutionAlreadyExists"))

    def test_the_name_of_an_execution_that_has_ended_is_taken(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        (_, first), _ = self.held(machine, "one")
        sfn._stop_execution({"executionArn": first["executionArn"]})
        self.assertEqual(self.start(machine, "one")[1]["__type"], "ExecutionAlreadyExists")

    def test_a_name_of_the_wrong_form_is_refused(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        for name in ("a" * 81, "a b", "a:b", "a/b"):
            self.assertEqual(self.start(machine, name)[1]["__type"], "InvalidName")
        self.assertEqual(self.start(machine, "a.b_c-" + "d" * 74)[0], 200)

    def test_the_input_of_an_execution_is_json(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        for given in ("not JSON", "", "{'a': 1}", '{"a": NaN}'):
            status, refused = self.start(machine, "one", given)
            self.assertEqual((status, refused["__type"]), (400, "InvalidExecutionInput"), given)
        self.assertEqual(self.start(machine, "one", '"text"')[0], 200)

    def test_a_failed_execution_has_no_output(self):
        machine = self.machine("m", {"A": {"Type": "Fail", "Error": "E", "Cause": "why"}})
        arn = self.start(machine, "one")[1]["executionArn"]
        self.eventually(lambda: sfn._executions[arn]["stopDate"])

        def described():
            answer = json.loads(sfn._describe_execution({"executionArn": arn})[2])
            return answer if "output" not in answer else None

        answer = self.eventually(described)
        self.assertEqual((answer["status"], answer["error"], answer["cause"]), ("FAILED", "E", "why"))
        self.assertNotIn("outputDetails", answer)

    def test_a_nested_start_finds_the_execution_that_runs(self):
        machine = self.machine("m", {"A": {"Type": "Pass", "Output": {"done": True}, "End": True}})
        (_, first), go = self.held(machine, "one", '{"a": 1}')
        # It goes on once it is found.
        original = sfn._start_execution
        self.addCleanup(setattr, sfn, "_start_execution", original)
        sfn._start_execution = lambda request: (original(request), go.set())[0]
        arguments = {"StateMachineArn": machine, "Name": "one", "Input": {"a": 1}}
        result = sfn._invoke_resource(NESTED, arguments)
        self.assertEqual((result["ExecutionArn"], result["Output"]), (first["executionArn"], {"done": True}))
        with self.assertRaises(sfn._ExecutionError) as caught:
            sfn._invoke_resource(NESTED, arguments)
        self.assertEqual(caught.exception.error, "StepFunctions.ExecutionAlreadyExistsException")

    def test_each_status_of_a_nested_execution_is_an_event(self):
        told, ended, original = [], threading.Event(), eventbridge._put_events
        self.addCleanup(setattr, eventbridge, "_put_events", original)

        def put_events(request, **_):
            detail = json.loads(request["Entries"][0]["Detail"])
            if detail["name"] == "nested":
                told.append(detail["status"])
                if detail["status"] != "RUNNING":
                    ended.set()

        eventbridge._put_events = put_events
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        sfn._invoke_resource(NESTED, {"StateMachineArn": machine, "Name": "nested", "Input": {}})
        self.assertTrue(ended.wait(10))
        self.assertEqual(told, ["RUNNING", "SUCCEEDED"])

    def test_a_nested_execution_stops_with_its_parent(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        (_, nested), _ = self.held(machine, "one")
        parent = {"executionArn": "p", "stateMachineArn": "none", "status": "RUNNING", "events": [], "name": "p"}
        task = {
            "Type": "Task",
            "Resource": NESTED,
            "Arguments": {"StateMachineArn": machine, "Name": "one"},
            "End": True,
        }
        context = {"QueryLanguage": "JSONata", "State": {"Name": "A"}}
        # It is stopped as soon as its task has begun.
        original = sfn._start_execution
        self.addCleanup(setattr, sfn, "_start_execution", original)
        sfn._start_execution = lambda request: (parent.update(status="ABORTED"), original(request))[1]
        with self.assertRaises(sfn._ExecutionError):
            sfn._execute_task(task, {}, parent, context)
        self.assertEqual(sfn._executions[nested["executionArn"]]["status"], "ABORTED")

    def test_an_aborted_execution_stays_aborted(self):
        execution = {"executionArn": "arn", "status": "ABORTED", "events": []}
        sfn._fail_execution(execution, "Late", "a task failed")
        self.assertEqual((execution["status"], execution["events"]), ("ABORTED", []))

    def test_the_delay_before_a_retry_has_a_cap_and_jitter(self):
        retrier = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 10}

        def delay(count, **more):
            found, index = sfn._find_matching_retrier([{**retrier, **more}], "E", {0: count})
            return found["IntervalSeconds"] * found["BackoffRate"] ** count, index

        self.assertEqual([delay(count) for count in range(3)], [(2, 0), (6, 0), (10, 0)])
        self.assertTrue(all(0 <= delay(1, JitterStrategy="FULL")[0] <= 6 for _ in range(20)))
        self.assertEqual(sfn._find_matching_retrier([retrier], "E", {0: 3}), (None, -1))

    def test_executions_come_in_pages_of_100(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        for number in range(101):
            self.start(machine, str(number))
        pages, request = [], {"stateMachineArn": machine, "maxResults": 0}
        while True:
            answer = json.loads(sfn._list_executions(request)[2])
            pages.append(len(answer["executions"]))
            if "nextToken" not in answer:
                break
            request["nextToken"] = answer["nextToken"]
        self.assertEqual(pages, [100, 1])
        self.assertEqual(sfn._list_executions({"stateMachineArn": machine, "maxResults": 1001})[0], 400)

    def test_an_execution_that_runs_has_neither_an_end_nor_an_output(self):
        machine = self.machine("m", {"A": {"Type": "Succeed"}})
        (_, running), go = self.held(machine, "one", '{"a":1}')

        def described():
            return json.loads(sfn._describe_execution(running)[2])

        [listed] = json.loads(sfn._list_executions({"stateMachineArn": machine})[2])["executions"]
        self.assertNotIn("stopDate", listed)
        self.assertNotIn("stopDate", described())
        self.assertNotIn("output", described())
        go.set()
        self.eventually(lambda: described()["status"] == "SUCCEEDED")
        self.assertEqual(json.loads(described()["output"]), {"a": 1})
        self.assertIn("stopDate", described())
