"""MiniStack, an emulator of AWS, with mends that make it behave as AWS does. See README.md."""

import importlib
import pkgutil


def load_mends():
    """Imports every module of the package: a mend takes effect when its module is imported."""
    for module in pkgutil.walk_packages(__path__, "emulator."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
