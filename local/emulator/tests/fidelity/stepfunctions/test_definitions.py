"""What a state machine's definition may say."""

import json

from ministack.services import stepfunctions as sfn

from support import ACCOUNT, LocalTestCase

END = {"Type": "Pass", "End": True}


def machine(**states):
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}


def parallel(*branches, **more):
    return {"Type": "Parallel", "Branches": [*branches], "End": True, **more}


class Definitions(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sfn.reset)

    def refusal(self, definition):
        """Why the state machine cannot be created; None if it can."""
        request = {"name": "m", "definition": json.dumps(definition), "roleArn": f"arn:aws:iam::{ACCOUNT}:role/r"}
        status, _, body = sfn._create_state_machine(request)
        sfn._state_machines.clear()
        answer = json.loads(body)
        if status == 200:
            return None
        self.assertEqual(answer["__type"], "InvalidDefinition")
        return answer["message"]

    def test_an_inner_scope_cannot_assign_a_variable_of_an_outer_one(self):
        inner = machine(B=END | {"Assign": {"x": 1}})
        outer = {"Type": "Pass", "Assign": {"x": 0}, "Next": "P"}
        for state in (parallel(inner), {"Type": "Map", "Items": [], "ItemProcessor": inner, "End": True}):
            refusal = self.refusal(machine(A=outer, P=state))
            self.assertIn("The variable 'x' belongs to an outer scope", refusal)
            self.assertIn("/States/B/Assign/x", refusal)
        self.assertIsNone(self.refusal(machine(A=outer | {"Assign": {"y": 0}}, P=parallel(inner, inner))))

    def test_a_variable_may_be_assigned_by_a_catcher_and_by_a_choice(self):
        catch = [{"ErrorEquals": ["States.ALL"], "Assign": {"x": 1}, "Next": "D"}]
        choice = {"Type": "Choice", "Choices": [{"Condition": True, "Assign": {"x": 1}, "Next": "D"}]}
        for state in (parallel(Catch=catch), choice):
            inner = parallel(machine(B=state, D=END))
            self.assertIn("/Assign/x", self.refusal(machine(A={**END, "Assign": {"x": 0}}, P=inner)))
            outer = machine(A=state, D=parallel(machine(B=END | {"Assign": {"x": 1}})))
            self.assertIn("/D/Branches/0/States/B/Assign/x", self.refusal(outer))

    def test_the_children_of_a_distributed_map_have_variables_of_their_own(self):
        processor = machine(B=END | {"Assign": {"x": 1}}) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}
        state = {"Type": "Map", "Items": [], "ItemProcessor": processor, "End": True}
        self.assertIsNone(self.refusal(machine(A={"Type": "Pass", "Assign": {"x": 0}, "Next": "P"}, P=state)))

    def test_a_field_refers_to_a_result_or_an_error_only_where_there_is_one(self):
        task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
        result, error = "{% $states.result.a %}", "{% $states.errorOutput.Error %}"
        catch = {"ErrorEquals": ["States.ALL"], "Next": "A"}
        for state in (
            task | {"Output": result, "Assign": {"a": [result]}},
            task | {"Catch": [catch | {"Output": error}]},
            parallel(machine(B=task | {"Output": result}), Output=result),
        ):
            self.assertIsNone(self.refusal(machine(A=state)))
        for state, path in (
            (task | {"Arguments": {"a": result}}, "result at /States/A/Arguments/a"),
            (task | {"Output": error}, "errorOutput at /States/A/Output"),
            (task | {"Catch": [catch | {"Output": result}]}, "result at /States/A/Catch/0/Output"),
            ({"Type": "Wait", "Seconds": 1, "Output": result, "End": True}, "result at /States/A/Output"),
            ({"Type": "Fail", "Cause": error}, "errorOutput at /States/A/Cause"),
            (parallel(machine(B=task | {"Output": error})), "errorOutput at /States/A/Branches/0/States/B/Output"),
        ):
            self.assertIn(f"There is no $states.{path}", self.refusal(machine(A=state)))
