"""How an execution ends."""

import json
import threading

from ministack.services import eventbridge
from ministack.services import stepfunctions as sfn

from support import ACCOUNT, LocalTestCase

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}}
CATCH = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]


class Endings(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sfn.reset)
        self.addCleanup(eventbridge.reset)
        self.told, self.ended = [], threading.Event()
        for module, name, value in (
            (eventbridge, "_put_events", self.put_events),
            (sfn, "_call_lambda", lambda *_: self.task()),
        ):
            self.addCleanup(setattr, module, name, getattr(module, name))
            setattr(module, name, value)

    def put_events(self, request, **_):
        status = json.loads(request["Entries"][0]["Detail"])["status"]
        self.told.append(status)
        if status != "RUNNING":
            self.ended.set()

    def start(self, states, **more):
        definition = {"QueryLanguage": "JSONata", "StartAt": "A", "States": states, **more}
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        body = sfn._create_state_machine({"name": "m", "definition": json.dumps(definition), "roleArn": role})[2]
        body = sfn._start_execution({"stateMachineArn": json.loads(body)["stateMachineArn"]})[2]
        return sfn._executions[json.loads(body)["executionArn"]]

    def kinds(self, execution):
        return [event["type"] for event in execution["events"]]

    def test_an_execution_that_times_out_ends_with_an_event(self):
        go = threading.Event()
        self.addCleanup(go.set)
        self.task = lambda: go.wait(10)
        execution = self.start({"A": {**TASK, "End": True}}, TimeoutSeconds=0.4)
        self.assertTrue(self.ended.wait(10))
        self.assertEqual((execution["status"], self.told), ("TIMED_OUT", ["RUNNING", "TIMED_OUT"]))
        self.assertEqual(self.kinds(execution)[-1], "ExecutionTimedOut")

    def stopped_in_its_task(self, states):
        """An execution that is stopped while its task runs, after the task has ended."""
        entered, go, done = threading.Event(), threading.Event(), threading.Event()
        self.calls = 0

        def task():
            self.calls += 1
            entered.set()
            go.wait(10)
            raise sfn._ExecutionError("Late", "after the end")

        self.task = task
        original = sfn._run_execution
        self.addCleanup(setattr, sfn, "_run_execution", original)
        sfn._run_execution = lambda arn: (original(arn), done.set())
        execution = self.start(states)
        self.assertTrue(entered.wait(10))
        sfn._stop_execution({"executionArn": execution["executionArn"]})
        go.set()
        self.assertTrue(done.wait(10))
        return execution

    def test_after_the_end_there_is_no_event_no_retry_and_no_further_state(self):
        retry = [{"ErrorEquals": ["Late"], "IntervalSeconds": 0, "MaxAttempts": 5}]
        task = {**TASK, "Retry": retry, "Catch": CATCH, "Next": "B"}
        execution = self.stopped_in_its_task({"A": task, "B": {"Type": "Succeed"}})
        self.assertEqual((execution["status"], self.calls, self.told), ("ABORTED", 1, ["RUNNING", "ABORTED"]))
        self.assertEqual(self.kinds(execution)[-1], "ExecutionAborted")

    def test_a_branch_ends_with_its_execution(self):
        branch = {"StartAt": "X", "States": {"X": {**TASK, "Catch": [{**CATCH[0], "Next": "Y"}], "End": True}}}
        branch["States"]["Y"] = {**TASK, "End": True}
        execution = self.stopped_in_its_task({"A": {"Type": "Parallel", "Branches": [branch], "End": True}})
        self.assertEqual((execution["status"], self.calls), ("ABORTED", 1))

    def test_some_errors_cannot_be_caught(self):
        for error in ("States.Runtime", "States.DataLimitExceeded"):
            for names in (["States.ALL"], ["States.TaskFailed"]):
                self.assertFalse(sfn._error_matches(names, error))
        self.assertFalse(sfn._error_matches(["States.Runtime"], "States.Runtime"))
        self.assertTrue(sfn._error_matches(["States.DataLimitExceeded"], "States.DataLimitExceeded"))
        self.assertTrue(sfn._error_matches(["States.ALL"], "States.QueryEvaluationError"))
