"""What everything costs now and has cost so far: the measure cleanup and cost are tested against.

Instances bill by the second while `running`, at least a minute a start (EC2 on-demand pricing);
volumes, snapshots and public addresses from their creation to their end. GB-months of 730 hours.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.catalogue import ADDRESS_HOUR, GP3_GB_MONTH, HOURS_A_MONTH, SNAPSHOT_GB_MONTH, price
from jupyter_awsgpu.demo.aws.machine import tags_of
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.machine import Machine
    from jupyter_awsgpu.demo.aws.world import World

MINIMUM_S = 60.0
CLOSED = "ledger of the gone"


def rows(world: World, region: str | None = None) -> list[dict[str, Any]]:
    """Return one row a resource: kind, id, region, state, billing, per_hour, cost, tags."""
    from moto.ec2.models import ec2_backends

    found = [row for machine in machines(world).all() for row in machine_rows(machine)]
    for name, backend in list(ec2_backends[ACCOUNT].items()):
        found += [_volume(one, name) for one in backend.volumes.values()]
        found += [_snapshot(one, name) for one in backend.snapshots.values() if one.owner_id == ACCOUNT]
        found += [_image(one, name) for one in backend.amis.values() if one.owner_id == ACCOUNT]
        found += [_address(one, name) for one in backend.addresses]
    found += _closed(world)
    return [row for row in found if region in (None, row["region"])]


def close(world: World, row: dict[str, Any]) -> None:
    """Keep the last row of something that is being deleted."""
    _closed(world).append({**row, "billing": False, "per_hour": 0.0, "state": "deleted"})


def _closed(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.book(CLOSED, list)
    return found


def close_volume(world: World, volume: Any, region: str) -> None:
    """Keep the last row of a volume that is being deleted."""
    close(world, _volume(volume, region))


def close_snapshot(world: World, snapshot: Any, region: str) -> None:
    """Keep the last row of a snapshot that is being deleted."""
    close(world, _snapshot(snapshot, region))


def machine_rows(machine: Machine) -> list[dict[str, Any]]:
    """Return the rows of a machine and of its public address."""
    per_hour = machine_price(machine) or 0.0
    running = [*machine.history, (time.time(), "now")]
    spans = [after - at for (at, state), (after, _) in pairwise(running) if state == "running"]
    cost = sum(max(MINIMUM_S, span) for span in spans) * per_hour / 3600
    on = machine.state == "running"
    tags = tags_of(machine.instance)
    rows_ = [_row("instance", machine.id, machine.region, machine.state, on, per_hour, cost, tags)]
    if on and machine.instance.public_ip:
        address = sum(spans) / 3600 * ADDRESS_HOUR
        rows_.append(
            _row("address", machine.instance.public_ip, machine.region, "in-use", on, ADDRESS_HOUR, address, tags)
        )
    return rows_


def machine_price(machine: Machine) -> float | None:
    """Return what a machine costs an hour while it runs."""
    if machine.spot_request is not None:
        return float(machine.spot_request.actual_price)
    return price(machine.instance.instance_type, machine.region)


def _volume(volume: Any, region: str) -> dict[str, Any]:
    per_hour = volume.size * GP3_GB_MONTH / HOURS_A_MONTH
    cost = _hours_since(volume.create_time) * per_hour
    return _row("volume", volume.id, region, volume.status, True, per_hour, cost, tags_of(volume), gb=volume.size)


def _snapshot(snapshot: Any, region: str) -> dict[str, Any]:
    per_hour = snapshot.volume.size * SNAPSHOT_GB_MONTH / HOURS_A_MONTH
    cost = _hours_since(snapshot.start_time) * per_hour
    gb = snapshot.volume.size
    return _row("snapshot", snapshot.id, region, snapshot.status, True, per_hour, cost, tags_of(snapshot), gb=gb)


def _image(image: Any, region: str) -> dict[str, Any]:
    """Show an image: itself free; its snapshots are what costs."""
    return _row("image", image.id, region, image.state, False, 0.0, 0.0, tags_of(image))


def _address(address: Any, region: str) -> dict[str, Any]:
    state = "in-use" if address.association_id else "idle"
    return _row("address", address.public_ip, region, state, True, ADDRESS_HOUR, 0.0, tags_of(address))


def _hours_since(moment: datetime) -> float:
    return (datetime.now(UTC).replace(tzinfo=None) - moment.replace(tzinfo=None)).total_seconds() / 3600


def _row(  # noqa: PLR0917 - one row, in the order of its columns
    kind: str,
    name: str,
    region: str,
    state: str,
    billing: bool,
    per_hour: float,
    cost: float,
    tags: dict[str, str],
    **more: Any,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": name,
        "region": region,
        "state": state,
        "billing": billing,
        "per_hour": round(per_hour, 8) if billing else 0.0,
        "cost": round(cost, 8),
        "tags": tags,
        **more,
    }
