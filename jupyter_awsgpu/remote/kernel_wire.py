"""How kernel and laptop speak over one stream: frames, and what waits until the other end has it.

A frame is a JSON line, then as many bytes as its list `l` adds up to.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HEAD_MOST = 1 << 20
PARTS_MOST = 1 << 30
"""Bytes of a frame's line and of its parts: more is no message of a kernel's."""


def frame(about: dict[str, Any], parts: Sequence[bytes] = ()) -> bytes:
    """Return what goes over the wire for a document and a message's parts."""
    if parts:
        about = {**about, "l": [len(part) for part in parts]}
    return b"".join([json.dumps(about).encode(), b"\n", *parts])


def frames(read: Callable[[], bytes]) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """Yield (document, parts) until `read` returns nothing; `ValueError` for what is no frame."""
    pending = bytearray()
    while piece := read():
        pending += piece
        while (end := pending.find(b"\n", 0, HEAD_MOST)) >= 0 or len(pending) > HEAD_MOST:
            about, lengths = _head(bytes(pending[: max(end, 0)]))
            at, parts = end + 1, []
            if len(pending) < at + sum(lengths):
                break
            for length in lengths:
                parts.append(bytes(pending[at : at + length]))
                at += length
            del pending[:at]
            yield about, parts


def _head(line: bytes) -> tuple[dict[str, Any], list[int]]:
    """Read a frame's line: its document and the lengths of its parts. Anybody may be at the other end."""
    try:
        about = json.loads(line)
    except RecursionError as exc:
        raise ValueError("a line of brackets") from exc
    lengths = about.get("l", []) if isinstance(about, dict) else None
    if not isinstance(lengths, list) or not all(isinstance(one, int) and 0 <= one <= PARTS_MOST for one in lengths):
        raise ValueError("no frame")
    if sum(lengths) > PARTS_MOST:
        raise ValueError("a frame that is too large")
    return about, lengths


class Outbox:
    """Frames for the kernel's relay. Numbered ones stay until they are acknowledged, the others go once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbered: deque[tuple[int, bytes]] = deque()
        self._once: deque[bytes] = deque()
        self._last = 0
        self._sent = 0

    def put(self, about: dict[str, Any], parts: Sequence[bytes] = ()) -> None:
        """Have this arrive exactly once, whenever there is a way."""
        with self._changed:
            self._last += 1
            self._numbered.append((self._last, frame({**about, "n": self._last}, parts)))
            self._changed.notify_all()

    def say(self, about: dict[str, Any]) -> None:
        """Send this if there is a way."""
        with self._changed:
            self._once.append(frame(about))
            self._changed.notify_all()

    def acknowledged(self, number: int) -> None:
        """Let go of everything up to this number: the relay has it."""
        with self._changed:
            while self._numbered and self._numbered[0][0] <= number:
                self._numbered.popleft()
            self._sent = max(self._sent, number)
            self._changed.notify_all()

    def again(self, number: int) -> None:
        """On a new way: the relay has everything up to `number`, what follows is sent again."""
        self.acknowledged(number)
        with self._changed:
            self._sent = number
            self._once.clear()

    def empty(self) -> bool:
        """Whether all that was put has arrived."""
        with self._changed:
            return not self._numbered

    def take(self, timeout_s: float) -> bytes:
        """Return what goes next, or nothing after a while."""
        with self._changed:
            if not self._waiting():
                self._changed.wait(timeout_s)
            if self._once:
                return self._once.popleft()
            for number, data in self._numbered:
                if number > self._sent:
                    self._sent = number
                    return data
            return b""

    def _waiting(self) -> bool:
        return bool(self._once) or (bool(self._numbered) and self._numbered[-1][0] > self._sent)

    def wake(self) -> None:
        """Have `take` return."""
        with self._changed:
            self._changed.notify_all()
