"""State machines in JSONata."""

import time
from unittest import mock

from jsonata.jexception import JException
from jsonata.timebox import Timebox

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
