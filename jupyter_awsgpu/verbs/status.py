"""`status`: what exists, in which state, at what price, and what it is doing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import NoSuchInstance
from jupyter_awsgpu.remote.guest import report_from
from jupyter_awsgpu.verbs.selection import find

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench


def status(
    bench: Workbench,
    name: str | None = None,
    *,
    everyone: bool = False,
    all_regions: bool = False,
    include_terminated: bool = False,
) -> tuple[Instance, ...]:
    """Return the instances, each with tunnel and the guest's last report; read-only.

    Raises `NoSuchInstance` where a name is given that nothing has.
    """
    found = find(bench, everyone=everyone, everywhere=all_regions, include_terminated=include_terminated)
    if name is not None:
        named = tuple(one for one in found if name in (one.name, one.instance_id))
        if not named:
            names = "; there is " + ", ".join(one.name for one in found) if found else ""
            raise NoSuchInstance(name=name, names=names)
        found = named
    return tuple(with_report(bench, one) for one in found)


def with_report(bench: Workbench, instance: Instance) -> Instance:
    """Add the last report of the guest: the tunnel's process keeps it fresh while it is connected."""
    document = bench.records.reports.read(instance.instance_id)
    if document is None or not instance.state.bills:
        return instance
    return replace(instance, guest=report_from(document))
