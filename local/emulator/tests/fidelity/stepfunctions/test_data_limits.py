"""How large the data of states and executions may be."""

import json
from unittest import mock

from ministack.services import stepfunctions as sfn

from emulator.fidelity.stepfunctions import data_limits
from support import ACCOUNT, StatesTestCase

# With its quotes in JSON it is as large as may be.
LARGEST = "a" * (data_limits.LARGEST - 2)
TOO_LARGE = LARGEST + "a"
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}}
CAUSE = "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit."


class DataLimits(StatesTestCase):
    def ended(self, state, **more):
        """The error and cause of a machine that has this state, and then one that takes its output."""
        states = {"A": state | {"Next": "End"}, "End": {"Type": "Succeed"}, **more}
        with self.assertRaises(sfn._ExecutionError) as caught:
            self.run_machine(states, "A")
        return caught.exception.error, caught.exception.cause

    def test_bytes_are_counted_in_utf_8(self):
        self.assertEqual(data_limits.size_of({"a": ["\u00e9", 1]}), len('{"a":["xx",1]}'))

    def test_the_output_of_a_state_is_limited(self):
        refused = ("States.DataLimitExceeded", CAUSE.format("A"))
        for kind in (
            {"Type": "Pass"},
            {"Type": "Wait", "Seconds": 0},
            {"Type": "Parallel", "Branches": []},
            {"Type": "Map", "Items": [], "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}},
        ):
            self.assertEqual(self.ended(kind | {"Output": TOO_LARGE}), refused, kind["Type"])
        choice = {"Type": "Choice", "Choices": [{"Condition": True, "Output": TOO_LARGE, "Next": "End"}]}
        self.assertEqual(self.ended(choice), refused)
        self.assertEqual(
            self.ended({"Type": "Pass"}, End={"Type": "Succeed", "Output": TOO_LARGE})[1], CAUSE.format("End")
        )
        output, _ = self.run_machine({"A": {"Type": "Pass", "Output": LARGEST, "End": True}}, "A")
        self.assertEqual(output, LARGEST)

    def test_the_result_of_a_task_is_limited_and_caught_by_its_own_name_only(self):
        refused = ("States.DataLimitExceeded", CAUSE.format("lambda"))
        with mock.patch.object(sfn, "_call_lambda", return_value=TOO_LARGE):
            self.assertEqual(self.ended(TASK), refused)
            catch_all = {"ErrorEquals": ["States.ALL"], "Output": "{% $states.errorOutput %}", "Next": "End"}
            self.assertEqual(self.ended(TASK | {"Catch": [catch_all]}), refused)
            by_name = catch_all | {"ErrorEquals": ["States.DataLimitExceeded"]}
            states = {"A": TASK | {"Catch": [by_name], "Next": "End"}, "End": {"Type": "Succeed"}}
            output, _ = self.run_machine(states, "A")
        self.assertEqual((output["Error"], output["Cause"]), refused)

    def test_what_a_task_is_given_and_its_output_are_limited(self):
        with mock.patch.object(sfn, "_call_lambda", return_value=1) as invoked:
            given = TASK | {"Arguments": {"FunctionName": "f", "Payload": TOO_LARGE}}
            self.assertEqual(self.ended(given)[1], CAUSE.format("lambda"))
            invoked.assert_not_called()
            self.assertEqual(self.ended(TASK | {"Output": TOO_LARGE})[1], CAUSE.format("A"))

    def test_the_input_of_a_branch_and_of_an_iteration_is_limited(self):
        inner = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Output": 1, "End": True}}}
        refused = ("States.DataLimitExceeded", CAUSE.format("A"))
        self.assertEqual(self.ended({"Type": "Parallel", "Arguments": TOO_LARGE, "Branches": [inner]}), refused)
        for mode in ("INLINE", "DISTRIBUTED"):
            processor = inner | {"ProcessorConfig": {"Mode": mode, "ExecutionType": "STANDARD"}}
            state = {"Type": "Map", "Items": [1], "ItemSelector": TOO_LARGE, "ItemProcessor": processor}
            self.assertEqual(self.ended(state), refused, mode)

    def test_variables_are_limited(self):
        half = "a" * (data_limits.LARGEST // 2)
        error, cause = self.ended({"Type": "Pass", "Assign": {"a": half, "b": half}})
        self.assertEqual(error, "States.DataLimitExceeded")
        self.assertIn("'A' assigns variables", cause)
        context = {"QueryLanguage": "JSONata", "variables": {}}
        with self.assertRaises(sfn._ExecutionError):
            for number in range(data_limits.LARGEST_VARIABLES // data_limits.LARGEST * 2 + 1):
                sfn._apply_state_assign({"Assign": {f"v{number}": half}}, {}, context)
        self.assertGreater(len(context["variables"]), 70)

    def test_the_input_of_an_execution_is_limited(self):
        self.addCleanup(sfn.reset)
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        body = sfn._create_state_machine({"name": "limited", "definition": definition, "roleArn": role})[2]
        machine = json.loads(body)["stateMachineArn"]
        status, _, body = sfn._start_execution({"stateMachineArn": machine, "input": json.dumps(TOO_LARGE)})
        self.assertEqual((status, json.loads(body)["__type"]), (400, "ValidationException"))
        self.assertEqual(sfn._start_execution({"stateMachineArn": machine, "input": json.dumps(LARGEST)})[0], 200)
