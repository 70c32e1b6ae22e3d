"""Addresses of containers.

On Fargate each task has a network interface. Here all share the machine's network, and each container that runs a
program has an address of 127.64.0.0/10, so that every one of them can listen on port 80.
"""

import contextlib
import errno
import ipaddress
import random
import socket
import threading

NETWORK = ipaddress.ip_network("127.64.0.0/10")

# How many addresses in a row may be taken before there are none.
_ATTEMPTS = 1000

_lock = threading.Lock()
# Addresses are given out in order, so that one is used again as late as possible: what still points to a task that has
# ended finds nobody, and not another tenant's task. The order begins anywhere, so that two emulators rarely meet.
_next = random.randrange(NETWORK.num_addresses)  # noqa: S311  (nothing secret)


class Address:
    """An address that is in use until `release`."""

    def __init__(self, address, lock):
        self._lock = lock
        self.address = str(address)
        self.hostname = f"ip-{self.address.replace('.', '-')}"

    def release(self):
        """Lets others have the address."""
        self._lock.close()


def take():
    """Gives an address that no other container of this machine has.

    The lock on an address is a socket of that name. The kernel lets one process have it, and frees it with the process.
    """
    global _next
    with _lock:
        for _ in range(_ATTEMPTS):
            address = NETWORK[_next]
            _next = (_next + 1) % NETWORK.num_addresses
            if address.packed[-1] in (0, 255):
                continue
            with contextlib.ExitStack() as on_error:
                lock = on_error.enter_context(socket.socket(socket.AF_UNIX))
                try:
                    lock.bind(f"\0container-{address}")
                except OSError as error:
                    if error.errno == errno.EADDRINUSE:
                        continue
                    raise
                on_error.pop_all()
                return Address(address, lock)
    raise OSError(errno.EADDRNOTAVAIL, f"no free address in {NETWORK}")
