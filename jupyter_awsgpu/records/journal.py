"""What was asked of AWS, written before it is asked, so that a crash can be finished.

An entry holds the exact RunInstances request with its ClientToken. Replayed byte for byte, EC2
answers with the instance the first try made; with anything changed it would refuse
(IdempotentParameterMismatch) or, worse, make a second one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records.files import Kind, read_document, require, write_document

if TYPE_CHECKING:
    from pathlib import Path

_SAFE = re.compile(r"[^A-Za-z0-9._-]")

KINDS: dict[str, Kind] = {
    "launch_id": str,
    "name": str,
    "owner": str,
    "region": str,
    "written": int | float,
    "request": dict | None,
    "instance_ids": [str],
    "attempts": [dict],
    "wishes": dict,
    "ended": int | float | None,
}
"""What an entry's file must hold; another version's may hold more."""

DEFAULTS: dict[str, Any] = {"request": None, "instance_ids": [], "attempts": [], "wishes": {}, "ended": None}
"""What it may leave out."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One launch. `request` is what RunInstances gets (None once EC2 refused the attempt).

    `attempts` says what was tried and how each ended: {"zone", "outcome"}.
    """

    launch_id: str
    name: str
    owner: str
    region: str
    written: float
    request: dict[str, Any] | None = field(default=None, repr=False)
    instance_ids: tuple[str, ...] = ()
    attempts: tuple[dict[str, str], ...] = ()
    wishes: dict[str, Any] = field(default_factory=dict)
    ended: float | None = None

    @property
    def unanswered(self) -> bool:
        """Whether a request may have reached EC2 whose answer we never saw."""
        return self.request is not None and not self.instance_ids and self.ended is None


class Journal:
    """A folder of entries, one file per launch, 0600 (user-data holds the first host key)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, entry: JournalEntry) -> JournalEntry:
        """Put the entry on disk before anything else happens."""
        write_document(self._path(entry.launch_id), asdict(entry))
        return entry

    def answered(self, entry: JournalEntry, instance_ids: tuple[str, ...]) -> JournalEntry:
        """Note EC2's answer and forget the request: its user-data holds a host key."""
        return self.write(replace(entry, instance_ids=instance_ids, request=None))

    def refused(self, entry: JournalEntry, zone: str, outcome: str) -> JournalEntry:
        """Note that an attempt surely made nothing."""
        return self.write(replace(entry, request=None, attempts=(*entry.attempts, {"zone": zone, "outcome": outcome})))

    def end(self, launch_id: str, at: float) -> None:
        """Note that nothing of this launch exists any more."""
        entry = self.read(launch_id)
        if entry is not None:
            self.write(replace(entry, request=None, ended=at))

    def read(self, launch_id: str) -> JournalEntry | None:
        """Return one entry, or None."""
        return _read(self._path(launch_id))

    def entries(self) -> tuple[JournalEntry, ...]:
        """Return all readable entries, oldest first; a damaged file hides nothing but itself."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            with suppress(StateUnreadable):
                entry = _read(path)
                found += [entry] if entry else []
        return tuple(sorted(found, key=lambda entry: entry.written))

    def regions(self) -> tuple[str, ...]:
        """Return the regions in which a launch of this machine may still have something."""
        return tuple(sorted({entry.region for entry in self.entries() if entry.ended is None}))

    def _path(self, launch_id: str) -> Path:
        return self._folder / f"{_SAFE.sub('_', launch_id)}.json"


def _read(path: Path) -> JournalEntry | None:
    document = read_document(path)
    if document is None:
        return None
    known = {name: document.get(name) for name in KINDS}
    fields = require(path, {**DEFAULTS, **{name: value for name, value in known.items() if value is not None}}, KINDS)
    return JournalEntry(
        **{**fields, "instance_ids": tuple(fields["instance_ids"]), "attempts": tuple(fields["attempts"])}
    )
