"""Step Functions: executions begin without a pause."""

import json
import time
from unittest import mock

from ministack.services import stepfunctions as sfn

from support import ACCOUNT, LocalTestCase


class Executions(LocalTestCase):
    def test_an_execution_begins_at_once_and_waits_where_it_is_told_to(self):
        self.addCleanup(sfn.reset)
        states = {"Wait": {"Type": "Wait", "Seconds": 7, "Next": "End"}, "End": {"Type": "Succeed"}}
        definition = json.dumps({"StartAt": "Wait", "States": states})
        machine = {"name": "m", "definition": definition, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/m"}
        arn = json.loads(sfn._create_state_machine(machine)[2])["stateMachineArn"]
        with mock.patch.object(time, "sleep") as sleep:
            answer = json.loads(sfn._start_sync_execution({"stateMachineArn": arn, "input": "{}"})[2])
        self.assertEqual(answer["status"], "SUCCEEDED")
        self.assertEqual([call.args for call in sleep.call_args_list], [(7 * sfn._SFN_WAIT_SCALE,)])
