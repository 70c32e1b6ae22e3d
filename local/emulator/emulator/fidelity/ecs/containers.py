"""What a container is: a record, a process of this machine, or a program with a root file system of its own."""

import collections
import concurrent.futures
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid

# How much of a container's output is kept for `logs`, in lines. A longer line is cut into several, as Docker does.
_LINES_KEPT, _LONGEST_LINE = 2000, 16 * 1024

# Seconds between the stop signal and SIGKILL, if the container's definition gives none.
STOP_TIMEOUT = 30


class Container:
    """A container that is only a record: it runs until it is stopped."""

    # Whether there is a program, and so an exit status and a health that somebody must find out.
    is_process = False
    # Whether its health can be checked, in its own namespaces.
    is_isolated = False

    def __init__(self, address, image, labels):
        self._ended = threading.Event()
        self._end_lock = threading.Lock()
        self._callbacks = []
        self._exit_status = 0
        self._output = collections.deque(maxlen=_LINES_KEPT)
        self.id = uuid.uuid4().hex * 2
        self.short_id = self.id[:12]
        self.image = image
        self.labels = labels or {}
        self.attrs = {
            "Created": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
            "NetworkSettings": {"IPAddress": address, "Networks": {"bridge": {"IPAddress": address}}},
            "State": {},
        }
        self.forget = lambda: None

    def end(self, status):
        """Notes that the container has ended, and calls those who wait for that."""
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

    def has_ended(self, timeout=0):
        """Whether the container has ended, or does within `timeout` seconds."""
        return self._ended.wait(timeout)

    def logs(self, **_options):
        """The output so far: its last lines, if there are many."""
        return b"".join(self._output)

    def stop(self, timeout=None, **_options):  # noqa: ARG002  (the docker package's name)
        """Ends the container, as a web server ends that is told to stop: with status 0."""
        self.end(0)

    def kill(self, **_options):
        """Ends the container at once."""
        self.stop(timeout=0)

    def remove(self, **_options):
        """Ends the container if it runs, and forgets it."""
        self.stop(timeout=1)
        self.forget()


class _Program(Container):
    """A container with a program. A thread of its own starts it and waits for its end."""

    is_process = True

    def __init__(self, address, image, labels, log):
        super().__init__(address, image, labels)
        self._log = log
        started = concurrent.futures.Future()
        threading.Thread(target=self._live, args=(started,), daemon=True, name=f"container-{self.short_id}").start()
        # Raises what has kept the program from starting.
        started.result()

    def _live(self, started):
        try:
            process = self._start()
        except BaseException as error:  # Raised by the thread that waits for the start.
            self._release()
            self.end(128)
            started.set_exception(error)
            return
        reader = threading.Thread(
            target=self._read, args=(process.stdout,), daemon=True, name=f"container-output-{self.short_id}"
        )
        reader.start()
        started.set_result(None)
        # WNOWAIT leaves the dead process in place, so that no other process can get its number before the kill.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        reader.join()
        status = process.wait()
        self._release()
        self.end(status)

    def _read(self, output):
        with output:
            for line in iter(lambda: output.readline(_LONGEST_LINE), b""):
                self._output.append(line)
                text = line.decode(errors="replace").rstrip("\r\n")
                if self._log and text:
                    self._log(text)

    def stop(self, timeout=None, **_options):
        """Ends the container: by its stop signal, and after `timeout` seconds, 10 if missing, by SIGKILL."""
        if self._ended.is_set():
            return
        self._signal_stop()
        if not self._ended.wait(10 if timeout is None else timeout):
            self._signal_kill()
            self._ended.wait()

    def _start(self):
        """Starts the program, with its output in a pipe, as the leader of a process group."""
        raise NotImplementedError

    def _release(self):
        """Gives back what the container had. The program has ended, or has never started."""
        raise NotImplementedError

    def _signal_stop(self):
        raise NotImplementedError

    def _signal_kill(self):
        raise NotImplementedError


class LocalProcess(_Program):
    """A container whose program is one of this machine's."""

    def __init__(self, address, image, labels, log, command, environment, programs):
        self._command, self._environment, self._programs = command, environment, programs
        self._home = tempfile.mkdtemp(prefix="container-")
        super().__init__(address, image, labels, log)

    def _start(self):
        path = f"{self._programs}:{os.environ.get('PATH', os.defpath)}"
        home = {"HOME": self._home, "TMPDIR": self._home}
        self._process = subprocess.Popen(  # noqa: S603  (the command is a task definition's, as on AWS)
            self._command,
            cwd=self._home,
            env={"PATH": path, **home, **self._environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, which can be killed as a whole. It stays in the emulator's session, so that it ends
            # with the emulator.
            process_group=0,
        )
        return self._process

    def _release(self):
        shutil.rmtree(self._home, ignore_errors=True)

    def _signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _signal_stop(self):
        self._signal(signal.SIGTERM)

    def _signal_kill(self):
        self._signal(signal.SIGKILL)


class IsolatedProgram(_Program):
    """A container with a root file system, namespaces and an address of its own."""

    is_isolated = True

    def __init__(self, address, image, labels, log, start, stop_signal, environment):
        """`start` gives the sandbox. The address is released when the container has ended."""
        self._address, self._start_sandbox, self._stop_signal = address, start, signal.Signals[stop_signal]
        self._environment = environment
        self._sandbox = None
        super().__init__(address.address, image, labels, log)

    def _start(self):
        self._sandbox = self._start_sandbox()
        return self._sandbox.process

    def _release(self):
        if self._sandbox:
            self._sandbox.close()
        self._address.release()

    def _signal_stop(self):
        self._sandbox.signal(self._stop_signal)

    def _signal_kill(self):
        self._sandbox.signal(signal.SIGKILL)

    def execute(self, command, timeout):
        """Runs another command in the container; gives its exit status, or None if it took too long or has ended."""
        try:
            return None if self._ended.is_set() else self._sandbox.run(command, self._environment, timeout)
        except OSError:
            return None
