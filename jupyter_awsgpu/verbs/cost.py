"""`cost`: what everything of ours has cost: instances by state, disks, addresses, images. What nobody saw is a range.

EC2 says when an instance was last started, and when it last stopped or was terminated; our ledger says how it
stood whenever a verb looked; the instance's own log says how long it ran in all, whenever it was read. Between
two sightings that leave a gap, the instance ran between nothing and all of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import Cost, CostPart
from jupyter_awsgpu.verbs.data import data_volumes
from jupyter_awsgpu.verbs.selection import find, regions_to_ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import CostKind, Image, Volume
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
AT_REST = ("stopping", "stopped")
GONE = ("shutting-down", "terminated")
EVER = (float("-inf"), float("inf"))


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours in a state, at least and at most."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an instance: its start, the earliest and the latest moment of its end, its price an hour."""

    started: float
    end: Hours
    price: float | None

    def within(self, window: tuple[float, float]) -> Hours:
        """Return the hours of this run inside a window of time (epoch seconds)."""
        begun = max(self.started, window[0])
        ends = (min(self.end.low, window[1]), min(self.end.high, window[1]))
        return Hours(*(max(0.0, end - begun) / HOUR_S for end in ends))


@dataclass(frozen=True, slots=True)
class OwnLog:
    """What the instance's own log said: seconds it had run in all at one moment (epoch seconds)."""

    ran_s: float
    at: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What a GB of disk costs a month and an address an hour, where the thing is."""

    disk: float = DISK_PER_GB_MONTH
    address: float = ADDRESS_PER_HOUR


def runs(seen: Sequence[Sighting], now: float, *, exists: bool = True) -> list[Run]:
    """Return the runs that were seen, each with the range of its end (times in epoch seconds).

    A run is told by EC2's start time; all its sightings together tell how it ended. `exists` says
    whether EC2 still lists the instance; if not, a run last seen running ended nobody knows when.
    """
    found, each = [], [tuple(rows) for _, rows in groupby(seen, key=lambda one: one.started)]
    for rows, following in zip_longest(each, each[1:]):
        latest = following[0].started if following is not None else now
        end = _end_of_run(rows, latest, known=following is None and exists)
        found.append(Run(rows[0].started, end, rows[-1].price))
    return found


def _end_of_run(rows: Sequence[Sighting], latest: float, *, known: bool) -> Hours:
    """Return the earliest and the latest moment (epoch seconds) at which the run of these sightings ended.

    The date of a stop is exact. That of a termination is not: EC2 names its last change only, and the instance
    may have lain stopped before.
    """
    started, last = rows[0].started, rows[-1]
    if last.state in RUNNING:
        return Hours(latest if known else last.at, latest)
    for one in rows:
        if one.state in AT_REST and one.stopped is not None:
            return Hours(one.stopped, one.stopped)
    ran = max((one.at for one in rows if one.state in RUNNING), default=started)
    over = [one.at for one in rows if one.state not in RUNNING]
    most = max(started, min(over + [one.stopped for one in rows if one.state in GONE and one.stopped is not None]))
    return Hours(min(ran, most), most)


def running_hours(seen: Sequence[Sighting], now: float, *, exists: bool = True, own: OwnLog | None = None) -> Hours:
    """Return how long the instance ran in all: by its own log up to when that was read, by sightings from then on."""
    found = runs(seen, now, exists=exists)
    if own is None:
        return _sum(one.within(EVER) for one in found)
    before = _sum(one.within((EVER[0], own.at)) for one in found)
    after = _sum(one.within((own.at, EVER[1])) for one in found)
    known = min(max(own.ran_s / HOUR_S, before.low), before.high)
    return Hours(known + after.low, known + after.high)


def _sum(several: object) -> Hours:
    rows = list(several)  # type: ignore[call-overload]
    return Hours(sum(one.low for one in rows), sum(one.high for one in rows))


def cost_of(
    seen: Sequence[Sighting],
    now: float,
    *,
    exists: bool = True,
    prices: Prices | None = None,
    own: OwnLog | None = None,
) -> Cost:
    """Return the cost of one instance: hours at their price, its disk while it existed, its address."""
    first, last = seen[0], seen[-1]
    charged = prices or Prices()
    whole = _parts(seen, now, EVER, charged, exists=exists, own=own)
    day, month = (_total(_parts(seen, now, since, charged, exists=exists)) for since in _windows(now))
    hours = running_hours(seen, now, exists=exists, own=own)
    low, high = _total(whole)
    return Cost(
        name=last.name,
        what=f"{last.instance_type} in {last.region}, {last.state}",
        low=low,
        high=high,
        hours_running=round(hours.low, 3),
        per_month_at_rest=None if last.state in GONE else round((last.root_gb or 0) * charged.disk, 2),
        detail="" if last.price is not None else "price unknown",
        parts=whole,
        today=(min(day[0], low), min(day[1], high)),
        month=(min(month[0], low), min(month[1], high)),
        since=first.started,
    )


def _parts(
    seen: Sequence[Sighting],
    now: float,
    window: tuple[float, float],
    prices: Prices,
    *,
    exists: bool,
    own: OwnLog | None = None,
) -> tuple[CostPart, ...]:
    """Return what running, disk and address cost inside a window; the instance's own log speaks of all time only."""
    found = runs(seen, now, exists=exists)
    hours = [one.within(window) for one in found]
    rate = [one.price if one.price is not None else 0.0 for one in found]
    running = Hours(
        sum(one.low * price for one, price in zip(hours, rate, strict=True)),
        sum(one.high * price for one, price in zip(hours, rate, strict=True)),
    )
    total = _sum(hours)
    if own is not None and total.high > 0:
        known = running_hours(seen, now, exists=exists, own=own)
        least, most = (_scaled(running, total, one) for one in (known.low, known.high))
        running, total = Hours(least, most), known
    disk_h = _disk_hours(seen, now, window, exists=exists)
    gb = seen[-1].root_gb or 0
    return (
        _part("running", running, 1.0),
        _part("disk", disk_h, gb * prices.disk / MONTH_H),
        _part("address", total, prices.address),
    )


