"""What a Task state may do, and how it fails."""

import json

from ministack.services import stepfunctions as sfn

from support import LocalTestCase


class TaskStates(LocalTestCase):
    def test_a_failed_nested_execution_is_a_failed_task(self):
        output = json.dumps({"Error": "TeardownIncomplete", "Cause": "why"})
        error, cause = sfn._nested_execution_failure({"executionArn": "arn", "status": "FAILED", "output": output})
        self.assertEqual(error, "States.TaskFailed")
        self.assertEqual(json.loads(cause)["Error"], "TeardownIncomplete")
