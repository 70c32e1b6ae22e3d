"""The traces that executions belong to."""

import json
import queue
from unittest import mock

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn

from support import ACCOUNT, REGION, LocalTestCase

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:traced"
NESTED = {
    "Type": "Task",
    "Resource": "arn:aws:states:::states:startExecution",
    "Arguments": {"StateMachineArn": f"{MACHINE}-nested"},
    "End": True,
}
FUNCTION = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
FUNCTION["Arguments"] = {"FunctionName": "f", "Payload": {}}


def _machine(name, state):
    definition = {"QueryLanguage": "JSONata", "StartAt": "State", "States": {"State": state}}
    sfn._create_state_machine({"name": name, "definition": json.dumps(definition), "roleArn": "r"})


class Traces(LocalTestCase):
    def roots(self, *headers):
        """The roots of the traces of the one function that each start's nested execution invokes."""
        _machine("traced-nested", FUNCTION)
        _machine("traced", NESTED)
        seen = queue.Queue()

        def call(*_):
            seen.put(lambda_svc._xray_trace_id_for_invocation({}).partition(";")[0])
            return {}

        def root(header):
            self.assertEqual(sfn._start_execution({"stateMachineArn": MACHINE, "traceHeader": header})[0], 200)
            return seen.get(timeout=10)

        with mock.patch.object(sfn, "_call_lambda", call):
            return [root(header) for header in headers]

    def test_a_function_belongs_to_the_trace_that_the_outermost_start_names(self):
        self.assertEqual(self.roots("Root=1-0-a;Sampled=1", "Root=1-0-b"), ["Root=1-0-a", "Root=1-0-b"])

    def test_an_execution_whose_start_names_no_trace_has_one_of_its_own(self):
        first, second = self.roots(None, None)
        self.assertRegex(first, "^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$")
        self.assertNotEqual(first, second)
