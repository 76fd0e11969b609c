"""The last report of each instance's guest, kept by the tunnel's process for everybody to read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records import held
from jupyter_awsgpu.records.files import read_document, write_document

if TYPE_CHECKING:
    from pathlib import Path

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class Reports:
    """One small document per instance; losing one costs nothing but its age."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, instance_id: str) -> dict[str, Any] | None:
        """Return the last report as the plain dict it was, or None."""
        try:
            return read_document(self._path(instance_id))
        except StateUnreadable:
            return None

    def write(self, instance_id: str, report: dict[str, Any]) -> None:
        """Keep a report."""
        write_document(self._path(instance_id), report)

    def forget(self, instance_id: str) -> None:
        """Drop the report of an instance that is gone."""
        held.remove(self._path(instance_id))

    def _path(self, instance_id: str) -> Path:
        return self._folder / f"{_SAFE.sub('_', instance_id)}.json"
