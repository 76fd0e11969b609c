"""When each instance was seen in which state: EC2 keeps no such history, so we do."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.records.files import private_folder

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Instance

_SAFE = re.compile(r"[^A-Za-z0-9._-]")


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


class Ledger:
    """One file of sightings an instance, kept after its end for `cost`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def see(self, instance: Instance, at: float) -> None:
        """Note how the instance stands, unless that is what the last line says already."""
        sighting = Sighting(
            at=at,
            state=instance.state.value,
            started=instance.launched_at.timestamp(),
            stopped=instance.stopped_at.timestamp() if instance.stopped_at else None,
            name=instance.name,
            instance_type=instance.instance_type,
            region=instance.region,
            price=instance.price_per_hour,
            root_gb=instance.root_gb,
        )
        seen = self.sightings(instance.instance_id)
        if seen and (seen[-1].state, seen[-1].started) == (sighting.state, sighting.started):
            return
        path = private_folder(self._folder) / f"{_SAFE.sub('_', instance.instance_id)}.jsonl"
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(sighting)) + "\n")

    def sightings(self, instance_id: str) -> tuple[Sighting, ...]:
        """Return what was seen of an instance, oldest first."""
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
        return tuple(found)

    def instance_ids(self) -> tuple[str, ...]:
        """Return every instance ever seen from here."""
        return tuple(sorted(path.stem for path in self._folder.glob("*.jsonl")))
