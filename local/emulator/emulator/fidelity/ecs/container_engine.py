"""A container engine without containers: a container is a local process, or nothing but a record.

MiniStack's ECS pulls images and runs containers through the `docker` Python package. Without a Docker engine it calls
every service healthy at once, whatever its image is, so that no deployment can fail. `Engine` takes the engine's place
and answers the few calls that MiniStack makes. The image's name decides what becomes of a container:

* With `does-not-exist` in it, the image cannot be pulled, as if the registry did not have it.
* With `crash` in it, the container starts and at once exits with status 1.
* With one of `IMAGES_THAT_RUN` in it, the container is a local process that runs the container's command.
* Under any other name the container is a record that is running until it is stopped.

Nothing is downloaded and no port is opened. A local process gets the container's environment variables, a new directory
as its home, and the programs of this machine. Two programs are put before all others: `aws` from the environment of
this Python, and MariaDB's client under the name `mysql`. When the process exits, the container ends, and processes that
it has left behind are killed.
"""

import atexit
import contextlib
import functools
import hashlib
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from docker.errors import ImageNotFound, NotFound
from ministack.services import ecs

from emulator.mend import replaces

CANNOT_BE_PULLED = "does-not-exist"
CRASHES = "crash"

# The image of the `<env>-generic-db-init` tasks, which set up databases.
IMAGES_THAT_RUN = ("mysql-client",)

# The exit status of a killed container: 128 plus the number of the signal.
KILLED = 128 + signal.SIGKILL

# How many ended containers are kept. MiniStack removes most of them itself.
ENDED_CONTAINERS_KEPT = 1000


def runs(image):
    """Whether the containers of an image run as local processes."""
    return any(name in image for name in IMAGES_THAT_RUN)


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

    def pull(self, name, **_options):
        """Gives the image, or raises ImageNotFound."""
        _pull(name)
        return Image(name)

    # Nothing is kept locally, so the local store and the registry answer as a pull does.
    get = get_registry_data = pull


class Container:
    """A container, or the local process that stands for it."""

    def __init__(self, engine, address, image, command, environment, labels, log):
        self._engine = engine
        self._process = None
        self._output = []
        self._ended = threading.Event()
        self._end_lock = threading.Lock()
        self._callbacks = []
        self._exit_status = 0
        self.id = uuid.uuid4().hex * 2
        self.short_id = self.id[:12]
        self.image = image
        self.labels = labels or {}
        self.attrs = {
            "Created": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
            "NetworkSettings": {"IPAddress": address, "Networks": {"bridge": {"IPAddress": address}}},
            "State": {},
        }
        if CRASHES in image:
            self._end(1)
        elif command and runs(image):
            self._run(command, environment or {}, log)

    def _run(self, command, environment, log):
        home = tempfile.mkdtemp(prefix="container-")
        path = f"{_programs()}:{os.environ.get('PATH', os.defpath)}"
        try:
            self._process = subprocess.Popen(  # noqa: S603  (the command is a task definition's, as on AWS)
                command,
                cwd=home,
                env={"PATH": path, "HOME": home, "TMPDIR": home, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A group of its own, which can be killed as a whole. It stays in the emulator's session, so that it
                # ends with the emulator.
                process_group=0,
            )
        except OSError:
            shutil.rmtree(home, ignore_errors=True)
            raise

        def read():
            with self._process.stdout as output:
                for line in output:
                    self._output.append(line)
                    text = line.decode(errors="replace").rstrip("\r\n")
                    if log and text:
                        log(text)

        def wait():
            reader = threading.Thread(target=read, daemon=True, name=f"container-output-{self.short_id}")
            reader.start()
            # WNOWAIT leaves the dead process in place, so that no other process can get its number before the kill.
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            self._signal(signal.SIGKILL)
            reader.join()
            shutil.rmtree(home, ignore_errors=True)
            self._end(self._process.wait())

        threading.Thread(target=wait, daemon=True, name=f"container-{self.short_id}").start()

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _end(self, status):
        with self._end_lock:
            if self._ended.is_set():
                return
            # Python gives -signal for a process that a signal has ended; a container has 128 + signal.
            self._exit_status = status if status >= 0 else 128 - status
            self._ended.set()
        for callback in self._callbacks:
            callback()

    def when_ended(self, callback):
        """Calls `callback` once, when the container ends, or now if it has ended already."""
        with self._end_lock:
            if not self._ended.is_set():
                self._callbacks.append(callback)
                return
        callback()

    @property
    def status(self):
        """The state in Docker's words."""
        return "exited" if self._ended.is_set() else "running"

    def reload(self):
        """Does nothing: a container is always up to date."""

    def wait(self, timeout=None, **_options):
        """Waits for the end, and gives the exit status."""
        self._ended.wait(timeout)
        return {"StatusCode": self._exit_status}

    def logs(self, **_options):
        """The output so far."""
        return b"".join(self._output)

    def stop(self, timeout=None, **_options):
        """Ends the container: by SIGTERM, and after `timeout` seconds by SIGKILL."""
        if not self._process:
            # Only a record. It ends as a web server does that is told to stop: with status 0.
            self._end(0)
        elif not self._ended.is_set():
            self._signal(signal.SIGTERM)
            if not self._ended.wait(timeout):
                self._signal(signal.SIGKILL)
                self._ended.wait()

    kill = stop

    def remove(self, **_options):
        """Ends the container if it runs, and forgets it."""
        self.stop(timeout=1)
        self._engine.forget(self.id)


class Containers:
    """The containers of the engine: `client.containers` of the docker package."""

    def __init__(self):
        self._containers = {}
        self._lock = threading.Lock()
        # Each container gets the next address of 10.0.0.0/8. Nothing listens there.
        self._numbers = itertools.count(4)

    def run(self, image, command=None, environment=None, labels=None, log=None, **_options):
        """Starts a container. `log`, if given, is called with each line that the container writes."""
        _pull(image)
        number = next(self._numbers)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        container = Container(self, address, image, command, environment, labels, log)
        with self._lock:
            self._containers[container.id] = container
            ended = [key for key, value in self._containers.items() if value.status == "exited"]
            for key in ended[:-ENDED_CONTAINERS_KEPT]:
                del self._containers[key]
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
        self.containers = Containers()
        atexit.register(self.containers.stop_all)

    def ping(self):
        """Says that the engine is there."""
        return True


# AWS: pulls a task's image, and its containers may exit. MiniStack: does so with Docker; without it, every task runs.
replaces(ecs, "_docker", Engine())

# How many seconds a container must run to count as started. Containers here either exit at once or run until stopped.
replaces(ecs, "_ECS_DEPLOYMENT_STEADY_DELAY", 0.02)
