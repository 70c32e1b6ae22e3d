"""A container engine without Docker: a container is WordPress, a local process, or nothing but a record.

MiniStack's ECS pulls images and runs containers through the `docker` Python package. Without a Docker engine it calls
every service healthy at once, whatever its image is, so that no deployment can fail. `Engine` takes the engine's place
and answers the few calls that MiniStack makes. The image's name decides what becomes of a container:

* With `does-not-exist` in it, the image cannot be pulled, as if the registry did not have it.
* With `crash` in it, the container starts and at once exits with status 1.
* With one of `IMAGES_THAT_RUN` in it, the container is a local process that runs the container's command.
* With `pretend` in it, the container is a record that is running until it is stopped. That of a one-off task has done
  its work at once.
* With `wordpress` in it, the container is WordPress, with a root file system, processes and an address of its own. See
  `emulator.images` and `emulator.containers`. Where that is impossible, it is a record.
* Under any other name the container is a record.

Nothing is downloaded from a registry. A local process gets the container's environment variables, a new directory as
its home, and the programs of this machine. Two programs are put before all others: `aws` from the environment of this
Python, and MariaDB's client under the name `mysql`. When the main process of a container exits, the container ends, and
processes that it has left behind are killed.
"""

import atexit
import functools
import hashlib
import itertools
import pathlib
import shlex
import shutil
import signal
import sys
import tempfile
import threading

from docker.errors import ImageNotFound, NotFound
from ministack.services import ecs

from emulator import images
from emulator.containers import addresses, sandbox
from emulator.fidelity.ecs.containers import Container, IsolatedProgram, LocalProcess
from emulator.mend import replaces

CANNOT_BE_PULLED = "does-not-exist"
CRASHES = "crash"
PRETENDS = "pretend"

# The image of the `<env>-generic-db-init` tasks, which set up databases.
IMAGES_THAT_RUN = ("mysql-client",)

# The exit status of a killed container: 128 plus the number of the signal.
KILLED = 128 + signal.SIGKILL

# How many ended containers are kept. MiniStack removes most of them itself.
ENDED_CONTAINERS_KEPT = 1000


def runs(image):
    """Whether the containers of an image are processes."""
    return _runs_locally(image) or runs_as_wordpress(image)


def _runs_locally(image):
    return any(name in image for name in IMAGES_THAT_RUN)


def runs_as_wordpress(image):
    """Whether the containers of an image are WordPress, and not only records."""
    other = (CANNOT_BE_PULLED, CRASHES, PRETENDS, *IMAGES_THAT_RUN)
    if not images.directory() or not images.is_wordpress(image) or any(name in image for name in other):
        return False
    return not _obstacle()


@functools.cache
def _obstacle():
    """Why WordPress cannot run here; None if it can. Makes the image if there is none, and says once what is wrong."""
    reason = sandbox.obstacle()
    try:
        if not reason:
            images.build()
    except images.ImageError as error:
        reason = str(error)
    if reason:
        print(f"WordPress containers are records only: {reason}", flush=True)
    return reason


def _wordpress(image, command, environment, labels, log, definition, mounts):
    address = addresses.take()
    program = [*definition.get("entryPoint", images.ENTRY_POINT)]
    # As in Docker: the image's own command belongs to its own entry point.
    program += command or ([] if "entryPoint" in definition else images.COMMAND)
    variables = {**images.ENVIRONMENT, "HOSTNAME": address.hostname, "HOME": "/root", **environment}

    def start():
        return sandbox.start(
            images.layers(image),
            address,
            program,
            variables,
            definition.get("workingDirectory") or images.WORKING_DIRECTORY,
            definition.get("user") or "",
            mounts,
        )

    return IsolatedProgram(address, image, labels, log, start, images.STOP_SIGNAL, variables)


