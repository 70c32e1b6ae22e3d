"""The start of the emulator."""

import importlib.metadata
import pathlib
import sys
import unittest
from unittest import mock

from ministack import app

from emulator import __main__ as start


class Start(unittest.TestCase):
    def test_every_module_with_a_mend_is_loaded(self):
        root = pathlib.Path(start.__file__).parents[1]
        for file in (root / "emulator").rglob("*.py"):
            name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            # A program is run, and not imported.
            self.assertTrue(name in sys.modules or name.endswith(".__main__"), name)

    def test_another_version_of_ministack_is_refused(self):
        with (
            mock.patch.object(importlib.metadata, "version", return_value="0.0.1"),
            mock.patch.object(app, "main") as main,
            self.assertRaisesRegex(SystemExit, r"is written for MiniStack [\d.]+, and 0\.0\.1 is installed"),
        ):
            start.main()
        main.assert_not_called()
