"""MiniStack, an emulator of AWS, with mends that make it behave as AWS does. See README.md."""

import importlib
import pkgutil


def load_mends():
    """Imports every module below `fidelity` and `speed`: a mend takes effect when its module is imported."""
    for name in ("emulator.fidelity", "emulator.speed"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
