"""Once a day, the first verb that lists instances anyway speaks of what has run for long. No question of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

LONG_H = 6.0
"""Hours of one run from which on an instance is worth a word."""

DAY_S = 20 * 3600.0
"""Once a day, also for whoever begins a little earlier than yesterday."""

MENTIONED = "mentioned"


def mention_long_runs(bench: Workbench, instances: tuple[Instance, ...]) -> None:
    """Let the surface say which instances have run for long, if it listens and nothing was said today."""
    if bench.mention is None or bench.clouds.cache.get(MENTIONED, DAY_S) is not None:
        return
    long = tuple(one for one in instances if one.state.bills and hours_up(bench, one) >= LONG_H)
    if long:
        bench.clouds.cache.put(MENTIONED, [one.instance_id for one in long])
        bench.mention(long)


def hours_up(bench: Workbench, instance: Instance) -> float:
    """Return how long the present run has lasted, in hours."""
    return max(0.0, bench.now() - instance.launched_at.timestamp()) / 3600.0
