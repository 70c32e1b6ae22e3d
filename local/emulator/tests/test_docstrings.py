"""The docstrings of the mends."""

import ast
import pathlib
import re
import unittest

PACKAGE = pathlib.Path(__file__).parents[1] / "emulator"


def mends(functions, outer=None):
    """The functions that replace one of MiniStack's; for one inside another function, that one."""
    for function in functions:
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(ast.unparse(decorator).startswith("wraps(") for decorator in function.decorator_list):
                yield outer or function
            yield from mends(function.body, outer or function)


class Docstrings(unittest.TestCase):
    def test_every_mend_says_what_aws_and_ministack_do_or_which_mend_it_serves(self):
        count = 0
        for file in PACKAGE.rglob("*.py"):
            module = ast.parse(file.read_text())
            names = {node.name for node in module.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
            for mend in mends(module.body):
                count += 1
                text = ast.get_docstring(mend) or ""
                served = re.match(r"(?:Prepares|Completes) `(\w+)`", text)
                if served:
                    self.assertIn(served[1], names, f"{file.name}: {mend.name}")
                else:
                    self.assertIn("MiniStack: ", text, f"{file.name}: {mend.name}")
                if "fidelity" in file.parts and not served:
                    self.assertTrue(text.startswith("AWS: "), f"{file.name}: {mend.name}")
        self.assertGreater(count, 80)
