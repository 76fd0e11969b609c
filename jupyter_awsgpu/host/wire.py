"""The bytes between paramiko and the network: fewer system calls, fewer wake-ups, and when we last heard.

Built on paramiko's documented seam: a transport runs over anything with `send`, `recv`, `close` and
`settimeout`.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress

READ_AT_ONCE = 256 * 1024
"""Bytes asked of the kernel at once; paramiko alone asks for a packet in two small reads of two calls each."""

SMALL_READ = 16 * 1024
"""Below this a read is taken for the end of an answer, and acknowledged at once."""

PATIENT_S = 60.0
"""How long a read waits once the connection is set up; paramiko's own 0.1 s wakes an idle tunnel all day."""

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only


class Wire:
    """A connected stream socket, as paramiko wants one.

    `heard_at` is the monotonic time at which the peer last said anything.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = memoryview(bytearray(READ_AT_ONCE))
        self._at = self._end = 0
        self._patient = False
        self.closed = False
        self.heard_at = time.monotonic()
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._quickack = _QUICKACK
        else:
            self._quickack = None

    @property
    def _closed(self) -> bool:
        return self.closed  # paramiko asks by this name when it ends its thread

    def recv(self, limit: int) -> bytes:
        """Return at most `limit` bytes; empty at the end of the stream."""
        if self._at >= self._end:
            self._at, self._end = 0, self._read()
        piece = bytes(self._buffer[self._at : min(self._at + limit, self._end)])
        self._at += len(piece)
        return piece

    def _read(self) -> int:
        try:
            count = self._socket.recv_into(self._buffer)
        except OSError:
            if self.closed:  # by another thread: an end, not an error
                return 0
            raise
        self.heard_at = time.monotonic()
        if self._quickack is not None and count < SMALL_READ:
            # The peer's Nagle algorithm holds the next small packet back until this one is acknowledged.
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, self._quickack, 1)
        return count

    def send(self, data: bytes) -> int:
        """Send some of `data`; return how many bytes went."""
        return self._socket.send(data)

    def settimeout(self, seconds: float | None) -> None:
        """Set the longest wait of one call; ignored once the wire is patient."""
        if not self._patient:
            self._socket.settimeout(seconds)

    def be_patient(self) -> None:
        """Stop waking up ten times a second: the connection stands, and closing it ends any read."""
        self._patient = True
        self._socket.settimeout(PATIENT_S)

    def local_address(self) -> str:
        """Return this machine's own address on the connection, or "" behind a proxy command."""
        with suppress(OSError):
            name = self._socket.getsockname()
            return str(name[0]) if isinstance(name, tuple) else ""
        return ""

    def getpeername(self) -> object:
        """Return the peer's address, for paramiko's messages."""
        return self._socket.getpeername()

    def close(self) -> None:
        """Close; a read or write under way in another thread ends at once."""
        self.closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
