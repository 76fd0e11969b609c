"""How often the watcher looks. Files every second (a stat each); AWS seldom, and less when it refuses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

FILES_S = 0.8
"""Between two looks at the records: what another process began shows within two seconds."""

CHANGING_S = 2.0
RUNNING_S = 15.0
RESTING_S = 60.0
LONGEST_S = 300.0

_CHANGING = (InstanceState.PENDING, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN)


def until_next_ask_s(snapshot: Snapshot, refusals: int) -> float:
    """Return the seconds until AWS is asked again; `refusals` in a row double the wait."""
    if refusals:
        return float(min(LONGEST_S, 5.0 * 2 ** (refusals - 1)))
    if any(one.state in _CHANGING for one in snapshot.instances) or _busy(snapshot):
        return CHANGING_S
    return RUNNING_S if any(one.state.bills for one in snapshot.instances) else RESTING_S


def _busy(snapshot: Snapshot) -> bool:
    return any(one.outcome == "running" for one in snapshot.operations[:5])
