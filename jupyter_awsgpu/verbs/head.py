"""The head of a cluster, where only other machines of it are at hand; what is said where none leads them.

A worker is worth nothing by itself, and is never taken for the head: one that is told a wrong head leaves its
cluster's scheduler, and what was computed on it is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import HeadGone, WrongState
from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench


def head_of(bench: Workbench, nodes: Sequence[Instance]) -> Instance:
    """Return the machine that leads these: their first, or the head of their cluster, asked for at EC2.

    A head that is not among them has to run: raises `HeadGone`, and `WrongState` where it is at rest.
    """
    first = nodes[0]
    if not first.node:
        return first
    known = bench.cloud(first.region).instances(owner=first.owner, name=first.name)
    heads = [one for one in known if one.cluster_id == first.cluster_id and not one.node and one.state.alive]
    if not heads:
        raise head_gone(first)
    if heads[0].state not in (InstanceState.RUNNING, InstanceState.PENDING):
        state = heads[0].state.value
        raise WrongState(name=first.name, state=state, verb="lead its cluster", remedy_verb="start")
    return heads[0]


def head_gone(one: Instance) -> HeadGone:
    """Return what is said of the cluster of a machine when its head no longer exists."""
    return HeadGone(name=one.name, command=launch_line(one))


def launch_line(one: Instance) -> str:
    """Return the launch that continues the cluster: what is there stays, what is gone is launched again."""
    name = "" if one.name == "gpu" else f" --name {one.name}"
    return f"awsgpu launch {one.instance_type}{name} --nodes {one.nodes} --engine {one.engine}"
