"""What outlives an instance: images with their snapshots, and volumes. Made with our tags, removed only with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.place import filters, until
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsGpuError, ImageNotFound, OtherOwner
from jupyter_awsgpu.model import Volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_awsgpu.cloud.place import Place

RELEASED_WITHIN_S = 120.0
"""Seconds a snapshot or volume may stay held by what was removed a moment ago."""


# ── images ───────────────────────────────────────────────────────────────────────────────────


def create_image(
    place: Place,
    instance_id: str,
    name: str,
    has: Mapping[str, str],
    without: Iterable[str] = (),
    *,
    reboot: bool = True,
) -> str:
    """Ask EC2 for an image of the instance and return its id; image and snapshots carry the tags.

    `without` names devices that stay out of it: a data volume has a life, and a price, of its own. EC2
    reboots an instance that runs, so that its disk is whole, unless `reboot` is false.
    """
    left_out = [{"DeviceName": device, "NoDevice": ""} for device in without]
    more: dict[str, Any] = {"BlockDeviceMappings": left_out} if left_out else {}
    with refusals(region=place.region, instance_id=instance_id):
        answer = place.ec2.create_image(
            InstanceId=instance_id,
            Name=name,
            Description=f"jupyter-awsgpu: {name}",
            NoReboot=not reboot,
            TagSpecifications=tags.specification(("image", "snapshot"), has),
            **more,
        )
    return str(answer["ImageId"])


def image_progress(place: Place, image_id: str) -> tuple[str, float]:
    """Return an image's state in EC2's word, and how much of its snapshots is copied (0 to 1)."""
    found = _image(place, image_id)
    if found["State"] == "available":
        return "available", 1.0
    snapshot_ids = _snapshots_of(found)
    if not snapshot_ids:
        return str(found["State"]), 0.0
    with refusals(region=place.region):
        rows = place.ec2.describe_snapshots(SnapshotIds=snapshot_ids)["Snapshots"]
    parts = [float(str(row.get("Progress") or "0").rstrip("%") or 0) / 100 for row in rows]
    return str(found["State"]), sum(parts) / len(parts) if parts else 0.0


def copy_image(
    place: Place,
    image_id: str,
    from_region: str,
    name: str,
    has: Mapping[str, str],
    *,
    client_token: str | None = None,
) -> str:
    """Copy an image from another region to here and return the copy's id; the same token again returns the same."""
    more = {"ClientToken": client_token} if client_token else {}
    with refusals(region=from_region, image=image_id):
        answer = place.ec2.copy_image(
            SourceImageId=image_id,
            SourceRegion=from_region,
            Name=name,
            Encrypted=True,
            TagSpecifications=tags.specification(("image", "snapshot"), has),
            **more,
        )
    return str(answer["ImageId"])


def delete_image(place: Place, image_id: str) -> None:
    """Remove an image of ours and its snapshots. Raises `ImageNotFound`, `OtherOwner` without our tags."""
    found = _image(place, image_id)
    _require_ours(found, image_id)
    with refusals(region=place.region, image=image_id):
        place.ec2.deregister_image(ImageId=image_id)
    for snapshot_id in _snapshots_of(found):
        delete_snapshot(place, snapshot_id)


def _image(place: Place, image_id: str) -> dict[str, Any]:
    with refusals(region=place.region, image=image_id):
        found = place.ec2.describe_images(ImageIds=[image_id])["Images"]
    if not found:
        raise ImageNotFound(image=image_id, region=place.region)
    return dict(found[0])


def _snapshots_of(image: Mapping[str, Any]) -> list[str]:
    disks = (one.get("Ebs", {}) for one in image.get("BlockDeviceMappings", ()))
    return [disk["SnapshotId"] for disk in disks if disk.get("SnapshotId")]


def _require_ours(resource: Mapping[str, Any], name: str) -> None:
    if not tags.ours(resource):
        raise OtherOwner(name=name, owner="somebody else (it does not carry our tags)")


# ── snapshots ────────────────────────────────────────────────────────────────────────────────


def snapshot_volume(place: Place, volume_id: str, has: Mapping[str, str]) -> str:
    """Ask EC2 for a snapshot of the volume and return its id."""
    with refusals(region=place.region):
        answer = place.ec2.create_snapshot(
            VolumeId=volume_id,
            Description=f"jupyter-awsgpu: {has.get(tags.NAME, volume_id)}",
            TagSpecifications=tags.specification(("snapshot",), has),
        )
    return str(answer["SnapshotId"])


def snapshot_progress(place: Place, snapshot_id: str) -> tuple[str, float]:
    """Return a snapshot's state in EC2's word, and how much of it is copied (0 to 1)."""
    with refusals(region=place.region):
        row = place.ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]
    return str(row["State"]), float(str(row.get("Progress") or "0").rstrip("%") or 0) / 100


