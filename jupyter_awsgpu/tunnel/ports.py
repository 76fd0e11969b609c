"""Which local port a tunnel gets: the wanted one, or the next free one, the same again next time."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import ForwardTaken, PortTaken, StateUnreadable
from jupyter_awsgpu.records.files import read_document, require, write_document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_EXCLUSIVE = getattr(socket, "SO_EXCLUSIVEADDRUSE", 0)  # Windows only

LOOPBACK = "127.0.0.1"
"""Where a tunnel listens unless a person asks for another address."""

TRIED = 50
"""Ports tried after the wanted one."""


def is_free(bind: str, port: int) -> bool:
    """Return whether a listener could be had on `port` now, and nobody answers there."""
    with socket.socket() as sock:
        if os.name == "nt":
            sock.setsockopt(socket.SOL_SOCKET, _EXCLUSIVE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just closed is free
        try:
            sock.bind((bind, port))
        except OSError:
            return False
    with socket.socket() as probe:  # macOS lets a listener on one address shadow one on all
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) != 0


def choose(bind: str, wanted: int, *, before: int | None, avoid: Iterable[int], name: str) -> int:
    """Return the port to listen on; `before` is what the same wish got last time.

    Raises `PortTaken` if neither the wanted port nor one of the next ones is free.
    """
    taken = set(avoid)
    following = range(wanted, min(wanted + TRIED, 65535) + 1)
    for port in ([before] if before else []) + list(following):
        if port not in taken and is_free(bind, port):
            return port
    raise PortTaken(port=wanted, name=name)


def require_free(bind: str, forwards: Iterable[tuple[int, int]], *, name: str) -> None:
    """Raise `ForwardTaken` if a further port that was asked for is taken: its number is the person's choice."""
    wished = tuple(forwards)
    for local, remote in wished:
        if not is_free(bind, local):
            free = choose(bind, local, before=None, avoid=[one for one, _ in wished], name=name)
            raise ForwardTaken(port=local, free=free, remote=remote, name=name)


class PortMemory:
    """Which port each instance got for which wish."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def before(self, instance_id: str, wanted: int) -> int | None:
        """Return the port that the same wish got last time."""
        got = self._all().get(f"{instance_id} {wanted}")
        return got if isinstance(got, int) else None

    def keep(self, instance_id: str, wanted: int, got: int) -> None:
        """Remember a choice; the oldest of a hundred is forgotten."""
        known = self._all()
        known.pop(f"{instance_id} {wanted}", None)
        known[f"{instance_id} {wanted}"] = got
        write_document(self._path, {"ports": dict(list(known.items())[-100:])})

    def _all(self) -> dict[str, int]:
        with suppress(StateUnreadable):
            return dict(
                require(self._path, {"ports": {}} | (read_document(self._path) or {}), {"ports": dict})["ports"]
            )
        return {}
