"""Threads that are used again: starting one costs a tenth of a small request's time, and each needs two."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

IDLE_S = 5.0
"""How long a thread without work stays."""


class Crew:
    """Runs each piece of work at once, in a thread that is idle or in a new one; never queues behind another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._promised: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = 0

    def start(self, work: Callable[[], None]) -> None:
        """Run `work`, which must not raise, beside the caller."""
        with self._lock:
            if self._idle:
                self._idle -= 1
                self._promised.put(work)
                return
        threading.Thread(target=self._work, args=(work,), name="crew", daemon=True).start()

    def _work(self, work: Callable[[], None] | None) -> None:
        while work is not None:
            work()
            with self._lock:
                self._idle += 1
            work = self._next()

    def _next(self) -> Callable[[], None] | None:
        try:
            return self._promised.get(timeout=IDLE_S)
        except Empty:
            with self._lock:
                if self._idle:
                    self._idle -= 1
                    return None
            return self._promised.get()  # promised in the very moment of giving up