def snapshots_of(place: Place, owner: str, volume_id: str) -> tuple[str, ...]:
    """Return the owner's snapshots on the way from a volume to its copy in another zone."""
    wanted = filters(tag_key=tags.SCHEMA, **{f"tag:{tags.OWNER}": owner, f"tag:{tags.COPY_OF}": volume_id})
    pages = place.pages(place.ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=wanted)
    return tuple(str(one["SnapshotId"]) for one in pages)


def delete_snapshot(place: Place, snapshot_id: str) -> None:
    """Remove a snapshot, waiting while an image that is going still holds it."""
    _released(place, "delete_snapshot", ("InvalidSnapshot.InUse",), "InvalidSnapshot.NotFound", SnapshotId=snapshot_id)


# ── volumes ──────────────────────────────────────────────────────────────────────────────────


def volumes(place: Place, owner: str, name: str | None = None) -> tuple[Volume, ...]:
    """Return the owner's volumes: root disks, and data volumes (those that outlive their instance)."""
    wanted = filters(tag_key=tags.SCHEMA, **{f"tag:{tags.OWNER}": owner})
    if name is not None:
        wanted += filters(**{f"tag:{tags.NAME}": name})
    pages = place.pages(place.ec2, "describe_volumes", "Volumes", Filters=wanted)
    return tuple(_volume(place, one) for one in pages)


def _volume(place: Place, answer: Mapping[str, Any]) -> Volume:
    attached = next((one["InstanceId"] for one in answer.get("Attachments", ()) if one.get("InstanceId")), None)
    has = tags.read(answer)
    return Volume(
        volume_id=str(answer["VolumeId"]),
        name=has.get(tags.NAME, str(answer["VolumeId"])),
        gb=int(answer["Size"]),
        zone=str(answer["AvailabilityZone"]),
        state=str(answer["State"]),
        instance_id=attached,
        purpose="data" if has.get(tags.PURPOSE) == "data" else "root",
        created=answer.get("CreateTime"),
        copy_of=has.get(tags.COPY_OF),
        region=place.region,
    )


def create_volume(
    place: Place,
    zone: str,
    gb: int,
    has: Mapping[str, str],
    *,
    snapshot_id: str | None = None,
    client_token: str | None = None,
) -> str:
    """Make an encrypted gp3 volume, empty or from a snapshot, and return its id.

    The same `client_token` again returns the same volume, as long as it is asked for in the same words.
    """
    more = {"SnapshotId": snapshot_id} if snapshot_id else {}
    more |= {"ClientToken": client_token} if client_token else {}
    with refusals(region=place.region, zone=zone):
        answer = place.ec2.create_volume(
            AvailabilityZone=zone,
            Size=gb,
            VolumeType="gp3",
            Encrypted=True,
            TagSpecifications=tags.specification(("volume",), has),
            **more,
        )
    return str(answer["VolumeId"])


def attach_volume(place: Place, volume_id: str, instance_id: str, device: str) -> None:
    """Attach a volume, waiting while it is still being made or detached elsewhere."""
    held = ("IncorrectState", "VolumeInUse")
    _released(place, "attach_volume", held, "", VolumeId=volume_id, InstanceId=instance_id, Device=device)


def volume_state(place: Place, volume_id: str) -> Volume:
    """Return a volume as EC2 has it at this moment."""
    with refusals(region=place.region):
        return _volume(place, place.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0])


def grow_volume(place: Place, volume_id: str, gb: int) -> None:
    """Make a volume larger; its file system grows apart from it. Raises `DiskChangedLately`."""
    with refusals(region=place.region, volume=volume_id):
        place.ec2.modify_volume(VolumeId=volume_id, Size=gb)


def growing(place: Place, volume_id: str) -> str | None:
    """Return how far the last change of a volume is, in EC2's word; None where there never was one."""
    try:
        with refusals(region=place.region):
            found = place.ec2.describe_volumes_modifications(VolumeIds=[volume_id])["VolumesModifications"]
    except AwsGpuError as exc:
        if exc.facts.get("aws_code") == "InvalidVolumeModification.NotFound":
            return None
        raise
    return str(found[-1]["ModificationState"]) if found else None


def delete_volume(place: Place, volume_id: str) -> None:
    """Remove a volume, waiting while an instance that is going still holds it."""
    _released(place, "delete_volume", ("VolumeInUse",), "InvalidVolume.NotFound", VolumeId=volume_id)


def _released(place: Place, operation: str, held: Iterable[str], gone: str, **parameters: Any) -> None:
    """Make a call, again while something still holds the resource; `gone` means that nothing is left to do."""
    refusal: list[AwsGpuError] = []

    def again(_left: float) -> bool:
        try:
            with refusals(region=place.region):
                getattr(place.ec2, operation)(**parameters)
        except AwsGpuError as exc:
            code = str(exc.facts.get("aws_code"))
            if code == gone:
                return True
            if code not in held:
                raise
            refusal[:] = [exc]
            return False
        return True

    if not until(RELEASED_WITHIN_S, again):
        raise refusal[0]
