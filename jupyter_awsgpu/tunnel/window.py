"""A channel's receive window that grows to what the line can hold.

A fixed window is wrong twice: OpenSSH's 2 MiB caps a download at 2 MiB a round trip, and a large one
makes a near peer fill our memory. So it doubles when the rate times the round trip shows that it is
what limits the channel.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

FIRST = 2 * 1024 * 1024
"""OpenSSH's own size, and paramiko's."""

LIMIT = 16 * 1024 * 1024
"""400 MB/s at 40 ms; also the most that one slow local client can make us hold."""

LIMITING = 0.4
"""The share of the window in flight from which on the window counts as the limit."""


class GrowingWindow:
    """Watches what one channel delivers, and gives the peer more room when it needs it."""

    def __init__(
        self,
        channel: paramiko.Channel,
        round_trip_s: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._round_trip_s = round_trip_s
        self._clock = clock
        self._size = FIRST
        self._began = clock()
        self._bytes = 0

    def delivered(self, count: int) -> None:
        """Note that `count` bytes reached the client, and grow where the window limits the rate."""
        self._bytes += count
        elapsed = self._clock() - self._began
        round_trip = self._round_trip_s()
        if elapsed < round_trip or self._bytes < self._size // 2:
            return
        in_flight = self._bytes / elapsed * round_trip
        if in_flight > LIMITING * self._size and self._size < LIMIT:
            self._grow(min(self._size, LIMIT - self._size))
        self._began, self._bytes = self._clock(), 0

    def _grow(self, more: int) -> None:
        self._size += more
        with self._channel.lock:
            # Counted as consumed, so that paramiko's next acknowledgement grants it.
            self._channel.in_window_sofar += more
            self._channel.in_window_size = self._size
            self._channel.in_window_threshold = self._size // 10
