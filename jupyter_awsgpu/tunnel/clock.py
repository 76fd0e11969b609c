"""Time, injected so that a jump of the clock can be tried out, and what a jump tells."""

from __future__ import annotations

import time
from typing import Protocol

SLEPT_S = 5.0
"""Seconds the clocks may run ahead of a wait before the machine counts as having slept."""


class Clock(Protocol):
    """The two clocks of a machine, in seconds."""

    def time(self) -> float:
        """Return the wall clock: it goes on while the machine sleeps, and people set it."""

    def monotonic(self) -> float:
        """Return the steady clock: on Linux and macOS it stands still while the machine sleeps."""


class SystemClock:
    """This machine's clocks."""

    def time(self) -> float:
        """Return the wall clock."""
        return time.time()

    def monotonic(self) -> float:
        """Return the steady clock."""
        return time.monotonic()


class SleepWatch:
    """Tells, each time it is asked, whether the machine slept since it was last asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady = clock.time(), clock.monotonic()

    def woke(self, expected_s: float) -> bool:
        """Return whether more time went by, on either clock, than the wait of `expected_s` explains.

        A wall clock that was set forward looks the same; the answer to both is one harmless question
        to the peer.
        """
        wall, steady = self._clock.time(), self._clock.monotonic()
        went_by = max(wall - self._wall, steady - self._steady)
        self._wall, self._steady = wall, steady
        return went_by > expected_s + SLEPT_S
