"""One look at everything the panel shows: a frozen value, made by the watcher, drawn by the views."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.records.operations import OperationSummary

SHOWN_AFTER_END_S = 20.0
"""How long an operation that ended well stays on its card."""

STANDS_S = 3600.0
"""How long a failure stays there, unless another operation takes its place."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One reading of a GPU: use in percent, memory in MiB."""

    percent: float
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at `at` (epoch seconds). `asked` is when AWS last answered, None before it did."""

    at: float
    demo: bool
    instances: tuple[Instance, ...] = ()
    operations: tuple[OperationSummary, ...] = ()
    refusal: AwsGpuError | None = None
    asked: float | None = None
    gpu: Mapping[str, tuple[GpuUse, ...]] = field(default_factory=dict)

    def running(self, name: str) -> OperationSummary | None:
        """Return the operation under way for an instance, whoever started it."""
        return next((one for one in self.operations if one.name == name and one.outcome == "running"), None)

    def shown(self, name: str) -> OperationSummary | None:
        """Return the operation a card shows: the one under way, a fresh end, or a failure that stands."""
        latest = next((one for one in self.operations if one.name == name), None)
        if latest is None or not latest.events:
            return None
        ended = self.at - latest.events[-1].at
        kept = {"running": float("inf"), "done": SHOWN_AFTER_END_S}.get(latest.outcome, STANDS_S)
        return latest if ended <= kept else None

    def newcomers(self) -> tuple[OperationSummary, ...]:
        """Return the newest operation of each name that AWS shows no instance of, if it is of interest.

        A launch before RunInstances has no instance yet, and one that was refused never will.
        """
        known = {one.name for one in self.instances}
        found: dict[str, OperationSummary] = {}
        for one in self.operations:
            if one.name not in known and one.name not in found:
                found[one.name] = one
        launches = (one for one in found.values() if one.verb == "launch")
        return tuple(one for one in launches if one.outcome != "done" and one.error != "interrupted")
