"""Facts about AWS that may be a day old: types, offerings, prices, image ids."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records.files import read_document, require, write_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY_S = 24 * 3600.0


class FactCache:
    """A folder of small JSON documents, each with the time it was asked.

    Losing it costs a few requests and nothing else, so an unreadable document counts as absent.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    def get(self, key: str, max_age_s: float = DAY_S) -> Any | None:
        """Return the fact if it is known and younger than `max_age_s` seconds."""
        path = self._path(key)
        try:
            document = require(path, read_document(path) or {}, {"key": str, "asked": float})
        except StateUnreadable:
            return None
        if document["key"] != key:
            return None
        age = self._clock() - document["asked"]
        return document.get("value") if 0 <= age < max_age_s else None

    def put(self, key: str, value: object) -> None:
        """Keep a JSON-able fact; a disk that refuses costs only the caching."""
        try:
            asked = {"key": key, "asked": self._clock(), "value": value}
            write_document(self._path(key), asked, durable=False)  # a launch waits for some of these
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
