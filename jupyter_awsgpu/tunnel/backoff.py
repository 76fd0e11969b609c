"""How long to wait between attempts to reconnect."""

from __future__ import annotations

FIRST_S = 0.1
EAGER_S = 1.0
"""The longest pause while the loss is fresh: half of it is what a returning peer waits for us."""

EAGER_FOR_S = 120.0
LATER_S = 5.0
"""The longest pause afterwards."""


class Backoff:
    """Pauses that double from 0.1 s to 1 s, and to 5 s once two minutes went by in vain."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again, at once: something changed."""
        self._next_s = FIRST_S
        self._waited_s = 0.0

    def pause_s(self) -> float:
        """Return the next pause."""
        pause = self._next_s
        self._waited_s += pause
        self._next_s = min(pause * 2, EAGER_S if self._waited_s < EAGER_FOR_S else LATER_S)
        return pause
