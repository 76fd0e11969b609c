"""`cost`: what each instance has cost since its launch. What nobody saw is a range, never a guess.

EC2 says when an instance was last started, and when it last stopped; our ledger says how it stood
whenever a verb looked. Between two sightings that leave a gap, the instance ran between nothing and
all of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from jupyter_awsgpu.model import Cost
from jupyter_awsgpu.verbs.selection import find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.records import Sighting
    from jupyter_awsgpu.verbs.workbench import Workbench

HOUR_S = 3600.0
MONTH_H = 730.0
"""Hours in AWS's month (AWS Pricing Calculator: 730 hours)."""

DISK_PER_GB_MONTH = 0.08
"""gp3 in US regions, dollars (Amazon EBS price list); used where the region's own is not known."""

ADDRESS_PER_HOUR = 0.005
"""A public IPv4 address in use, dollars an hour (Amazon VPC price list, since 2024-02-01)."""

RUNNING = ("pending", "running")
GONE = ("shutting-down", "terminated")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours in a state, at least and at most."""

    low: float
    high: float


def running_hours(seen: Sequence[Sighting], now: float, *, exists: bool = True) -> Hours:
    """Return how long the instance ran in all the runs that were seen (times in epoch seconds).

    A run is told by EC2's start time, and its last sighting tells how it ended. `exists` says
    whether EC2 still lists the instance; if not, a run last seen running ended nobody knows when.
    """
    low = high = 0.0
    for one, following in zip_longest(seen, seen[1:]):
        if following is not None and following.started == one.started:
            continue  # a later sighting of the same run knows more
        latest = following.started if following is not None else now
        end = _end_of_run(one, latest, known=following is None and exists)
        low += max(0.0, end.low - one.started) / HOUR_S
        high += max(0.0, end.high - one.started) / HOUR_S
    return Hours(low, high)


def _end_of_run(one: Sighting, latest: float, *, known: bool) -> Hours:
    """Return the earliest and the latest moment (epoch seconds) at which this run ended."""
    if one.state in RUNNING:
        return Hours(latest if known else one.at, latest)
    if one.stopped is not None:
        return Hours(one.stopped, one.stopped)
    return Hours(one.started, one.at)


def cost_of(
    seen: Sequence[Sighting], now: float, *, exists: bool = True, disk_per_gb: float = DISK_PER_GB_MONTH
) -> Cost:
    """Return the cost of one instance: hours at its price, its disk while it existed, its address."""
    first, last = seen[0], seen[-1]
    hours = running_hours(seen, now, exists=exists)
    price = (last.price or 0.0) + ADDRESS_PER_HOUR
    ended = last.at if last.state in GONE or not exists else now
    disk_month = (last.root_gb or 0) * disk_per_gb
    disk = disk_month * max(0.0, ended - first.started) / HOUR_S / MONTH_H
    unknown = "" if last.price is not None else "price unknown"
    return Cost(
        name=last.name,
        what=f"{last.instance_type} in {last.region}, {last.state}",
        low=round(hours.low * price + disk, 4),
        high=round(hours.high * price + disk, 4),
        hours_running=round(hours.low, 3),
        per_month_at_rest=None if last.state in GONE else round(disk_month, 2),
        detail=unknown,
    )


def cost(bench: Workbench) -> tuple[Cost, ...]:
    """Return what every instance seen from this machine has cost, the dearest first."""
    present = {one.instance_id for one in find(bench, include_terminated=True)}
    ledger = bench.records.ledger
    found = []
    for instance_id in sorted({*ledger.instance_ids(), *present}):
        seen = ledger.sightings(instance_id)
        if seen:
            found.append(cost_of(seen, bench.now(), exists=instance_id in present))
    return tuple(sorted(found, key=lambda one: -one.high))
