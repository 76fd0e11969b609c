"""How many instances a zone has room for: a test or a tutorial says it, RunInstances and StartInstances meet it.

A launch takes place in one zone and gives between MinCount and MaxCount instances, or none (EC2 API
reference, RunInstances). Two taps: a zone's fault (`faults`) refuses whatever is asked of it; a zone's
room (`POST capacity`) holds so many instances of a type that are pending or running, and no more.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import offerings, placement
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_awsgpu.demo.aws.faults import Fault
    from jupyter_awsgpu.demo.aws.machine import Machine
    from jupyter_awsgpu.demo.aws.operations import Call
    from jupyter_awsgpu.demo.aws.world import World

HOLDING = ("pending", "running")
"""States in which an instance takes a place; a stopped one has given it back."""

Rooms = dict[tuple[str | None, str], int]
"""(zone, or None for each one; instance type) → how many of the type it holds."""


def set_room(world: World, itype: str, room: int | None, zone: str | None = None) -> None:
    """Say how many instances of a type a zone (None: each zone) holds; `room` None makes it endless again.

    Raises `ValueError` for a type that does not exist or a negative number.
    """
    if offerings.facts(itype) is None:
        raise ValueError(f"there is no instance type {itype!r}")
    if room is None:
        _rooms(world).pop((zone, itype), None)
    elif room < 0:
        raise ValueError("a zone cannot have room for less than none")
    else:
        _rooms(world)[zone, itype] = room


def _rooms(world: World) -> Rooms:
    found: Rooms = world.book("room in zones", dict)
    return found


def _left(call: Call, itype: str, zone: str) -> float:
    """Return how many more of the type the zone takes."""
    rooms = _rooms(call.world)
    room = rooms.get((zone, itype), rooms.get((None, itype)))
    if room is None:
        return float("inf")
    holding = [one.instance for one in machines(call.world).all(call.region) if one.state in HOLDING]
    return room - len([one for one in holding if one.instance_type == itype and one.placement.zone == zone])


def zone_for(call: Call, itype: str, subnet: Any, least: int, most: int) -> tuple[str, int]:
    """Return the zone asked for, or the first that has room for `least`, and how many of `most` it gives.

    Raises the fault of the zone asked for; without one, that of the last zone tried.
    """
    asked = placement.requested_zone(call, subnet)
    fault = None
    for zone in [asked] if asked else placement.usable_zones(call, itype):
        fault = _fault(call, "RunInstances", itype, zone)
        if fault is not None:
            continue
        left = _left(call, itype, zone)
        if left >= least:
            return zone, int(min(left, most))
    raise _refusal(fault, call.region, itype, asked)


def require_places(call: Call, starting: Iterable[Machine]) -> None:
    """Refuse to start stopped instances where a zone cannot take all of its own (StartInstances can fail so, too)."""
    wanted = Counter((one.instance.instance_type, str(one.instance.placement.zone)) for one in starting)
    for (itype, zone), count in wanted.items():
        fault = _fault(call, "StartInstances", itype, zone)
        if fault is not None or _left(call, itype, zone) < count:
            raise _refusal(fault, call.region, itype, zone)


def _fault(call: Call, name: str, itype: str, zone: str) -> Fault | None:
    found = call.world.faults.take(name, service="ec2", region=call.region, zone=zone, instance_type=itype)
    return found if found is not None and found.code else None


def _refusal(fault: Fault | None, region: str, itype: str, asked: str | None) -> Refusal:
    if fault is None or fault.code is None:
        return Refusal("InsufficientInstanceCapacity", _no_capacity(region, itype, asked), 500)
    return Refusal(fault.code, fault.message or _no_capacity(region, itype, asked), fault.http_status)


def _no_capacity(region: str, itype: str, asked: str | None) -> str:
    if asked is None:
        return f"There is no Spot or On-Demand capacity available for {itype} in {region} at this time."
    others = [zone for zone in offerings.zones_offering(region, itype) if zone != asked]
    return (
        f"We currently do not have sufficient {itype} capacity in the Availability Zone you requested ({asked}). Our "
        f"system will be working on provisioning additional capacity. You can currently get {itype} capacity by not "
        f"specifying an Availability Zone in your request or choosing {', '.join(others)}."
    )
