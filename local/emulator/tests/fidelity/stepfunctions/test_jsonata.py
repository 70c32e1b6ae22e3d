"""State machines in JSONata."""

import time
from unittest import mock

from jsonata.jexception import JException
from jsonata.timebox import Timebox
from ministack.services import stepfunctions as sfn

from support import StatesTestCase


class Jsonata(StatesTestCase):
    def test_a_parallel_state_has_arguments_and_an_output(self):
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

    def test_an_expression_is_timed_by_its_own_work(self):
        box = Timebox(mock.Mock(), timeout=100)
        box.check_runaway()
        time.sleep(0.2)
        box.check_runaway()
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        with self.assertRaises(JException):
            box.check_runaway()

    def test_a_choice_without_a_match_has_an_output(self):
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

    def evaluated(self, expression, data=None):
        return sfn._evaluate_jsonata(expression, data, {})

    def test_there_is_no_eval(self):
        with self.assertRaises(sfn._ExecutionError) as caught:
            self.evaluated("$eval('1')")
        self.assertEqual(caught.exception.error, "States.QueryEvaluationError")
        self.assertIn("T1006", caught.exception.cause)

    def test_parse_takes_json(self):
        self.assertEqual(self.evaluated("$parse('[1]')"), [1])
        for text in ("NaN", "[Infinity]", "-Infinity", "{"):
            with self.assertRaises(sfn._ExecutionError, msg=text):
                self.evaluated("$parse($states.input)", text)

    def test_a_text_has_the_characters_that_a_value_has(self):
        for expression, text in [
            ("$string({'a': '\u00e9\U0001f600'})", '{"a":"\u00e9\U0001f600"}'),
            ("$string([1.0, 0.1 + 0.2, 5 / 2, true, null])", "[1,0.3,2.5,true,null]"),
            ("$string({'a': ['\n\\u0001\"']})", '{"a":["\\n\\u0001\\""]}'),
            ("$string([1], true)", "[\n  1\n]"),
            ("$string(1.0)", "1"),
            ("$string('\u00e9')", "\u00e9"),
        ]:
            self.assertEqual(self.evaluated(expression), text)

    def test_a_condition_is_true_or_false(self):
        states = {"Which": {"Type": "Choice", "Default": "No"}, "Yes": {"Type": "Succeed"}, "No": {"Type": "Succeed"}}

        def chosen(condition):
            states["Which"]["Choices"] = [{"Condition": condition, "Output": "yes", "Next": "Yes"}]
            return self.run_machine(states, "Which")[0]

        self.assertEqual(chosen("{% $states.input.in = 1 %}"), "yes")
        self.assertEqual(chosen(True), "yes")
        self.assertEqual(chosen("{% $states.input.in = 2 %}"), {"in": 1})
        for condition in ("{% $states.input.in %}", "{% null %}", "{% '' %}", "{% [true] %}", "{% $states.input.no %}"):
            with self.assertRaises(sfn._ExecutionError, msg=condition) as caught:
                chosen(condition)
            self.assertEqual(caught.exception.error, "States.QueryEvaluationError", condition)

    def test_an_assignment_sees_the_variables_as_they_were(self):
        states = {
            "First": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Swap"},
            "Swap": {"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Output": "{% $a %}", "Next": "End"},
            "End": {"Type": "Succeed", "Output": "{% [$states.input, $a, $b] %}"},
        }
        self.assertEqual(self.run_machine(states, "First")[0], [1, 2, 1])

    def test_nothing_is_assigned_if_an_expression_fails(self):
        context = {"QueryLanguage": "JSONata", "variables": {"a": 1}}
        with self.assertRaises(sfn._ExecutionError):
            sfn._apply_state_assign({"Assign": {"a": 2, "b": "{% $no %}"}}, {}, context)
        self.assertEqual(context["variables"], {"a": 1})
