"""Lambda: the Runtime API, by which functions get invocations and answer them.

In MiniStack the Runtime API holds answers back, and it is busy without need: for each function that runs, one thread
checks ten times a second for an invocation, and another for a connection. With all functions of three environments this
takes a fifth of MiniStack's time.
"""

import queue
import selectors
import socket
import socketserver
import threading
import time
import types

from ministack.core import lambda_runtime

from emulator.mend import replaces, wraps

# How many seconds a thread may outlive its function. It does not delay an invocation, which wakes the thread.
_LONGEST_WAIT = 30

# How many seconds a function must write nothing to its log before its answer goes out.
_QUIET = 0.002


class Invocations(queue.Queue):
    """The invocations of a function. Whoever waits for one sleeps until it comes."""

    def get(self, block=True, timeout=None):
        """As in Queue, but a timeout is at least `_LONGEST_WAIT`."""
        return super().get(block, timeout and max(timeout, _LONGEST_WAIT))


class Server(socketserver.ThreadingTCPServer):
    """A server that sleeps until there is a connection or the server is to end."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._stop, self._stopped = socket.socketpair()
        self._has_ended = threading.Event()

    def serve_forever(self, poll_interval=None):  # noqa: ARG002  (it polls nothing)
        """Serves until `shutdown`."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while not any(key.fileobj is self._stopped for key, _ in selector.select()):
                self._handle_request_noblock()
        self._has_ended.set()

    def shutdown(self):
        """Ends `serve_forever`, and waits for that."""
        self._stop.close()
        self._has_ended.wait()

    def server_close(self):
        """Closes every socket."""
        super().server_close()
        self._stop.close()
        self._stopped.close()


# MiniStack makes its queues and servers by these names.
replaces(lambda_runtime, "queue", types.SimpleNamespace(Queue=Invocations, Empty=queue.Empty, Full=queue.Full))
replaces(socketserver, "ThreadingTCPServer", Server)

# AWS: a warm function answers within a millisecond. MiniStack: writes the head and the body of an answer apart. Nagle's
# algorithm then holds the body back until the function has acknowledged the head, which takes 40 ms.
replaces(socketserver.StreamRequestHandler, "disable_nagle_algorithm", True)


@wraps(lambda_runtime.Worker, "_drain_stderr_bounded")
def an_answer_hardly_waits_for_the_log(_original, worker, first_line_wait=0.05, idle_confirm=_QUIET, hard_cap=0.25):
    """AWS: an answer goes out as soon as the function has given it.

    MiniStack: checks every millisecond whether the function still writes to its log, until it has been quiet for five.
    Each check waits for its turn among all threads. Here the thread sleeps until a line comes.
    """
    lines, wait, deadline = [], first_line_wait, time.monotonic() + hard_cap
    try:
        while time.monotonic() < deadline:
            # Queue.get, as that of Invocations would wait for at least `_LONGEST_WAIT`.
            lines.append(queue.Queue.get(worker._stderr_queue, timeout=wait))
            wait = idle_confirm
    except queue.Empty:
        pass
    return "\n".join(lines)
