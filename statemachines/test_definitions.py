"""The definitions are accepted as AWS accepts them, by the emulator's checks.

Tests of what the state machines say about errors are in tests/judges, where JSONata's reference engine evaluates them.
"""

import re
import sys
import unittest
from pathlib import Path

from ministack.services import stepfunctions as sfn

sys.path.insert(0, str(Path(__file__).parents[1] / "local/emulator"))
from emulator.fidelity.stepfunctions import definitions  # noqa: E402, F401

DEFINITIONS = sorted(Path(__file__).parent.glob("*.asl.json"))


class Definitions(unittest.TestCase):
    def test_every_definition_is_accepted(self):
        self.assertGreater(len(DEFINITIONS), 8)
        for file in DEFINITIONS:
            deployed = re.sub(r"\$\{\w+\}", "1", file.read_text())
            self.assertIsNone(sfn._validate_definition_jsonata(deployed), file.name)

    def test_a_branch_that_assigns_a_variable_of_its_parent_would_not_be(self):
        [teardown] = (file for file in DEFINITIONS if file.name.startswith("teardown-tenant."))
        text = re.sub(r"\$\{\w+\}", "1", teardown.read_text())
        branch = re.search(r'"Delete the DNS record": \{', text)
        text = text[: branch.end()] + '"Assign": {"failures": []},' + text[branch.end() :]
        self.assertIn("The variable 'failures' belongs to an outer scope", sfn._validate_definition_jsonata(text))
