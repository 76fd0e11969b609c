"""`delaying_relay.py PORT ROUND_TRIP_S BYTES_PER_S`: a distant network on loopback; prints its own port.

Each direction holds what it reads for half the round trip and lets through so many bytes a second, with
as much in flight as such a line holds.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress

PIECE = 64 * 1024


class Line:
    """One direction."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay_s: float, rate: float) -> None:
        self._source, self._sink = source, sink
        self._delay_s, self._rate = delay_s, rate
        self._flying: deque[tuple[float, bytes]] = deque()
        self._changed = threading.Condition()
        self._room = int(rate * delay_s * 2) + 4 * PIECE
        self._held = 0
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        free_at = 0.0
        data = b"-"
        while data:
            data = b""
            with suppress(OSError):
                data = self._source.recv(PIECE)
            now = time.monotonic()
            free_at = max(free_at, now) + len(data) / self._rate
            with self._changed:
                self._changed.wait_for(lambda: self._held < self._room)
                self._flying.append((free_at + self._delay_s, data))
                self._held += len(data)
                self._changed.notify_all()

    def _write(self) -> None:
        with suppress(OSError):
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._flying)
                    due, data = self._flying[0]
                if (wait := due - time.monotonic()) > 0:
                    time.sleep(wait)
                if not data:
                    self._sink.shutdown(socket.SHUT_WR)
                    return
                self._sink.sendall(data)
                with self._changed:
                    self._flying.popleft()
                    self._held -= len(data)
                    self._changed.notify_all()
        with suppress(OSError):
            self._source.shutdown(socket.SHUT_RDWR)


def main(port: int, round_trip_s: float, rate: float) -> None:
    """Relay connections to `port` for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 - its answer
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(("127.0.0.1", port))
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Line(near, far, round_trip_s / 2, rate)
        Line(far, near, round_trip_s / 2, rate)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
