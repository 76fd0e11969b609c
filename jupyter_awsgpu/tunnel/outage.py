"""When to dial and when to ask AWS while the link is down, and what to believe of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.tunnel.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

LOCATE_AFTER_S = 1.5
"""How long the link may be down before AWS is asked: most cuts are over sooner."""

LOCATE_PAUSES_S = (10.0, 20.0, 40.0, 60.0)
"""Pauses between questions to AWS while the link stays down; the last one repeats."""

REFUSALS = 3
"""How often our key must be refused before that is believed."""

REFUSED_FOR_S = 6.0
"""Over how many seconds at least: a host in the middle of its boot refuses too."""


class Outage:
    """The timetable of one outage; `begin` starts the next one. `now` is a steady clock in seconds."""

    def __init__(self, now: Callable[[], float], *, address_known: bool) -> None:
        self._now = now
        self._backoff = Backoff()
        self.begin()
        if not address_known:
            self._locate_at = 0.0

    def begin(self) -> None:
        """Start anew, the link just broke: dial at once, ask AWS if that does not help."""
        self._backoff.reset()
        self._dial_at = 0.0
        self._locate_at = self._now() + LOCATE_AFTER_S
        self._located = 0
        self._refused: list[float] = []

    def dial_now(self) -> None:
        """Something changed: dial without a pause."""
        self._backoff.reset()
        self._dial_at = 0.0

    def locate_now(self) -> None:
        """Ask AWS without a pause: the address is in doubt."""
        self._locate_at = 0.0

    def dial_in_s(self) -> float:
        """Return the seconds until the next dial; 0 if it is due."""
        return max(0.0, self._dial_at - self._now())

    def take_locate(self) -> bool:
        """Return whether AWS is to be asked now; if so, the next time is put off."""
        if self._now() < self._locate_at:
            return False
        self._locate_at = self._now() + LOCATE_PAUSES_S[min(self._located, len(LOCATE_PAUSES_S) - 1)]
        self._located += 1
        return True

    def dial_failed(self) -> None:
        """Pause before the next dial, longer each time."""
        self._dial_at = self._now() + self._backoff.pause_s()

    def refused_for_good(self) -> bool:
        """Note that our key was refused; return whether that is to be believed now."""
        self._refused.append(self._now())
        return len(self._refused) >= REFUSALS and self._refused[-1] - self._refused[0] >= REFUSED_FOR_S
