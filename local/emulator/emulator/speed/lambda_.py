"""The Lambda Runtime API, from which functions get their invocations.

MiniStack's is slow in one place and busy in two: for each function that runs, one thread asks ten times a second
whether there is an invocation, and another whether there is a connection. With all functions of three environments
that is a fifth of all that MiniStack can do.
"""

import queue
import selectors
import socket
import socketserver
import threading
import types

from ministack.core import lambda_runtime

from emulator.mend import replaces

# For how many seconds a thread may outlive its function. An invocation is seen at once.
_LONGEST_WAIT = 30


class _Invocations(queue.Queue):
    """What waits for a function's next question."""

    def get(self, block=True, timeout=None):
        return super().get(block, timeout and max(timeout, _LONGEST_WAIT))


class _Server(socketserver.ThreadingTCPServer):
    """Sleeps until there is a connection or the end."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._stop, self._stopped = socket.socketpair()
        self._has_ended = threading.Event()

    def serve_forever(self, poll_interval=None):
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while not any(key.fileobj is self._stopped for key, _ in selector.select()):
                self._handle_request_noblock()
        self._has_ended.set()

    def shutdown(self):
        self._stop.close()
        self._has_ended.wait()

    def server_close(self):
        super().server_close()
        self._stop.close()
        self._stopped.close()


# MiniStack writes head and body of an answer apart, and Nagle's algorithm holds the body back until the function has
# acknowledged the head, which takes 40 ms. On AWS a warm function answers within a millisecond.
replaces(socketserver.StreamRequestHandler, "disable_nagle_algorithm", True)

# MiniStack's threads wait for what is made by these names.
replaces(lambda_runtime, "queue", types.SimpleNamespace(Queue=_Invocations, Empty=queue.Empty, Full=queue.Full))
replaces(socketserver, "ThreadingTCPServer", _Server)
