"""One local connection and its channel: two threads, blocking calls, each half closed on its own."""

from __future__ import annotations

import os
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_awsgpu.host import refusals
from jupyter_awsgpu.tunnel.window import GrowingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from jupyter_awsgpu.tunnel.crew import Crew

READ_AT_ONCE = 256 * 1024
"""Bytes taken from the local client at once."""

_NOW = getattr(socket, "MSG_DONTWAIT", None)  # not on Windows

BROKEN = refusals.broken()
"""What is raised when the client or the connection has gone."""

_FORMAT = "hh" if os.name == "nt" else "ii"
_RESET = struct.pack(_FORMAT, 1, 0)  # SO_LINGER on, 0 s: close sends RST
_ORDERLY = struct.pack(_FORMAT, 0, 0)


class Relay:
    """Carries bytes both ways until both have ended.

    No `select` and no file descriptor for the channel: sshtunnel's own relay races there with the
    channel's close and can take the whole connection down.
    """

    def __init__(
        self, client: socket.socket, channel: paramiko.Channel, round_trip_s: Callable[[], float], crew: Crew
    ) -> None:
        self._client = client
        self._channel = channel
        self._crew = crew
        self._down_ended = threading.Event()
        self._whole = False  # the client was given everything, and told so
        self._window = GrowingWindow(channel, round_trip_s)

    def run(self) -> None:
        """Carry until the end; a client whose answer was cut is reset, so that half of it cannot look whole."""
        try:
            self._carry(memoryview(bytearray(READ_AT_ONCE)))
        finally:
            self._close()
            if not self._whole:
                reset(self._client)

    def _carry(self, buffer: memoryview) -> None:
        try:
            self._send_early(buffer)
        except BROKEN:
            self._close()
        self._crew.start(self._down)
        try:
            self._up(buffer)
        except BROKEN:
            self._close()
        self._down_ended.wait()

    def _send_early(self, buffer: memoryview) -> None:
        """Send a request that is there already, before another thread is started: a tenth of a millisecond."""
        if _NOW is None:
            return
        with suppress(BlockingIOError):
            if count := self._client.recv_into(buffer, READ_AT_ONCE, _NOW):
                self._send(buffer[:count])

    def _up(self, buffer: memoryview) -> None:
        while count := self._client.recv_into(buffer):
            self._send(buffer[:count])
        self._channel.shutdown_write()

    def _send(self, data: memoryview) -> None:
        while data:
            data = data[self._channel.send(data) :]  # type: ignore[arg-type] # any buffer

    def _down(self) -> None:
        try:
            while count := len(self._channel.recv(READ_AT_ONCE)):
                self._window.delivered(count)
            if self._channel.eof_received:
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ORDERLY)
                self._client.shutdown(socket.SHUT_WR)
                self._whole = True
                self._channel.status_event.wait()  # the channel's close
        except BROKEN:
            pass
        finally:  # whatever it was: `run` waits for this
            self._down_ended.set()
            _wake(self._client)
            self._close()

    def _close(self) -> None:
        with suppress(*BROKEN):
            self._channel.close()

    def abort(self) -> None:
        """End at once: both directions wake up and find the connection gone."""
        if not self._whole:
            reset_when_closed(self._client)
        _wake(self._client)


def _wake(client: socket.socket) -> None:
    """End a read that another thread waits in."""
    with suppress(OSError):
        if os.name == "nt":  # there only closing does it
            client.close()
        else:
            client.shutdown(socket.SHUT_RD)


def reset(client: socket.socket) -> None:
    """Close a connection so that the other side reads an error instead of an end."""
    reset_when_closed(client)
    client.close()


def reset_when_closed(client: socket.socket) -> None:
    """Make any later close a reset, the system's own when this process is killed included."""
    with suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
