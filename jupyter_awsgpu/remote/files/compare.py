"""What of one tree has to travel to another, and what would be lost by it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.guest.files import RESUMED_FROM, part_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

WHOLE_S = 1_000_000_000
"""Nanoseconds: a file system that keeps whole seconds cannot hold a finer time."""


@dataclass(frozen=True, slots=True)
class File:
    """A file by its path from the root: bytes, and when it was changed (ns since the epoch)."""

    key: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Going:
    """A file that travels, from `offset` on; `changed` where the other end has another version of it."""

    file: File
    offset: int = 0
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What is to do: files that travel, those whose other version is `newer`, how many are `same`, stale pieces."""

    going: tuple[Going, ...]
    newer: tuple[File, ...]
    same: int
    stale: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes that are left to travel."""
        return sum(one.file.size - one.offset for one in self.going)


def compare(
    here: Mapping[str, Iterable[Any]],
    there: Mapping[str, Iterable[Any]],
    parts: Mapping[str, int],
    beside: Mapping[str, int] | None = None,
) -> Difference:
    """Return what makes `there` as `here`, both {path: [size, mtime in ns, …]}.

    `parts` and those `beside` lie there, cut off; of `parts` those are stale that belong to no file here.

    A file of the same size and time is the same one, as rsync has it. Nothing is ever deleted there.
    """
    going: list[Going] = []
    newer: list[File] = []
    same, known = 0, set()
    for key, (size, mtime, *_) in here.items():
        file = File(key, size, mtime)
        other = there.get(key)
        if other is not None:
            its_size, its_mtime = list(other)[:2]
            if its_size == size and _same_time(mtime, its_mtime):
                same += 1
                continue
            if its_mtime > mtime and not _same_time(mtime, its_mtime):
                newer.append(file)
        part = part_of(key, size, mtime)
        known.add(part)
        offset = parts.get(part, (beside or {}).get(part, 0))
        going.append(Going(file, offset if size >= RESUMED_FROM and offset <= size else 0, other is not None))
    return Difference(tuple(going), tuple(newer), same, tuple(sorted(set(parts) - known)))


def _same_time(one: int, other: int) -> bool:
    if one % WHOLE_S == 0 or other % WHOLE_S == 0:
        return one // WHOLE_S == other // WHOLE_S
    return one == other
