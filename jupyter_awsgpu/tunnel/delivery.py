"""What arrives on a channel goes straight into the local client's socket.

paramiko hands received data to a pipe that another thread reads: two copies and two thread switches a
packet. This pipe, put in its place by the transport's hook, writes what the socket takes at once from
the receiving thread and never blocks there; the reading thread only writes what did not fit, and learns
how many bytes went, so that paramiko can open the channel's window again.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import TYPE_CHECKING

from paramiko.buffered_pipe import BufferedPipe

if TYPE_CHECKING:
    import paramiko

AT_ONCE = 1024 * 1024
"""Bytes written to a slow client before the window is opened again."""

_NOW = getattr(socket, "MSG_DONTWAIT", None)  # not on Windows: there, everything waits its turn in the backlog


class Delivered:
    """How many bytes reached the client: all that `Channel.recv` asks of what its pipe returns."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


class Delivery(BufferedPipe):  # type: ignore[type-arg] # generic in the stubs only
    """A channel's receiving pipe; an ordinary one until `deliver_to` names a socket."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition(threading.Lock())
        self._sink: socket.socket | None = None
        self._backlog: deque[bytes | memoryview] = deque()
        self._delivered = 0
        self._report_from = 1
        self._writing = False
        self._broken = False
        self._ended = False

    def deliver_to(self, sink: socket.socket, *, report_from: int) -> None:
        """Write everything, received already or still to come, into `sink`.

        `read` then reports once at least `report_from` bytes went.
        """
        with self._changed:
            self._sink = sink
            self._report_from = report_from
            early = self.empty()
            if early:
                self._backlog.append(early)

    def feed(self, data: bytes) -> None:
        """Take a packet's data (the transport's thread calls this)."""
        with self._changed:
            if self._sink is None:
                super().feed(data)
            elif not self._broken:
                self._write_or_keep(self._sink, data)

    def _write_or_keep(self, sink: socket.socket, data: bytes) -> None:
        sent = 0 if self._backlog or self._writing or _NOW is None else self._write(sink, data, _NOW)
        self._delivered += sent
        if sent < len(data):
            self._backlog.append(memoryview(data)[sent:])
        if self._backlog or self._broken or self._delivered >= self._report_from:
            self._changed.notify_all()

    def _write(self, sink: socket.socket, data: bytes, flags: int) -> int:
        try:
            return sink.send(data, flags)
        except BlockingIOError:
            return 0
        except OSError:
            self._broken = True
            return 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """Return data or, once a socket is named, how much went there; empty at the end.

        Raises `ConnectionError` if the client has gone.
        """
        if self._sink is None:
            return bytes(super().read(nbytes, timeout))
        with self._changed:
            while not (self._backlog or self._broken or self._ended or self._delivered >= self._report_from):
                self._changed.wait()
            if self._broken:
                raise ConnectionAbortedError("the local client has gone")
            pieces = self._take()
        self._drain(self._sink, pieces)
        with self._changed:
            self._writing = False
            count, self._delivered = self._delivered + sum(len(piece) for piece in pieces), 0
        return Delivered(count)  # type: ignore[return-value] # Channel.recv asks only for its length

    def _take(self) -> list[bytes | memoryview]:
        pieces: list[bytes | memoryview] = []
        size = 0
        while self._backlog and size < AT_ONCE:
            pieces.append(self._backlog.popleft())
            size += len(pieces[-1])
        self._writing = bool(pieces)
        return pieces

    def _drain(self, sink: socket.socket, pieces: list[bytes | memoryview]) -> None:
        try:
            for piece in pieces:
                sink.sendall(piece)
        except OSError:
            with self._changed:
                self._broken = True
                self._backlog.clear()
            raise

    def close(self) -> None:
        """Note the end of the stream (the transport's thread calls this)."""
        super().close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def delivery_of(channel: paramiko.Channel) -> Delivery:
    """Return the pipe the transport's hook gave the channel."""
    pipe = channel.in_buffer
    if not isinstance(pipe, Delivery):
        raise TypeError("the channel was opened before the forwarder adopted its connection")
    return pipe
