"""Which of an instance's files were brought to this machine, and when: what else is there would be lost with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.records import held
from jupyter_awsgpu.records.files import read_document, write_document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pulled:
    """One path of an instance, a file or a folder with all below it, and when it was last listed for a pull.

    `at` is the instance's own clock (epoch seconds); `left_out` files at or beside it stayed, by ignore rules.
    """

    path: str
    at: float
    left_out: int = 0


class Pulls:
    """One small document per instance: what was pulled from it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last_pull(self, instance_id: str) -> datetime | None:
        """Return when the last complete `pull` from the instance began, by the instance's clock; None without one."""
        try:
            return max((datetime.fromtimestamp(one.at, UTC) for one in self.pulled(instance_id)), default=None)
        except (ValueError, OverflowError, OSError):
            return None

    def pulled(self, instance_id: str) -> tuple[Pulled, ...]:
        """Return what complete pulls have brought from the instance, each path once, by its last pull."""
        try:
            rows = (read_document(self._path(instance_id)) or {}).get("pulled")
            return tuple(Pulled(str(one["path"]), float(one["at"]), int(one["left_out"])) for one in rows or ())
        except (StateUnreadable, KeyError, TypeError, ValueError, OverflowError):
            return ()

    def note(self, instance_id: str, some: Iterable[Pulled]) -> None:
        """Keep that a pull of these paths is complete."""
        known = {one.path: one for one in (*self.pulled(instance_id), *some)}
        write_document(self._path(instance_id), {"pulled": [asdict(one) for one in known.values()]})

    def forget(self, instance_id: str) -> None:
        """Drop what is known of an instance that is gone."""
        held.remove(self._path(instance_id))

    def _path(self, instance_id: str) -> Path:
        return self._folder / f"{instance_id}.json"
