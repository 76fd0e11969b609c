"""Clusters: what stands beside the rows of their machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.surfaces.render.sheet import money
from jupyter_awsgpu.verbs.head import launch_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Instance


def wholes(instances: Sequence[Instance]) -> tuple[tuple[Instance, ...], ...]:
    """Return the clusters among some instances, each with the machines that are there, by number."""
    found: dict[str, list[Instance]] = {}
    for one in instances:
        if one.engine is not None:
            found.setdefault(one.cluster_id, []).append(one)
    return tuple(tuple(sorted(each, key=lambda one: one.node)) for each in found.values())


def notes(whole: Sequence[Instance]) -> tuple[str, ...]:
    """Say how many work together, and by which command a machine that is gone or at rest comes back."""
    said = [tr("{name}: {text}").format(name=whole[0].name, text=in_short(whole[0]))] if len(whole) > 1 else []
    alive = [one for one in whole if one.state.alive]
    if not alive:
        return ()
    first = alive[0]
    gone = [f"{first.name}/{number}" if number else first.name for number in _missing(alive)]
    if gone:
        text = tr("{machines} of {name}: gone; {command} launches what is missing.")
        said.append(text.format(machines=", ".join(gone), name=first.name, command=launch_line(first)))
    at_rest = [one.title for one in alive if one.state in (InstanceState.STOPPED, InstanceState.STOPPING)]
    if at_rest and len(at_rest) < len(alive):
        text = tr("{machines} of {name}: not running; {command} brings the cluster together again.")
        said.append(text.format(machines=", ".join(at_rest), name=first.name, command=f"awsgpu start {first.name}"))
    return tuple(said)


def _missing(alive: Sequence[Instance]) -> list[int]:
    return sorted(set(range(alive[0].nodes)) - {one.node for one in alive})


def in_short(head: Instance) -> str:
    """Return how many machines work together, as the head last said."""
    state = head.guest.cluster if head.guest else None
    if state is None or state.joined is None:
        return tr("{nodes} machines as one {engine} cluster").format(nodes=head.nodes, engine=_engine(head))
    text = tr("{joined} workers of {nodes} machines at work in {engine}, {tasks} tasks")
    return text.format(joined=state.joined, nodes=head.nodes, engine=_engine(head), tasks=state.tasks or 0)


def _engine(head: Instance) -> str:
    return (head.engine or "").capitalize()


def price(head: Instance) -> str:
    """Return what an hour of all machines costs."""
    each = money(head.price_per_hour, head.currency, unit="/h")
    every = money((head.price_per_hour or 0.0) * head.nodes, head.currency, unit="/h")
    return f"{head.nodes} x {each} = {every}"
