"""`gpu`: what an instance's GPUs do: use, memory, temperature, power, processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import SshUnreachable
from jupyter_awsgpu.model import GpuCard, GpuUse
from jupyter_awsgpu.remote import gpus
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

EVERY_S = 2.0


def gpu(bench: Workbench, name: str | None = None) -> GpuUse:
    """Return what the GPUs do at the moment.

    Where the instance cannot be reached, what its tunnel heard last comes back, marked `stale`. Raises
    `NoGpuAnswers`, `WrongState` and the errors of the way in.
    """
    instance = choose(bench, name, "gpu")
    require_running(instance, "show its GPU")
    try:
        with reach(bench, instance) as host:
            return next(gpus.watch(host, instance.name, EVERY_S, count=1))
    except SshUnreachable:
        last = _last_report(bench, instance)
        if last is None:
            raise
        return last


def follow(bench: Workbench, name: str | None = None, *, every_s: float = EVERY_S) -> Iterator[GpuUse]:
    """Yield looks until the iterator is closed; the last one again, marked `stale`, when the connection breaks.

    The first look is there, or refused, before this returns.
    """
    instance = choose(bench, name, "gpu")
    require_running(instance, "show its GPU")
    host = reach(bench, instance)
    looks = gpus.watch(host, instance.name, every_s)
    try:
        first = next(looks)
    except BaseException:
        host.close()
        raise
    return _going_on(host, first, looks)


def _going_on(host: Host, last: GpuUse, looks: Iterator[GpuUse]) -> Iterator[GpuUse]:
    with host:
        yield last
        try:
            for look in looks:
                last = look
                yield look
        except SshUnreachable:
            yield replace(last, stale=True)


def _last_report(bench: Workbench, instance: Instance) -> GpuUse | None:
    """Return the figures that the tunnel's process kept last, if it did."""
    kept: dict[str, Any] = bench.records.reports.read(instance.instance_id) or {}
    use: Any = kept.get("gpu")
    try:
        at = datetime.fromisoformat(kept["read_at"]).astimezone(UTC)
        card = GpuCard(
            0,
            instance.gpu.model if instance.gpu else "",
            use["percent"],
            use["memory_used_mib"],
            use["memory_total_mib"],
        )
    except (KeyError, TypeError, ValueError):
        return None
    return GpuUse(instance.name, at, (card,), stale=True)
