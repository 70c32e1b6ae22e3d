"""The history of an execution."""

import json
from unittest import mock

from ministack.services import stepfunctions as sfn

from support import StatesTestCase


class History(StatesTestCase):
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

    def test_events_of_a_task_name_the_service_and_its_action(self):
        for arn, names in (
            ("arn:aws:states:::lambda:invoke", ("lambda", "invoke")),
            ("arn:aws:states:::states:startExecution.sync:2", ("states", "startExecution.sync:2")),
        ):
            states = {"Ask": {"Type": "Task", "Resource": arn, "Arguments": {}, "End": True}}
            with mock.patch.object(sfn, "_invoke_resource", return_value={}):
                _, events = self.run_machine(states, "Ask")
            for event in events:
                for details in (value for name, value in event.items() if name.startswith("task")):
                    self.assertEqual((details["resourceType"], details["resource"]), names)
