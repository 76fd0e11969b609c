"""Local ports of this test process's own, so that files that run side by side never take each other's.

Below the ephemeral ones: those the system gives to any outgoing connection, also while the server that a
test has killed is down and its port seems free.
"""

from __future__ import annotations

import itertools
import os
import socket

VARIABLE = "AWSGPU_TESTS_PORTS"
"""Environment variable with the first port of this process's own."""

COUNT = 500
"""How many are one process's own."""

FOR_TUNNELS = 100
"""The first so many are for tunnels that the product opens by itself, from `AWSGPU_LOCAL_PORT` on."""

_offsets = itertools.cycle(range(FOR_TUNNELS, COUNT - 1))


def claim() -> socket.socket:
    """Take a range for this process, and those it starts, for as long as the socket is open: the range's last port."""
    for first in range(10_000, 32_000, COUNT):
        claimed = socket.socket()
        try:
            claimed.bind(("127.0.0.1", first + COUNT - 1))
        except OSError:
            claimed.close()
        else:
            return claimed
    raise OSError("every range of local ports is another test process's")


def first_of(claimed: socket.socket) -> int:
    """Return the first port of a range."""
    return int(claimed.getsockname()[1]) - COUNT + 1


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port nobody listens on; the next call returns another. Outside pytest, one of the system's choice."""
    first = int(os.environ.get(VARIABLE, "0"))
    for offset in itertools.islice(_offsets, COUNT):
        with socket.socket() as sock:
            try:
                sock.bind((address, first and first + offset))
            except OSError:
                continue
            return int(sock.getsockname()[1])
    raise OSError("every local port of this test process is taken")
