"""One local connection and its channel: two threads, blocking calls, each half closed on its own."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from jupyter_awsgpu.tunnel.window import GrowingWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

READ_AT_ONCE = 256 * 1024
"""Bytes taken from the local client at once."""

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close sends RST
_RESET_WINDOWS = struct.pack("hh", 1, 0)


class Relay:
    """Carries bytes both ways until both have ended.

    No `select` and no file descriptor for the channel: sshtunnel's own relay races there with the
    channel's close and can take the whole connection down.
    """

    def __init__(self, client: socket.socket, channel: paramiko.Channel, round_trip_s: Callable[[], float]) -> None:
        self._client = client
        self._channel = channel
        self._window = GrowingWindow(channel, round_trip_s)

    def run(self) -> None:
        """Carry until the end; afterwards the channel is closed, and the socket is the caller's to close."""
        down = threading.Thread(target=self._down, name="relay-down", daemon=True)
        down.start()
        try:
            self._up()
        except OSError:  # the client cut the connection, or the channel has gone
            self._channel.close()
        down.join()

    def _up(self) -> None:
        buffer = memoryview(bytearray(READ_AT_ONCE))
        while count := self._client.recv_into(buffer):
            rest = buffer[:count]
            while rest:
                rest = rest[self._channel.send(rest) :]  # type: ignore[arg-type] # any buffer
        self._channel.shutdown_write()

    def _down(self) -> None:
        try:
            while count := len(self._channel.recv(READ_AT_ONCE)):
                self._window.delivered(count)
            if not self._channel.closed:
                self._client.shutdown(socket.SHUT_WR)
                self._channel.status_event.wait()  # the channel's close
        except OSError:
            pass
        self._channel.close()
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)  # wakes the other direction

    def abort(self) -> None:
        """End at once, and let the client see a reset: a cut answer must not look complete."""
        reset(self._client)


def reset(client: socket.socket) -> None:
    """Close a connection so that the other side reads an error instead of an end."""
    import os

    with suppress(OSError):
        linger = _RESET_WINDOWS if os.name == "nt" else _RESET
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RD)  # wakes a thread that reads; the close itself sends the reset
