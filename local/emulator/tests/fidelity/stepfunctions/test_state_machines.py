"""What the mends of state_machines.py promise."""

import json
import time
from unittest import mock

from jsonata.jexception import JException
from jsonata.timebox import Timebox
from ministack.services import stepfunctions as sfn

from support import LocalTestCase


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

    def test_an_expression_may_take_long_while_others_work(self):
        box = Timebox(mock.Mock(), timeout=100)
        box.check_runaway()
        time.sleep(0.2)
        box.check_runaway()
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        with self.assertRaises(JException):
            box.check_runaway()

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

    def test_the_history_has_what_a_task_was_given(self):
        arguments = {"FunctionName": "f", "Payload": {"number": "{% $states.input.in %}"}}
        states = {
            "Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": arguments, "End": True}
        }
        with mock.patch.object(sfn, "_invoke_resource", return_value={}):
            _, events = self.run_machine(states, "Ask")
        scheduled = next(event for event in events if event["type"] == "TaskScheduled")["taskScheduledEventDetails"]
        self.assertEqual(json.loads(scheduled["parameters"]), {"FunctionName": "f", "Payload": {"number": 1}})

    def test_a_failed_nested_execution_is_a_failed_task(self):
        output = json.dumps({"Error": "TeardownIncomplete", "Cause": "why"})
        error, cause = sfn._nested_execution_failure({"executionArn": "arn", "status": "FAILED", "output": output})
        self.assertEqual(error, "States.TaskFailed")
        self.assertEqual(json.loads(cause)["Error"], "TeardownIncomplete")
