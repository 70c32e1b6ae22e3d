"""What a Task state may do, and how it fails."""

import json
import threading
from unittest import mock

from ministack.services import stepfunctions as sfn

from support import LocalTestCase

FUNCTION = "arn:aws:states:::lambda:invoke"


class TaskStates(LocalTestCase):
    def test_a_failed_nested_execution_is_a_failed_task(self):
        ended = {
            "executionArn": "arn",
            "name": "n",
            "stateMachineArn": "arn:m",
            "input": '{"a":1}',
            "startDate": "1970-01-01T00:00:01.500Z",
            "stopDate": "1970-01-01T00:00:02.000Z",
            "status": "FAILED",
            "output": "{}",
        }
        error, cause = sfn._nested_execution_failure(ended | {"error": "TeardownIncomplete", "cause": "why"})
        self.assertEqual(error, "States.TaskFailed")
        described = {
            "ExecutionArn": "arn",
            "Input": '{"a":1}',
            "InputDetails": {"Included": True},
            "Name": "n",
            "StartDate": 1500,
            "StateMachineArn": "arn:m",
            "Status": "FAILED",
            "StopDate": 2000,
        }
        self.assertEqual(json.loads(cause), described | {"Error": "TeardownIncomplete", "Cause": "why"})
        _, cause = sfn._nested_execution_failure(ended | {"status": "ABORTED", "error": None})
        self.assertEqual(json.loads(cause), described | {"Status": "ABORTED"})

    def test_a_state_that_times_out_has_an_empty_cause(self):
        go = threading.Event()
        self.addCleanup(go.set)
        with (
            mock.patch.object(sfn, "_call_lambda", lambda *_: go.wait(10)),
            self.assertRaises(sfn._ExecutionError) as late,
        ):
            sfn._invoke_resource_with_timeout(FUNCTION, {"FunctionName": "f"}, 0.01)
        self.assertEqual((late.exception.error, late.exception.cause), ("States.Timeout", ""))
