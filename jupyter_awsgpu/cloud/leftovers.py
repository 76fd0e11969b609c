"""What of an owner's is left in a region: what each costs a month, why we take it for ours, and its removal."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import instances, keys, lifecycle, network, prices, schedules, storage, tags
from jupyter_awsgpu.cloud.place import filters
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsError, OtherOwner, PermissionDenied
from jupyter_awsgpu.model import ADOPTED, InstanceState, Leftover

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jupyter_awsgpu.cloud.place import Place
    from jupyter_awsgpu.model import Instance, LeftoverKind

HOURS_A_MONTH = 730.0
"""What AWS itself counts as a month in its price examples."""


def leftovers(place: Place, owner: str) -> tuple[Leftover, ...]:
    """Return everything of the owner's in the region that costs or clutters. Read-only.

    Key pairs and groups count only while no living instance uses them. An adopted instance and its
    volumes were never ours to remove: they are left out.
    """
    living = instances.instances(place, owner=owner)
    images = _images(place, owner)
    return (
        *(_instance(place, one) for one in living if not one.adopted),
        *_volumes(place, owner, living),
        *images.values(),
        *_snapshots(
            place,
            owner,
            {snapshot for one in images.values() for snapshot in one.detail.split() if snapshot.startswith("snap-")},
        ),
        *_addresses(place, owner),
        *_key_pairs(place, owner, living),
        *_groups(place, owner, living),
        *_placement_groups(place, owner, living),
        *_schedules(place, owner, living),
    )


def _left(  # noqa: PLR0917 - the columns of one table
    place: Place, kind: LeftoverKind, identifier: str, resource: Mapping[str, Any], cost: float | None, detail: str
) -> Leftover:
    name = tags.read(resource).get(tags.NAME) or tags.read(resource).get("Name", "")
    month = None if cost is None else round(cost, 2)
    return Leftover(kind, identifier, name, place.region, month, detail, tags.evidence(resource))


def _owned(owner: str) -> list[dict[str, Any]]:
    return filters(tag_key=tags.SCHEMA, **{f"tag:{tags.OWNER}": owner})


def _per_gb(price: float | None, gb: float) -> float | None:
    return None if price is None else price * gb


def _instance(place: Place, one: Instance) -> Leftover:
    """Count the instance's own hours and address; its disk is in the list by itself."""
    cost: float | None = 0.0
    if one.state.bills:
        hour = one.price_per_hour
        address = prices.address_price(place) or 0.0
        cost = None if hour is None else (hour + (address if one.public_address else 0.0)) * HOURS_A_MONTH
    has = dict(one.tags)
    resource = {"Tags": tags.written(has)}
    return _left(place, "instance", one.instance_id, resource, cost, f"{one.instance_type}, {one.state.value}")


def _volumes(place: Place, owner: str, living: Iterable[Instance]) -> list[Leftover]:
    names = {volume: one.name for one in living for volume in one.volume_ids}
    theirs = {volume for one in living if one.adopted for volume in one.volume_ids}
    pages = place.pages(place.ec2, "describe_volumes", "Volumes", Filters=_owned(owner))
    rows = [one for one in pages if one["VolumeId"] not in theirs]
    price = prices.disk_price(place) if rows else None  # asked only where there is something to pay for
    found = []
    for one in rows:
        holder = names.get(one["VolumeId"])
        detail = f"{one['Size']} GB in {one['AvailabilityZone']}, " + (
            f"of {holder}" if holder else "attached to nothing"
        )
        kind: LeftoverKind = "data volume" if tags.read(one).get(tags.PURPOSE) == "data" else "volume"
        found.append(_left(place, kind, one["VolumeId"], one, _per_gb(price, one["Size"]), detail))
    return found


def _images(place: Place, owner: str) -> dict[str, Leftover]:
    price = prices.snapshot_price(place)
    with refusals(region=place.region):
        rows = place.ec2.describe_images(Owners=["self"], Filters=_owned(owner))["Images"]
    found = {}
    for one in rows:
        disks = [disk["Ebs"] for disk in one.get("BlockDeviceMappings", ()) if disk.get("Ebs", {}).get("SnapshotId")]
        gb = sum(int(disk.get("VolumeSize") or 0) for disk in disks)
        detail = " ".join([f"{gb} GB at most, in", *(disk["SnapshotId"] for disk in disks)])
        found[one["ImageId"]] = _left(place, "image", one["ImageId"], one, _per_gb(price, gb), detail)
    return found


def _snapshots(place: Place, owner: str, of_images: set[str]) -> list[Leftover]:
    """Snapshots that no image of ours holds; those of images are counted, and go, with them."""
    price = prices.snapshot_price(place)
    rows = place.pages(place.ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=_owned(owner))
    return [
        _left(
            place,
            "snapshot",
            one["SnapshotId"],
            one,
            _per_gb(price, one["VolumeSize"]),
            f"{one['VolumeSize']} GB at most",
        )
        for one in rows
        if one["SnapshotId"] not in of_images
    ]


