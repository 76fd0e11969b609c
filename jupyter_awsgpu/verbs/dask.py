"""`dask`: a cluster's scheduler and dashboard on this machine, for a client in the notebook that is open here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import ClusterDown, DaskDiffers, ExtraMissing, NotACluster
from jupyter_awsgpu.model import DaskWay
from jupyter_awsgpu.remote import cluster
from jupyter_awsgpu.verbs.connect import connect, require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

MUST_AGREE = ("dask", "distributed")
"""Packages whose versions must be the same at both ends (distributed's own `Client.get_versions(check=True)`)."""


def dask(bench: Workbench, name: str | None = None) -> DaskWay:
    """Return the way to the cluster's scheduler through the tunnel, which is opened where it is not.

    Raises `NotACluster`, `ClusterDown` where its scheduler does not answer, `WrongState`, and the errors
    of the way in.
    """
    head = choose(bench, name, "dask")
    if head.engine != "dask":
        raise NotACluster(name=head.title, instance_type=head.instance_type)
    require_running(head, "be computed on")
    with reach(bench, head) as host:
        state = cluster.show(host, secrets=True)
    if state.secrets is None or state.joined is None:
        raise ClusterDown(name=head.name)
    wanted = (state.scheduler_port, state.dashboard_port)
    local = _forwards(head, wanted) or _forwards(connect(bench, head.instance_id), wanted)
    scheduler, dashboard = (local[port] for port in wanted)
    return DaskWay(
        name=head.name,
        scheduler=f"tls://127.0.0.1:{scheduler}",
        dashboard=f"http://127.0.0.1:{dashboard}/status",
        workers=state.joined,
        versions=tuple(sorted(state.versions.items())),
        secrets=state.secrets,
    )


def _forwards(head: Instance, wanted: tuple[int, ...]) -> dict[int, int]:
    """Return the local port of each of the engine's, where a tunnel carries them all."""
    found = {remote: local for local, remote in head.tunnel.forwards} if head.tunnel else {}
    return found if all(port in found for port in wanted) else {}


def require_alike(way: DaskWay, here: Mapping[str, str]) -> None:
    """Raise `DaskDiffers`, with the line that mends it, unless this machine's versions are the cluster's.

    `here` maps package names to versions; nothing for those that are absent. Raises `ExtraMissing` without Dask.
    """
    there = dict(way.versions)
    if "distributed" not in here:
        raise ExtraMissing(what="A Dask client on this machine", extra="dask")
    differing = [one for one in MUST_AGREE if there.get(one) and here.get(one) != there[one]]
    if differing:
        words = ", ".join(f"{one} {here.get(one, 'none')} here and {there[one]} there" for one in differing)
        wanted = " ".join(f"{one}=={there[one]}" for one in MUST_AGREE if one in there)
        raise DaskDiffers(name=way.name, difference=words, wanted=wanted)
