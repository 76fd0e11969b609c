"""The host keys each launch may answer with: pinned before the first connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jupyter_awsgpu.records import held
from jupyter_awsgpu.records.files import read_document, require, write_document

if TYPE_CHECKING:
    from pathlib import Path

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class Pins:
    """Host keys by launch id, newest first.

    While the first key (from user-data) is being exchanged for the instance's own, both are
    accepted, so that a kill at any step leaves an instance the next `connect` can verify.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, launch_id: str) -> tuple[str, ...]:
        """Return the accepted public keys as OpenSSH lines, the preferred one first."""
        path = self._path(launch_id)
        document = read_document(path)
        return tuple(require(path, document, {"accepted": [str]})["accepted"]) if document else ()

    def write(self, launch_id: str, keys: tuple[str, ...]) -> None:
        """Pin exactly `keys`, durably."""
        write_document(self._path(launch_id), {"launch_id": launch_id, "accepted": list(keys)})

    def forget(self, launch_id: str) -> None:
        """Drop the pins of an instance that is gone."""
        held.remove(self._path(launch_id))

    def forget_launch(self, launch_id: str) -> None:
        """Drop the pins of all machines of a launch that came to nothing."""
        self.forget(launch_id)
        for path in self._folder.glob(f"{_SAFE.sub('_', launch_id)}-n*.json"):
            held.remove(path)

    def _path(self, launch_id: str) -> Path:
        return self._folder / f"{_SAFE.sub('_', launch_id)}.json"
