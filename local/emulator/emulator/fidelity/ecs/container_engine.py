"""A container engine without containers, for the ECS half of MiniStack.

MiniStack asks the `docker` Python package to pull images and to run containers. Without an engine it calls every
service healthy at once, whatever its image is, and no deployment can fail. This engine answers the few calls that
MiniStack's ECS makes, in the same process, and decides by the image's name what becomes of a container:

* a name with `does-not-exist` in it cannot be pulled, as from a registry that lacks the image;
* a name with `crash` in it starts and exits with status 1 at once;
* a name with one of `IMAGES_THAT_RUN` in it is a local process, which runs the container's command;
* every other name starts, and runs until it is stopped.

Nothing is downloaded and nothing listens. A local process sees the container's environment, a directory of its own as
its home, and this machine's programs; before all others `aws` of this Python's environment and, by the name of
`mysql`, MariaDB's client. The container ends when the process does, and what the process left behind ends with it.
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

# How `<env>-generic-db-init` tasks run.
IMAGES_THAT_RUN = ("mysql-client",)

# The exit status of a container that was killed: 128 and the signal.
KILLED = 128 + signal.SIGKILL

# Where Python can, in the session of the emulator, which is ended as a whole.
_OF_ITS_OWN_GROUP = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}

# How many ended containers are remembered. MiniStack removes most of them itself.
ENDED_CONTAINERS_KEPT = 1000


def runs(image):
    """Whether the containers of an image are local processes."""
    return any(name in image for name in IMAGES_THAT_RUN)


@functools.cache
def _programs():
    """A directory with the programs that the images have and this machine may have elsewhere."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="programs-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    ours = pathlib.Path(sys.executable).with_name("aws")
    found = {
        "aws": ours if ours.exists() else shutil.which("aws"),
        # Called by the name of `mysql`, newer ones warn that it is going away.
        "mysql": shutil.which("mariadb") or shutil.which("mysql"),
    }
    for name, program in found.items():
        if program:
            script = directory / name
            script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
            script.chmod(0o755)
    return directory


def _require(image):
    if CANNOT_BE_PULLED in image:
        raise ImageNotFound(f"manifest for {image} not found: manifest unknown")


class Image:
    """An image, as the registry and the local store describe it."""

    def __init__(self, name):
        self.id = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        self.tags = [name]

    def tag(self, _repository, tag=None):
        return True


class Images:
    """`client.images`"""

    def get_registry_data(self, name, auth_config=None):
        _require(name)
        return Image(name)

    def get(self, name):
        # There is no cache: only what can be pulled is there.
        _require(name)
        return Image(name)

    def pull(self, name, **_options):
        _require(name)
        return Image(name)


class Container:
    """A container, or the local process that stands for it."""

    def __init__(self, engine, address, image, command, environment, labels, log):
        self._engine = engine
        self._process = None
        self._output = []
        self._ended = threading.Event()
        self._end_lock = threading.Lock()
        self._told = []
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
            self._process = subprocess.Popen(
                command,
                cwd=home,
                env={"PATH": path, "HOME": home, "TMPDIR": home, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                **_OF_ITS_OWN_GROUP,
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
            # Not reaped yet, so the number of its process group is still its own.
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
            # A process that a signal ended has a negative status here, and 128 + signal in a container.
            self._exit_status = status if status >= 0 else 128 - status
            self._ended.set()
        for tell in self._told:
            tell()

    def when_ended(self, tell):
        """Calls `tell` when the container has ended, which may be now."""
        with self._end_lock:
            if not self._ended.is_set():
                self._told.append(tell)
                return
        tell()

    @property
    def status(self):
        return "exited" if self._ended.is_set() else "running"

    def reload(self):
        pass

    def wait(self, timeout=None, **_options):
        self._ended.wait(timeout)
        return {"StatusCode": self._exit_status}

    def logs(self, **_options):
        return b"".join(self._output)

    def stop(self, timeout=None, **_options):
        if not self._process:
            # A web server that is told to stop does so in good order.
            self._end(0)
        elif not self._ended.is_set():
            self._signal(signal.SIGTERM)
            if not self._ended.wait(timeout):
                self._signal(signal.SIGKILL)
                self._ended.wait()

    kill = stop

    def remove(self, **_options):
        self.stop(timeout=1)
        self._engine.forget(self.id)


class Containers:
    """`client.containers`"""

    def __init__(self):
        self._containers = {}
        self._lock = threading.Lock()
        # 10.0.0.0/8 in order; nobody connects to these addresses.
        self._numbers = itertools.count(4)

    def run(self, image, command=None, environment=None, labels=None, log=None, **_options):
        _require(image)
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
        container = self._containers.get(container_id)
        if container is None:
            raise NotFound(f"No such container: {container_id}")
        return container

    def list(self, all=False, filters=None, **_options):  # noqa: A002  (as docker names it)
        wanted = (filters or {}).get("label") or []
        wanted = dict(label.partition("=")[::2] for label in ([wanted] if isinstance(wanted, str) else wanted))
        with self._lock:
            containers = list(self._containers.values())
        return [
            container
            for container in containers
            if (all or container.status == "running") and all_labels(container.labels, wanted)
        ]

    def stop_all(self):
        for container in self.list():
            container.stop(timeout=0)

    def forget(self, container_id):
        with self._lock:
            self._containers.pop(container_id, None)


def all_labels(labels, wanted):
    """Whether `labels` has every wanted one; an empty value matches any."""
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


class Engine:
    """What `docker.from_env()` gives."""

    def __init__(self):
        self.images = Images()
        self.containers = Containers()
        atexit.register(self.containers.stop_all)

    def ping(self):
        return True


# AWS: pulls a task's image, and its containers may exit. MiniStack: does so with Docker. Without Docker every task runs.
replaces(ecs, "_docker", Engine())

# For how many seconds a container must run to count as started. Those of this engine exit at once or not by themselves.
replaces(ecs, "_ECS_DEPLOYMENT_STEADY_DELAY", 0.02)