def _scaled(money: Hours, hours: Hours, known: float) -> float:
    """Return the money for `known` hours, between what the least and the most of them would cost."""
    if hours.high <= hours.low:
        return money.low
    share = (known - hours.low) / (hours.high - hours.low)
    return money.low + min(max(share, 0.0), 1.0) * (money.high - money.low)


def _disk_hours(seen: Sequence[Sighting], now: float, window: tuple[float, float], *, exists: bool) -> Hours:
    """Return for how long there was a disk: till now, or till the instance was seen to go, or nobody knows."""
    first, last = seen[0], seen[-1]
    ended = Hours(last.at, last.at) if last.state in GONE else Hours(now if exists else last.at, now)
    return Run(first.started, ended, None).within(window)


def _part(kind: CostKind, hours: Hours, rate: float) -> CostPart:
    return CostPart(kind, round(hours.low * rate, 4), round(hours.high * rate, 4))


def _total(parts: Sequence[CostPart]) -> tuple[float, float]:
    return round(sum(one.low for one in parts), 4), round(sum(one.high for one in parts), 4)


def _windows(now: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return today and this month up to now, by the calendar in UTC, as AWS bills."""
    at = datetime.fromtimestamp(now, UTC)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return (day.timestamp(), now), (day.replace(day=1).timestamp(), now)


def _resting(
    thing: tuple[str, str], kind: CostKind, since: float, now: float, month: float, *, at_most: bool = False
) -> Cost:
    """Return the cost of something that costs by the month as long as it is there."""
    windows = (EVER, *_windows(now))
    spent = [Run(since, Hours(now, now), None).within(one).high * month / MONTH_H for one in windows]
    whole, day, this_month = ((0.0 if at_most else round(one, 4), round(one, 4)) for one in spent)
    return Cost(
        name=thing[0],
        what=thing[1],
        low=whole[0],
        high=whole[1],
        per_month_at_rest=round(month, 2),
        detail="at most: a snapshot holds what is written only" if at_most else "",
        parts=(CostPart(kind, *whole),),
        today=day,
        month=this_month,
        since=since,
    )


# ── asking ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Lying:
    """What lies in one region and costs without running."""

    volumes: tuple[Volume, ...]
    images: tuple[Image, ...]
    prices: Prices
    snapshot: float | None


def cost(bench: Workbench) -> tuple[Cost, ...]:
    """Return what every instance seen from this machine, data volume and image has cost, the dearest first."""
    regions = regions_to_ask(bench)
    present = {one.instance_id for one in find(bench, regions=regions, include_terminated=True)}
    owner = bench.clouds.identity().owner
    answers = bench.clouds.each(regions, lambda cloud: _lying(cloud, owner))
    lying = {region: one for region, one in answers.items() if not isinstance(one, AwsGpuError)}
    found = [*_instances(bench, present, set(regions), lying)]
    for one in lying.values():
        found += _at_rest(one, bench.now())
    return tuple(sorted(found, key=lambda one: -one.high))


def _lying(cloud: Cloud, owner: str) -> _Lying:
    images = tuple(one for one in cloud.own_images() if one.owner in (None, owner))
    disk, address = cloud.disk_price(), cloud.address_price()
    prices = Prices(DISK_PER_GB_MONTH if disk is None else disk, ADDRESS_PER_HOUR if address is None else address)
    return _Lying(data_volumes(cloud, owner), images, prices, cloud.snapshot_price() if images else None)


def _instances(bench: Workbench, present: set[str], regions: set[str], lying: dict[str, _Lying]) -> list[Cost]:
    ledger, found = bench.records.ledger, []
    for instance_id in sorted({*ledger.instance_ids(), *present}):
        note_own_log(bench, instance_id)
        seen = ledger.sightings(instance_id)
        if not seen:
            continue
        exists = instance_id in present
        now = bench.now()
        if not exists and seen[-1].state not in GONE and seen[-1].region in regions:
            now = ledger.missed(instance_id, now)
        here = lying.get(seen[-1].region)
        own = ledger.own_log(instance_id)
        log = None if own is None else OwnLog(*own)
        found.append(cost_of(seen, now, exists=exists, prices=here.prices if here else None, own=log))
    return found


def note_own_log(bench: Workbench, instance_id: str) -> None:
    """Keep how long the instance said that it has run: the report it said that in goes with the instance."""
    report = bench.records.reports.read(instance_id) or {}
    try:
        at = datetime.fromisoformat(str(report.get("read_at"))).timestamp()
        ran = float(report["ran_s"])
    except (KeyError, TypeError, ValueError):
        return
    bench.records.ledger.note_own_log(instance_id, ran, at)


def _at_rest(here: _Lying, now: float) -> list[Cost]:
    found: list[Cost] = []
    for volume in here.volumes:
        if volume.created is not None and volume.per_month is not None:
            what = f"data volume, {volume.gb} GB in {volume.zone}"
            since = volume.created.timestamp()
            found.append(_resting((volume.name, what), "data", since, now, volume.per_month))
    for image in here.images:
        if image.created is not None and here.snapshot is not None:
            what = f"image, {image.root_gb} GB in {image.region}"
            since, month = image.created.timestamp(), here.snapshot * image.root_gb
            found.append(_resting((image.name, what), "image", since, now, month, at_most=True))
    return found
