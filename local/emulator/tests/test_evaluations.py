"""The recording of evaluations."""

import json
from unittest import mock

from ministack.services import stepfunctions as sfn

from emulator import evaluations, recordings
from support import LocalTestCase

CONTEXT = {
    "QueryLanguage": "JSONata",
    "Execution": {"Id": "arn", "Input": {"a": 1}},
    "State": {"Name": "Look", "EnteredTime": "2026-01-01"},
    "StateMachine": {"Name": "dev-m", "Id": "arn:m"},
    "variables": {"used": [1], "unused": 2},
}


class Evaluations(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.into = mock.Mock()
        original = sfn._evaluate_jsonata
        self.addCleanup(setattr, sfn, "_evaluate_jsonata", original)
        evaluations.record_evaluations(evaluations.Evaluations(self.into))

    def lines(self):
        """The lines that were written."""
        written = [call.args[0] for call in self.into.write_text.call_args_list]
        return [json.loads(text) for text in written]

    def test_an_evaluation_is_recorded_with_what_it_saw(self):
        value = sfn._evaluate_jsonata(
            "$states.input.b + $used[0] + $states.context.Execution.Input.a", {"b": 1}, CONTEXT
        )
        self.assertEqual(value, 3)
        (line,) = self.lines()
        self.assertGreater(line.pop("now"), 10**12)
        self.assertEqual(
            line,
            {
                "machine": "dev-m",
                "state": "Look",
                "expression": "$states.input.b + $used[0] + $states.context.Execution.Input.a",
                "variables": {
                    "used": [1],
                    "states": {"input": {"b": 1}, "context": {"Execution": {"Id": "arn", "Input": {"a": 1}}}},
                },
                "value": 3,
            },
        )

    def test_what_an_expression_names_as_a_whole_is_recorded_as_a_whole(self):
        for expression, seen in [
            ("$states", {"input", "context", "errorOutput"}),
            ("$keys($states)", {"input", "context", "errorOutput"}),
            ("$states.errorOutput.Error", {"errorOutput"}),
            ("$used", set()),
        ]:
            given = evaluations.variables_of(expression, {}, CONTEXT, error_output={"Error": "E"})
            self.assertEqual(set(given["states"]), seen, expression)
        whole = evaluations.variables_of("$states.context", {}, CONTEXT)["states"]["context"]
        self.assertEqual(set(whole), {"Execution", "State", "StateMachine"})

    def test_equal_evaluations_are_one_line(self):
        for data in (1, 1, 2):
            sfn._evaluate_jsonata("$states.input", data, CONTEXT)
        self.assertEqual([line["value"] for line in self.lines()], [1, 2])

    def test_an_error_is_recorded(self):
        for expression in ("$states.input.missing", "'a' + 1"):
            with self.assertRaises(sfn._ExecutionError):
                sfn._evaluate_jsonata(expression, {}, CONTEXT)
        self.assertTrue(all(line["error"] for line in self.lines()))

    def test_secrets_are_masked_and_large_evaluations_are_skipped(self):
        sfn._evaluate_jsonata("$states.input", {"SecretString": "secret"}, CONTEXT)
        (line,) = self.lines()
        self.assertEqual((line["value"], line["variables"]["states"]["input"]), ({"SecretString": "******"},) * 2)
        sfn._evaluate_jsonata("$length($states.input)", "a" * recordings.LARGEST_BODY, CONTEXT)
        (skipped,) = (call.args[0] for call in self.into.write.call_args_list)
        self.assertEqual(skipped["expression"], "$length($states.input)")
        self.assertIn("characters", skipped["skipped"])

    def test_what_was_written_long_ago_may_come_again(self):
        with mock.patch.object(evaluations, "_MOST_REMEMBERED", 1):
            for data in (1, 2, 1):
                sfn._evaluate_jsonata("$states.input", data, CONTEXT)
        self.assertEqual(len(self.lines()), 3)
