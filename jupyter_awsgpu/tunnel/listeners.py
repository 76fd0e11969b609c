"""The listening sockets: opened by whoever opens the tunnel, and held by its guard from then on.

So a tunnel's process that is killed leaves no port that refuses: what connects meanwhile waits in the
socket's queue for the process that the guard starts next. A child inherits sockets on POSIX only; on
Windows the process opens its own, and refuses until it is back.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BACKLOG = 1024
"""Local connections the kernel keeps for us: a page of many parts opens dozens at once."""

VARIABLE = "AWSGPU_TUNNEL_LISTENERS"
"""Environment variable with the file descriptors that the guard hands on."""

HELD = os.name == "posix"
"""Whether a guard can hold them."""


def listen(bind: str, local_ports: Iterable[int]) -> list[socket.socket]:
    """Return a listening socket for each port; raise `OSError` if one is taken, none is open then."""
    opened: list[socket.socket] = []
    try:
        for port in local_ports:
            opened.append(socket.socket())
            opened[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just closed is free
            opened[-1].bind((bind, port))
            opened[-1].listen(BACKLOG)
    except OSError:
        close(opened)
        raise
    return opened


def close(sockets: Iterable[socket.socket]) -> None:
    """Close this process's copies."""
    for one in sockets:
        one.close()


def inherited() -> dict[int, socket.socket]:
    """Return the sockets that were handed to this process, by port."""
    found = {}
    for number in filter(None, os.environ.get(VARIABLE, "").split(",")):
        with suppress(OSError, ValueError):  # started by hand with a left-over variable
            one = socket.socket(fileno=int(number))
            one.set_inheritable(False)
            found[int(one.getsockname()[1])] = one
    return found


def stop_listening(one: socket.socket) -> None:
    """Refuse from now on, although the guard still holds the socket (Linux; elsewhere until the guard ends)."""
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
