"""When each instance was seen in which state: EC2 keeps no such history, so we do."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.records.files import private_folder, read_document, write_document

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Instance

_SAFE = re.compile(r"[^A-Za-z0-9._-]")

APART_S = 60.0
"""Seconds between two notes that an instance runs unchanged: whoever watches looks far more often."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An instance as it was at one moment. Times are seconds since the epoch, prices per hour.

    `started` is EC2's LaunchTime, which moves at every start; `stopped` is when EC2 says it stopped.
    """

    at: float
    state: str
    started: float
    stopped: float | None
    name: str
    instance_type: str
    region: str
    price: float | None
    root_gb: int | None


def _ran_until(instance: Instance, at: float) -> float | None:
    """Return the moment until which the instance surely ran, as seen now: it runs, or did until the date of its end.

    A spot instance of ours cannot be stopped, and one that ended itself was awake to do so.
    """
    if instance.state is InstanceState.RUNNING:
        return at
    awake = (instance.spot and not instance.adopted) or "InstanceInitiatedShutdown" in (instance.state_reason or "")
    return instance.stopped_at.timestamp() if awake and not instance.state.alive and instance.stopped_at else None


class Ledger:
    """One file of sightings an instance, kept after its end for `cost`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def see(self, instance: Instance, at: float) -> None:
        """Note how the instance stands, unless that is what the last line says already, and until when it surely ran.

        That it was missed once is no longer so: another account's list does not have it.
        """
        sighting = Sighting(
            at=at,
            state=instance.state.value,
            started=instance.launched_at.timestamp(),
            stopped=instance.stopped_at.timestamp() if instance.stopped_at else None,
            name=instance.title,
            instance_type=instance.instance_type,
            region=instance.region,
            price=instance.price_per_hour,
            root_gb=instance.root_gb,
        )
        self._beside(instance.instance_id, "missed").unlink(missing_ok=True)
        seen = self.sightings(instance.instance_id)
        ran = _ran_until(instance, at)
        if seen and ran is not None and ran - seen[-1].at >= APART_S:
            document = {"started": sighting.started, "at": ran}
            write_document(self._beside(instance.instance_id, "ran"), document, durable=False)
        if seen and (seen[-1].state, seen[-1].started) == (sighting.state, sighting.started):
            return
        path = private_folder(self._folder) / f"{_SAFE.sub('_', instance.instance_id)}.jsonl"
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(sighting)) + "\n")

    def sightings(self, instance_id: str) -> tuple[Sighting, ...]:
        """Return what was seen of an instance, oldest first, each run with the last moment at which it surely ran."""
        path = self._folder / f"{_SAFE.sub('_', instance_id)}.jsonl"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ()
        found = []
        for line in lines:
            try:
                found.append(Sighting(**json.loads(line)))
            except (ValueError, TypeError):
                continue  # a half-written line of a killed process
        return tuple(self._with_last_look(instance_id, found))

    def _with_last_look(self, instance_id: str, found: list[Sighting]) -> list[Sighting]:
        """Return the sightings with a further one, of when the instance was last known to run unchanged."""
        path = self._beside(instance_id, "ran")
        started, at = self._number(path, "started"), self._number(path, "at")
        for index, one in reversed(list(enumerate(found))):
            if at is not None and one.state == InstanceState.RUNNING and one.started == started and one.at < at:
                return [*found[: index + 1], replace(one, at=at), *found[index + 1 :]]
        return found

    def missed(self, instance_id: str, at: float) -> float:
        """Note that EC2 no longer lists an instance, and return when that was first seen (epoch seconds)."""
        path = self._beside(instance_id, "missed")
        known = self._number(path, "at")
        if known is None:
            write_document(path, {"at": at})
        return at if known is None else known

    def note_own_log(self, instance_id: str, ran_s: float, at: float) -> None:
        """Keep the seconds an instance said at one moment to have run in all; only the latest word counts."""
        known = self.own_log(instance_id)
        if known is None or known[1] < at:
            write_document(self._beside(instance_id, "own"), {"ran_s": ran_s, "at": at})

    def own_log(self, instance_id: str) -> tuple[float, float] | None:
        """Return the seconds an instance had run in all, by its own word, and when it said so; None without one."""
        path = self._beside(instance_id, "own")
        ran, at = self._number(path, "ran_s"), self._number(path, "at")
        return None if ran is None or at is None else (ran, at)

    def _beside(self, instance_id: str, what: str) -> Path:
        return private_folder(self._folder) / f"{_SAFE.sub('_', instance_id)}.{what}.json"

    def _number(self, path: Path, key: str) -> float | None:
        try:
            return float((read_document(path) or {})[key])
        except (StateUnreadable, KeyError, TypeError, ValueError):
            return None

    def regions(self) -> tuple[str, ...]:
        """Return the regions in which an instance was ever seen from here: what it left behind may lie there still."""
        last = (self.sightings(one)[-1:] for one in self.instance_ids())
        return tuple(sorted({one.region for some in last for one in some if isinstance(one.region, str)}))

    def instance_ids(self) -> tuple[str, ...]:
        """Return every instance ever seen from here."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.jsonl")))
