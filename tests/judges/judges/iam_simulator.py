"""Asks a simulator of AWS's IAM, which is a program of its own: tests/judges/iam-simulator.

Node.js and npm are packages of the environment in which this runs. The simulator is installed beside them.
"""

import json
import pathlib
import shutil
import subprocess
import sys

_SOURCE = pathlib.Path(__file__).parents[1] / "iam-simulator"
_LOCK = "package-lock.json"


class SimulatorError(Exception):
    """The simulator cannot be asked."""


def installed():
    """The directory of the simulator, which is installed if it is not there or not this version."""
    directory = pathlib.Path(sys.prefix, "iam-simulator")
    done = directory / "installed"
    wanted = (_SOURCE / _LOCK).read_text()
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(_SOURCE, directory)
        # Nothing that a package brings along is run.
        _run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
        done.write_text(wanted)
    shutil.copy(_SOURCE / "simulate.js", directory)
    return directory


def answers(questions):
    """The simulator's answer to each question, such as `Allowed`. A question is a dictionary, see `simulate.js`."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    found = _run("node", ["simulate.js"], installed(), lines).splitlines()
    if len(found) != len(questions):
        raise SimulatorError(f"the simulator has given {len(found)} answers to {len(questions)} questions")
    return found


def _run(program, arguments, directory, text=""):
    """What a program of this environment prints."""
    path = pathlib.Path(sys.executable).with_name(program)
    try:
        ended = subprocess.run(  # noqa: S603
            [path, *arguments], cwd=directory, input=text, capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise SimulatorError(f"{path} does not exist: install tests/judges/requirements.txt") from None
    except subprocess.CalledProcessError as error:
        raise SimulatorError(f"{program} has failed: {error.stderr}") from None
    return ended.stdout
