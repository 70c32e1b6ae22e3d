"""Runs MiniStack with every mend."""

import importlib.metadata
import pathlib
import sys
import tomllib

from ministack import app

import emulator

PROJECT = pathlib.Path(__file__).parents[1] / "pyproject.toml"


def wanted_version():
    """The version of MiniStack that the mends are written for."""
    dependencies = tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
    return next(pin.partition("==")[2] for pin in dependencies if pin.startswith("ministack["))


def main():
    """Serves until it is told to stop."""
    installed, wanted = importlib.metadata.version("ministack"), wanted_version()
    if installed != wanted:
        sys.exit(f"the emulator is written for MiniStack {wanted}, and {installed} is installed: run `make setup`")
    emulator.load_mends()
    # Not before: whatever belongs to a mend is loaded in the mends' order.
    importlib.import_module("emulator.fidelity.elbv2.sites").start()
    # MiniStack reads its own command line.
    sys.argv = ["ministack"]
    app.main()


if __name__ == "__main__":
    main()