@functools.cache
def _programs():
    """A directory with the programs that images have and this machine may have under another name or path."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="programs-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    installed = pathlib.Path(sys.executable).with_name("aws")
    found = {
        "aws": installed if installed.exists() else shutil.which("aws"),
        # Newer versions of MariaDB's client print a warning when they are called as `mysql`.
        "mysql": shutil.which("mariadb") or shutil.which("mysql"),
    }
    for name, program in found.items():
        if program:
            script = directory / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
            script.chmod(0o755)
    return directory


def _pull(image):
    if CANNOT_BE_PULLED in image:
        raise ImageNotFound(f"manifest for {image} not found: manifest unknown")


class Image:
    """An image, as the registry and the local store describe it."""

    def __init__(self, name):
        self.id = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        self.tags = [name]

    def tag(self, *_arguments, **_options):
        """Accepts any further name for the image."""
        return True


class Images:
    """The images that can be pulled: `client.images` of the docker package."""

    def __init__(self):
        self._names = {}

    def pull(self, name, **_options):
        """Gives the image, or raises ImageNotFound."""
        name = self.name_of(name)
        _pull(name)
        image = Image(name)
        # One entry for each name: a handful.
        self._names[image.id] = name
        return image

    def name_of(self, name):
        """The name under which an image was first asked for. ECS then asks for its digest, which has no tag."""
        return self._names.get(name.partition("@")[2], name)

    # Nothing is kept locally, so the local store and the registry answer as a pull does.
    get = get_registry_data = pull


class Containers:
    """The containers of the engine: `client.containers` of the docker package."""

    def __init__(self, images):
        self._images = images
        self._containers = {}
        self._lock = threading.Lock()
        # Each container that is no program of its own gets the next address of 10.0.0.0/8. Nothing listens there.
        self._numbers = itertools.count(4)

    def run(self, image, command=None, environment=None, labels=None, log=None, definition=None, mounts=(), **_options):
        """Starts a container. `log`, if given, is called with each line that the container writes.

        `definition` is the container's in its task definition, and `mounts` are what it sees of this machine's files.
        """
        image = self._images.name_of(image)
        _pull(image)
        container = self._make(image, command, environment or {}, labels, log, definition or {}, mounts)
        container.forget = lambda: self.forget(container.id)
        with self._lock:
            self._containers[container.id] = container
            ended = [key for key, value in self._containers.items() if value.status == "exited"]
            for key in ended[:-ENDED_CONTAINERS_KEPT]:
                del self._containers[key]
        return container

    def _make(self, image, command, environment, labels, log, definition, mounts):
        if runs_as_wordpress(image):
            return _wordpress(image, command, environment, labels, log, definition, mounts)
        number = next(self._numbers)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if command and _runs_locally(image):
            return LocalProcess(address, image, labels, log, command, environment, _programs())
        container = Container(address, image, labels)
        if CRASHES in image:
            container.end(1)
        return container

    def get(self, container_id):
        """Finds a container by its id, or raises NotFound."""
        container = self._containers.get(container_id)
        if container is None:
            raise NotFound(f"No such container: {container_id}")
        return container

    def list(self, all=False, filters=None, **_options):  # noqa: A002  (the docker package's name)
        """The running containers, or `all`, that have the labels in `filters`."""
        wanted = (filters or {}).get("label") or []
        wanted = dict(label.partition("=")[::2] for label in ([wanted] if isinstance(wanted, str) else wanted))
        with self._lock:
            containers = list(self._containers.values())
        return [
            container
            for container in containers
            if (all or container.status == "running") and _has_labels(container.labels, wanted)
        ]

    def stop_all(self):
        """Ends every running container."""
        for container in self.list():
            container.stop(timeout=0)

    def forget(self, container_id):
        """Removes the record of a container."""
        with self._lock:
            self._containers.pop(container_id, None)


def _has_labels(labels, wanted):
    """Whether `labels` contains every wanted one. A wanted label with an empty value matches any value."""
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


class Engine:
    """The client that `docker.from_env()` gives."""

    def __init__(self):
        self.images = Images()
        self.containers = Containers(self.images)
        atexit.register(self.containers.stop_all)

    def ping(self):
        """Says that the engine is there."""
        return True


# AWS: pulls a task's image, and its containers may exit. MiniStack: does so with Docker; without it, every task runs.
replaces(ecs, "_docker", Engine())

# How many seconds a container must run to count as started. Containers here either exit at once or run until stopped.
replaces(ecs, "_ECS_DEPLOYMENT_STEADY_DELAY", 0.02)
