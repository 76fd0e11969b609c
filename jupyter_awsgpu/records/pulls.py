"""When each instance's files were last brought to this machine: what is newer would be lost with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records.files import read_document, write_document

if TYPE_CHECKING:
    from pathlib import Path


class Pulls:
    """One small document per instance: the instance's own clock when its files were last listed for a pull."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last_pull(self, instance_id: str) -> datetime | None:
        """Return when the last complete `pull` from the instance began, by the instance's clock; None without one."""
        try:
            document = read_document(self._path(instance_id)) or {}
            return datetime.fromtimestamp(float(document["at"]), UTC)
        except (StateUnreadable, KeyError, TypeError, ValueError, OverflowError, OSError):
            return None

    def paths(self, instance_id: str) -> tuple[str, ...]:
        """Return the paths of the instance (below its home) that pulls have asked for, each once."""
        try:
            document = read_document(self._path(instance_id)) or {}
        except StateUnreadable:
            return ()
        found = document.get("paths")
        return tuple(str(one) for one in found) if isinstance(found, list) else ()

    def note(self, instance_id: str, at: float, paths: tuple[str, ...]) -> None:
        """Keep that a pull of `paths` is complete; `at` is the instance's clock (epoch seconds) when it began."""
        known = dict.fromkeys((*self.paths(instance_id), *paths))
        write_document(self._path(instance_id), {"at": at, "paths": list(known)})

    def forget(self, instance_id: str) -> None:
        """Drop what is known of an instance that is gone."""
        self._path(instance_id).unlink(missing_ok=True)

    def _path(self, instance_id: str) -> Path:
        return self._folder / f"{instance_id}.json"
