"""Several machines under one name in the panel: one card for the whole, a row a machine. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render import clusters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot


def cards(instances: Sequence[Instance]) -> Iterator[tuple[Instance, tuple[Instance, ...]]]:
    """Yield what has a card: a machine by itself with nothing, a cluster's first machine with all of them."""
    wholes = {whole[0].instance_id: whole for whole in clusters.wholes(instances)}
    for one in instances:
        if one.engine is None:
            yield one, ()
        elif one.instance_id in wholes:
            yield one, wholes[one.instance_id]


def draw(whole: Sequence[Instance], snapshot: Snapshot, tr: Callable[[str], str]) -> str:
    """Return a row a machine and what is to be said of all; nothing for a machine by itself. Names are escaped."""
    if not whole:
        return ""
    rows = "".join(_row(one, snapshot, tr) for one in whole)
    notes = "".join(f'<p class="awsgpu-note">{escape(note)}</p>' for note in clusters.notes(whole))
    return f'<ul class="awsgpu-nodes">{rows}</ul>{notes}'


def _row(one: Instance, snapshot: Snapshot, tr: Callable[[str], str]) -> str:
    readings = snapshot.gpu.get(one.instance_id, ())
    use = f" · GPU {readings[-1].percent:.0f} %" if readings else ""
    state = f'<span class="awsgpu-state" data-state="{escape(one.state)}">{escape(tr(one.state))}</span>'
    return f"<li>{escape(one.title)} {state} {escape(one.zone + use)}</li>"
