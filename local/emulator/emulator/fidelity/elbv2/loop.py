"""The event loop of the load balancers: requests and health checks wait on it, in a thread of its own.

So they neither hold up MiniStack nor are held up by it.
"""

import asyncio
import atexit
import logging
import threading

_logger = logging.getLogger("load-balancers")

# Seconds that the end waits.
_LONGEST_END = 2

_starting = threading.Lock()
_loops = []


def start(coroutine):
    """Runs a coroutine on the loop, and gives its `concurrent.futures.Future`."""
    with _starting:
        if not _loops:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, daemon=True, name="load-balancers").start()
            _loops.append(loop)
    return asyncio.run_coroutine_threadsafe(coroutine, _loops[0])


def at_exit(close):
    """Runs a coroutine function when the emulator ends."""
    atexit.register(lambda: start(close()).result(_LONGEST_END))


def log_failure(future):
    """Logs how work has failed for whose result nobody waits."""
    if not future.cancelled() and future.exception():
        _logger.error("a load balancer's work has failed", exc_info=future.exception())
