"""Runs a program in a root file system and in namespaces of its own, by the programs of util-linux. See enter.sh.

The network is the machine's. The processor and the memory are not limited.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from emulator.containers import addresses

_ENTER = pathlib.Path(__file__).with_name("enter.sh")

# What enter.sh needs, with the packages of Debian that have it.
_PROGRAMS = {
    "bash": "bash",
    "mmdebstrap": "mmdebstrap",
    "mount": "mount",
    "nsenter": "util-linux",
    "pivot_root": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "unshare": "util-linux",
}

# This machine's programs, when the emulator's environment does not say where they are.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SandboxError(Exception):
    """Why a container cannot be set up."""


@dataclasses.dataclass
class Mount:
    """A directory of this machine that a container sees."""

    source: pathlib.Path
    target: str
    # The user and the group to whom everything in it seems to belong; None for those to whom it belongs.
    owner: tuple[int, int] | None = None
    read_only: bool = False


def _program(name):
    return shutil.which(name, path=_PATH)


@functools.cache
def obstacle():
    """Why no container can run on this machine; None if they can."""
    if os.geteuid() != 0:
        return "only root can make containers"
    for program, package in _PROGRAMS.items():
        if not _program(program):
            return f"{program} is missing: install the package {package}"
    with tempfile.TemporaryDirectory(prefix="container-") as directory:
        trial = """
            mount -t tmpfs tmpfs "$0" && cd "$0" && mkdir lower upper work root &&
            mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work root &&
            unshare --pid --fork --uts --ipc mount -t proc proc root
        """
        command = [_program("unshare"), "--mount", "--propagation", "private", "sh", "-c", trial, directory]
        tried = subprocess.run(  # noqa: S603
            command, env={"PATH": _PATH}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if tried.returncode:
        return f"the kernel refuses overlays or namespaces: {tried.stderr.strip() or tried.returncode}"
    return _obstacle_of_ports()


def _obstacle_of_ports():
    """Whether a web server that listens on every address leaves no port 80 to containers."""
    address = addresses.take()
    try:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address.address, 80))
    except OSError as error:
        return f"containers cannot listen on port 80, perhaps since another server does: {error.strerror}"
    finally:
        address.release()
    return None


@functools.cache
def _maps_owners():
    """Whether mounts can show other owners. Without bindfs they show the real ones."""
    return bool(_program("bindfs")) and os.access("/dev/fuse", os.W_OK)


class Sandbox:
    """A program that runs, and what belongs to it."""

    def __init__(self, directory, process, main_process):
        self._directory = directory
        # The process that ends with the program, and with its exit status.
        self.process = process
        self._main = main_process
        # Unlike a number, it always means the same process. A short program may have ended already.
        self._handle = None
        with contextlib.suppress(ProcessLookupError):
            self._handle = os.pidfd_open(main_process)

    def signal(self, number):
        """Sends a signal to the program, if it still runs."""
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def run(self, command, environment, timeout):
        """Runs a command in the container; gives its exit status, or None if it took too long and was killed."""
        enter = ("--mount", "--uts", "--ipc", "--pid", "--root", "--wd", "--")
        process = subprocess.Popen(  # noqa: S603  (the command is a task definition's)
            [_program("nsenter"), f"--target={self._main}", *enter, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # The whole group: nsenter waits for a child.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self):
        """Removes what is left when the program has ended."""
        with contextlib.suppress(ProcessLookupError):
            # bindfs
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._handle is not None:
            os.close(self._handle)
        shutil.rmtree(self._directory, ignore_errors=True)


def start(layers, address, command, environment, working_directory, user="", mounts=()):
    """Starts a command; gives its sandbox. Its standard output and error are `process.stdout`.

    The thread that calls this must live as long as the command: the kernel kills the command when the thread ends, so
    that nothing outlives the emulator, however that ends.
    """
    directory = pathlib.Path(tempfile.mkdtemp(prefix="container-")).resolve()
    try:
        _write_names(directory / "names", address)
        return _start(directory, layers, address, command, environment, working_directory, user, mounts)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def _write_names(directory, address):
    """Writes how the container finds itself and others by name, as Docker and ECS do."""
    (directory / "etc").mkdir(parents=True)
    # mkdtemp's directory is root's alone, and the mode of this one becomes the mode of the container's /.
    directory.chmod(0o755)
    (directory / "etc/hostname").write_text(f"{address.hostname}\n")
    # `localhost` is the container too. Its literal address 127.0.0.1 is the machine.
    (directory / "etc/hosts").write_text(f"{address.address} localhost {address.hostname}\n")
    with contextlib.suppress(OSError):
        shutil.copyfile("/etc/resolv.conf", directory / "etc/resolv.conf")


def _start(directory, layers, address, command, environment, working_directory, user, mounts):
    lower = ":".join(str(layer).replace("\\", "\\\\").replace(":", "\\:") for layer in layers)
    volumes = []
    for mount in mounts:
        owner = ":".join(map(str, mount.owner)) if mount.owner and _maps_owners() else ""
        volumes += [str(mount.source), mount.target, owner, "ro" if mount.read_only else "rw"]
    ready, write_ready = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603  (the command is a task definition's, as on AWS)
            [
                *(_program("setpriv"), "--pdeathsig", "KILL"),
                *(_program("unshare"), "--mount", "--propagation", "private"),
                *(_program("bash"), "-p", str(_ENTER), "prepare", str(directory), address.hostname, user),
                *(working_directory, str(write_ready), lower, *volumes, "--"),
                *(environment.get("PATH", _PATH), *command),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(write_ready,),
            # A group of its own, which can be killed as a whole.
            process_group=0,
        )
    finally:
        os.close(write_ready)
    with os.fdopen(ready) as answer:
        number = answer.readline().strip()
    if not number:
        process.wait()
        with process.stdout as output:
            reason = output.read(4000).decode(errors="replace").strip()
        raise SandboxError(reason or f"exit status {process.returncode}")
    return Sandbox(directory, process, int(number))
