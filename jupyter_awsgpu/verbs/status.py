"""`status`: what exists, in which state, at what price, and what it is doing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import NoSuchInstance
from jupyter_awsgpu.remote.guest import report_from
from jupyter_awsgpu.verbs.data import all_data_volumes
from jupyter_awsgpu.verbs.selection import find, regions_to_ask

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance, Volume
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
    regions = regions_to_ask(bench, everywhere=all_regions)
    return _status(bench, name, regions, everyone=everyone, include_terminated=include_terminated)


def _status(
    bench: Workbench, name: str | None, regions: tuple[str, ...], *, everyone: bool, include_terminated: bool
) -> tuple[Instance, ...]:
    found = find(bench, everyone=everyone, regions=regions, include_terminated=include_terminated)
    if name is not None:
        named = tuple(one for one in found if name in (one.name, one.title, one.instance_id))
        if not named:
            names = "; there is " + ", ".join(dict.fromkeys(one.name for one in found)) if found else ""
            raise NoSuchInstance(name=name, names=names)
        found = named
    return tuple(with_report(bench, one) for one in found)


def status_with_data(
    bench: Workbench,
    name: str | None = None,
    *,
    everyone: bool = False,
    all_regions: bool = False,
    include_terminated: bool = False,
) -> tuple[tuple[Instance, ...], tuple[Volume, ...]]:
    """Return the instances, each with its data volume, and the volumes that are attached to nothing.

    The volumes are asked for beside the instances; where nobody may ask, there are none to be shown.
    """
    regions = regions_to_ask(bench, everywhere=all_regions)  # once: the one's answer is what the other need not ask
    with parallel(2) as pool:
        found = pool.submit(_status, bench, name, regions, everyone=everyone, include_terminated=include_terminated)
        volumes = pool.submit(all_data_volumes, bench, regions)
        instances = found.result()
        at = {one.instance_id: one for one in volumes.result() if one.instance_id}
    shown = tuple(replace(one, data_volume=at.get(one.instance_id)) for one in instances)
    loose = tuple(one for one in volumes.result() if one.instance_id is None and name in (None, one.name))
    return shown, loose


def with_report(bench: Workbench, instance: Instance) -> Instance:
    """Add the last report of the guest: the tunnel's process keeps it fresh while it is connected."""
    document = bench.records.reports.read(instance.instance_id)
    if document is None or not instance.state.bills:
        return instance
    return replace(instance, guest=report_from(document))
