"""What was asked of AWS, written before it is asked, so that a crash can be finished.

An entry holds the exact RunInstances request with its ClientToken. Replayed byte for byte, EC2
answers with the instance the first try made; with anything changed it would refuse
(IdempotentParameterMismatch) or, worse, make a second one.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records.files import read_document, write_document

if TYPE_CHECKING:
    from pathlib import Path

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


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
        document = read_document(self._path(launch_id))
        return _entry(document) if document else None

    def entries(self) -> tuple[JournalEntry, ...]:
        """Return all readable entries, oldest first; a damaged file hides nothing but itself."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            try:
                document = read_document(path)
            except StateUnreadable:
                continue
            if document:
                found.append(_entry(document))
        return tuple(sorted(found, key=lambda entry: entry.written))

    def regions(self) -> tuple[str, ...]:
        """Return the regions in which a launch of this machine may still have something."""
        return tuple(sorted({entry.region for entry in self.entries() if entry.ended is None}))

    def _path(self, launch_id: str) -> Path:
        return self._folder / f"{_SAFE.sub('_', launch_id)}.json"


def _entry(document: dict[str, Any]) -> JournalEntry:
    fields = {key: value for key, value in document.items() if key in JournalEntry.__dataclass_fields__}
    fields["instance_ids"] = tuple(fields.get("instance_ids", ()))
    fields["attempts"] = tuple(fields.get("attempts", ()))
    return JournalEntry(**fields)
