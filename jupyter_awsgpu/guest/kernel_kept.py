"""What a kernel said and nobody has acknowledged yet, in a file; and how it looks on the wire.

On the wire, both ways: a JSON line, then as many bytes as its list `l` adds up to.
"""

from __future__ import annotations

import collections
import json
import os

SLACK = 64 * 1024 * 1024  # bytes of let-go messages that the file may hold before it is packed


def frame(about: dict, parts: list = ()) -> bytes:  # type: ignore[assignment]
    """Return what goes over the wire for a document and a message's parts."""
    if parts:
        about = dict(about, l=[len(part) for part in parts])
    return b"".join([json.dumps(about).encode(), b"\n", *parts])


def unframed(pending: bytearray):  # noqa: ANN201 - an iterator
    """Take the whole frames out of what has arrived: yield (document, parts)."""
    while True:
        end = pending.find(b"\n")
        if end < 0:
            return
        about = json.loads(bytes(pending[:end]))
        lengths = about.get("l", [])
        if len(pending) < end + 1 + sum(lengths):
            return
        parts, at = [], end + 1
        for length in lengths:
            parts.append(bytes(pending[at : at + length]))
            at += length
        del pending[:at]
        yield about, parts


class Message:
    """One message on its way to the laptop: where it lies in the file, and whose it is."""

    __slots__ = ("about", "acked", "lengths", "offset", "parent", "size")

    def __init__(self, about: dict, parts: list, parent: str, offset: int) -> None:
        self.about = about
        self.lengths = [len(part) for part in parts]
        self.size = sum(self.lengths)
        self.parent = parent
        self.offset = offset
        self.acked = False


class Kept:
    """Messages by number, their bytes in a file. What is let go of leaves the file when it is packed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._new()
        self._end = 0
        self.messages: "collections.OrderedDict" = collections.OrderedDict()
        self.bytes = 0
        self.last = 0

    def _new(self):  # noqa: ANN202 - a file
        return open(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600), "w+b")

    def add(self, about: dict, parts: list, parent: str) -> int:
        """Keep a message; return its number."""
        self.last += 1
        one = Message(dict(about, n=self.last), parts, parent, self._end)
        self._file.seek(self._end)
        self._file.write(b"".join(parts))
        self._end += one.size
        self.bytes += one.size
        self.messages[self.last] = one
        return self.last

    def parts(self, one: Message) -> list:
        """Read a message's parts."""
        self._file.seek(one.offset)
        return [self._file.read(length) for length in one.lengths]

    def drop(self, number: int) -> None:
        """Let go of a message."""
        one = self.messages.pop(number, None)
        if one is None:
            return
        self.bytes -= one.size
        if not self.messages:
            self._file.truncate(0)
            self._end = 0
        elif self._end > 2 * self.bytes + SLACK:
            self._pack()

    def _pack(self) -> None:
        old, ahead = self._file, self._path + ".new"
        with open(os.open(ahead, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600), "w+b") as new:
            at = 0
            for one in self.messages.values():
                new.write(b"".join(self.parts(one)))
                one.offset, at = at, at + one.size
        old.close()
        os.replace(ahead, self._path)
        self._file = open(self._path, "r+b")  # noqa: SIM115 - it stays open
        self._end = at
