"""Files that another process holds open: Windows replaces and removes none, and opens none that is being replaced.

Python opens files there without the right to delete them (FILE_SHARE_DELETE). A reader has one for milliseconds, so
it is tried again, for as long as nobody minds. Elsewhere nothing of the kind happens, and a refusal is final at once.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Outcome = TypeVar("Outcome")

HELD_S = 1.0 if os.name == "nt" else 0.0
"""Seconds after which nobody holds a file any more: its permissions refuse."""

EVERY_S = 0.02


class Clock(Protocol):
    """What tells time and lets it pass, in seconds; the module `time` does both."""

    def monotonic(self) -> float:
        """Return the steady clock."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


def while_held(action: Callable[[], Outcome], held_s: float, clock: Clock) -> Outcome:
    """Return what `action` returns, which is tried again as long as it meets `PermissionError`, for `held_s`."""
    until = clock.monotonic() + held_s
    while True:
        try:
            return action()
        except PermissionError:
            if clock.monotonic() >= until:
                raise
        clock.sleep(EVERY_S)


def replace(path: Path, other: Path) -> None:
    """Put the file `path` in the place of `other`."""
    while_held(lambda: path.replace(other), HELD_S, time)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    while_held(lambda: path.unlink(missing_ok=True), HELD_S, time)


def read(path: Path) -> str:
    """Return the text of a file."""
    return while_held(lambda: path.read_text(encoding="utf-8"), HELD_S, time)