def _addresses(place: Place, owner: str) -> list[Leftover]:
    hour = prices.address_price(place)
    with refusals(region=place.region):
        rows = place.ec2.describe_addresses(Filters=_owned(owner))["Addresses"]
    cost = None if hour is None else hour * HOURS_A_MONTH
    return [_left(place, "address", one["AllocationId"], one, cost, str(one.get("PublicIp", ""))) for one in rows]


def _key_pairs(place: Place, owner: str, living: Iterable[Instance]) -> list[Leftover]:
    used = {one.key_name for one in living}
    with refusals(region=place.region):
        rows = place.ec2.describe_key_pairs(Filters=_owned(owner))["KeyPairs"]
    return [
        _left(place, "key pair", one["KeyName"], one, 0.0, "used by no instance")
        for one in rows
        if one["KeyName"] not in used
    ]


def _groups(place: Place, owner: str, living: Iterable[Instance]) -> list[Leftover]:
    used = {group for one in living for group in one.security_groups}
    with refusals(region=place.region):
        rows = place.ec2.describe_security_groups(Filters=_owned(owner))["SecurityGroups"]
    return [
        _left(place, "security group", one["GroupId"], one, 0.0, "used by no instance")
        for one in rows
        if one["GroupId"] not in used
    ]


def _placement_groups(place: Place, owner: str, living: Iterable[Instance]) -> list[Leftover]:
    """Return placement groups without a cluster; who may not look at such groups has made none."""
    used = {one.cluster_id for one in living}
    with suppress(PermissionDenied, AwsError), refusals(region=place.region):
        rows = place.ec2.describe_placement_groups(Filters=_owned(owner))["PlacementGroups"]
        return [
            _left(place, "placement group", one["GroupName"], one, 0.0, "no machine is in it")
            for one in rows
            if not any(one["GroupName"].endswith(cluster_id) for cluster_id in used if cluster_id)
        ]
    return []


def _schedules(place: Place, owner: str, living: Iterable[Instance]) -> list[Leftover]:
    """Return schedules whose instance is gone or stopped; who may not look at schedules has made none."""
    group = schedules.group_of(owner)
    armed = {one.pin_id for one in living if one.state.bills}
    with suppress(PermissionDenied, AwsError):
        return [
            Leftover("schedule", f"{group}/{name}", name, place.region, 0.0, "ends nothing any more", f"group={group}")
            for name in schedules.names(place, group)
            if name not in armed
        ]
    return []


# ── removal ──────────────────────────────────────────────────────────────────────────────────


def remove(place: Place, one: Leftover) -> None:
    """Remove one leftover for good, once AWS says again that it carries our tags; what is gone already is fine.

    Raises `OtherOwner` where the tags are not ours, and what AWS refuses.
    """
    if one.kind == "schedule":
        group, _, name = one.id.partition("/")
        schedules.require_ours(place, group)
        schedules.remove(place, group, name)
        return
    _require_ours(place, one)
    removers: dict[str, Callable[[Place, str], None]] = {
        "instance": _terminate_and_wait,
        "volume": storage.delete_volume,
        "data volume": storage.delete_volume,
        "snapshot": storage.delete_snapshot,
        "image": storage.delete_image,
        "address": _release_address,
        "key pair": keys.delete_key_pair,
        "placement group": network.delete_placement_group,
        "security group": network.delete_security_group,
    }
    removers[one.kind](place, one.id)


_DESCRIBED = {
    "instance": ("describe_instances", "Reservations", "instance-id"),
    "volume": ("describe_volumes", "Volumes", "volume-id"),
    "data volume": ("describe_volumes", "Volumes", "volume-id"),
    "snapshot": ("describe_snapshots", "Snapshots", "snapshot-id"),
    "image": ("describe_images", "Images", "image-id"),
    "address": ("describe_addresses", "Addresses", "allocation-id"),
    "key pair": ("describe_key_pairs", "KeyPairs", "key-name"),
    "placement group": ("describe_placement_groups", "PlacementGroups", "group-name"),
    "security group": ("describe_security_groups", "SecurityGroups", "group-id"),
}


def _require_ours(place: Place, one: Leftover) -> None:
    operation, result, field = _DESCRIBED[one.kind]
    with refusals(region=place.region):
        rows = getattr(place.ec2, operation)(Filters=filters(**{field: one.id}))[result]
    for row in rows:
        for resource in row.get("Instances", (row,)):
            if not tags.ours(resource) or ADOPTED in tags.read(resource):
                raise OtherOwner(name=one.name or one.id, owner="somebody else (its tags say that we did not make it)")


def _terminate_and_wait(place: Place, instance_id: str) -> None:
    lifecycle.terminate(place, instance_id)
    lifecycle.wait_for(place, instance_id, {InstanceState.TERMINATED}, timeout_s=600.0)


def _release_address(place: Place, allocation_id: str) -> None:
    with refusals(region=place.region):
        place.ec2.release_address(AllocationId=allocation_id)
