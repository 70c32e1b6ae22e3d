"""How MiniStack's functions are replaced."""

import types
import unittest

from emulator.mend import replaces, wraps


class Mends(unittest.TestCase):
    def setUp(self):
        self.service = types.ModuleType("service")
        self.service.describe = self.describe = lambda name: f"described {name}"
        self.service.actions = {"Describe": self.describe}

    def mend(self, name="describe", table=None):
        @wraps(self.service, name, table)
        def mended(describe, text):
            return f"{describe(text)}, mended"

    def test_a_mend_takes_the_place_of_a_function_and_may_call_it(self):
        self.mend()
        self.assertEqual(self.service.describe("it"), "described it, mended")

    def test_a_function_that_is_called_through_a_dictionary_is_replaced_there_too(self):
        self.mend(table=self.service.actions)
        self.assertEqual(self.service.actions["Describe"]("it"), "described it, mended")

    def test_a_second_mend_runs_around_the_first(self):
        self.mend()
        self.mend()
        self.assertEqual(self.service.describe("it"), "described it, mended, mended")

    def test_a_value_is_replaced(self):
        self.service.delay = 1
        replaces(self.service, "delay", 0)
        self.assertEqual(self.service.delay, 0)

    def test_the_start_ends_when_what_a_mend_replaces_is_not_there(self):
        with self.assertRaisesRegex(SystemExit, "service has no function list"):
            self.mend("list")
        with self.assertRaisesRegex(SystemExit, r"service\.describe is not in the dictionary"):
            self.mend(table={})
        with self.assertRaisesRegex(SystemExit, "service has no delay"):
            replaces(self.service, "delay", 0)
