"""Whether the peer still answers: keepalives whose answers are waited for, unlike paramiko's own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

    from jupyter_awsgpu.host.wire import Wire

EVERY_S = 4.0
"""Seconds of silence before the peer is asked for a sign of life."""

SILENCE_S = 10.0
"""Seconds without an answer after which the link counts as dead: at most 14 s after it went."""


class Liveness:
    """Asks the peer of one connection for a sign of life, and closes the connection if none comes.

    Anything received counts: on a slow line an answer may queue behind data. `round_trip_s` is the
    shortest round trip seen, which is the line's own without queues.
    """

    def __init__(self, transport: paramiko.Transport, wire: Wire, clock: Callable[[], float] = time.monotonic) -> None:
        self._transport = transport
        self._wire = wire
        self._clock = clock
        self._asked_at: float | None = None
        self._within_s = SILENCE_S
        self._wake = threading.Event()
        self.round_trip_s = float("inf")

    def start(self) -> None:
        """Begin asking and judging, until the connection ends."""
        for work in (self._ask_for_ever, self._judge_for_ever):
            threading.Thread(target=work, name=f"liveness-{work.__name__}", daemon=True).start()

    def doubt(self, within_s: float) -> None:
        """Ask now, and judge after `within_s`: the laptop woke up, or its address changed."""
        self._within_s = within_s
        self._wake.set()

    def _ask_for_ever(self) -> None:
        while self._transport.is_active():
            self._ask()
            self._wake.wait(EVERY_S)
            self._wake.clear()

    def _ask(self) -> None:
        asked = self._clock()
        self._asked_at = asked
        try:
            self._transport.global_request("keepalive@openssh.com", wait=True)  # sshd answers "failure": alive
        except Exception:  # the connection ended, in whichever of paramiko's ways
            return
        self._asked_at = None
        self._within_s = SILENCE_S
        self.round_trip_s = min(self.round_trip_s, self._clock() - asked)

    def _judge_for_ever(self) -> None:
        while self._transport.is_active():
            if self.silent_s() > self._within_s:
                self._transport.close()
                return
            time.sleep(min(1.0, self._within_s / 4))

    def silent_s(self) -> float:
        """Return for how long a question has stood unanswered with nothing else heard."""
        asked = self._asked_at
        return 0.0 if asked is None else self._clock() - max(asked, self._wire.heard_at)
