"""A TCP connection to an address, noticed as soon as it is possible.

A booting instance, a firewall or a link that is down swallows the first packet, and the kernel's own
repeats come 1, 2 and 4 s later. So a further attempt starts every `AGAIN_S`, each waits for its own
answer, and the first that connects is taken: a distant peer is not cut off, a returning one not missed.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

AGAIN_S = 0.4
"""Seconds between attempts while nobody answers."""

REFUSED_AGAIN_S = 0.2
"""Seconds until the next attempt after a refusal, where the caller waits for the instance to boot."""

ATTEMPTS_AT_ONCE = 16
"""Attempts in the air at a time; the oldest is given up for the newest."""


def dial(
    address: str,
    port: int,
    *,
    timeout_s: float,
    wait: bool = False,
    given_up: Callable[[], bool] = lambda: False,
) -> socket.socket:
    """Return a connected socket, or raise `OSError` (`TimeoutError` after `timeout_s` seconds).

    With `wait`, refusals and unreachable networks are retried too, until the time is over.
    """
    deadline = time.monotonic() + timeout_s
    with _Attempts(address, port) as attempts:
        while (left := deadline - time.monotonic()) > 0 and not given_up():
            try:
                attempts.start()
                if connected := attempts.settle(min(AGAIN_S, left)):
                    return connected
            except OSError:
                if not wait:
                    raise
                time.sleep(min(REFUSED_AGAIN_S, max(0.0, deadline - time.monotonic())))
    raise TimeoutError(f"no answer within {timeout_s:g} s")


class _Attempts:
    """Connection attempts in the air, each a non-blocking socket."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._selector = selectors.DefaultSelector()
        self._flying: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in list(self._flying):
            self._drop(sock)
        self._selector.close()

    def start(self) -> None:
        """Send one more attempt off; raise `OSError` if the network says no at once."""
        family, kind, protocol, _, target = socket.getaddrinfo(self._address, self._port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        code = sock.connect_ex(target)
        if code not in _UNDER_WAY:
            sock.close()
            raise OSError(code, os.strerror(code))
        if len(self._flying) >= ATTEMPTS_AT_ONCE:
            self._drop(self._flying[0])
        self._flying.append(sock)
        self._selector.register(sock, selectors.EVENT_WRITE)

    def settle(self, within_s: float) -> socket.socket | None:
        """Return the first attempt that connects; None if none did; raise the refusal if all were refused."""
        refusal = 0
        until = time.monotonic() + within_s
        while self._flying and (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                sock = key.fileobj
                if not isinstance(sock, socket.socket):
                    continue
                refusal = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not refusal:
                    self._selector.unregister(sock)
                    self._flying.remove(sock)
                    sock.setblocking(True)
                    return sock
                self._drop(sock)
        if refusal and not self._flying:
            raise OSError(refusal, os.strerror(refusal))
        return None

    def _drop(self, sock: socket.socket) -> None:
        with suppress(KeyError):
            self._selector.unregister(sock)
        self._flying.remove(sock)
        sock.close()


def _under_way() -> frozenset[int]:
    import errno

    names = ("EINPROGRESS", "EWOULDBLOCK", "WSAEWOULDBLOCK", "WSAEINPROGRESS")
    return frozenset({0} | {getattr(errno, name) for name in names if hasattr(errno, name)})


_UNDER_WAY = _under_way()
