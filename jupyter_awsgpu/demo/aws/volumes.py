"""Volumes and snapshots: they take a moment, refuse what does not fit, and never shrink (moto: all at once)."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import ledger
from jupyter_awsgpu.demo.aws.instances import known
from jupyter_awsgpu.demo.aws.operations import Call, operation, replace
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.world import World

ATTACHABLE = ("running", "stopped")


def install(world: World) -> None:
    """Give moto's volumes and snapshots the states and figures that pass with time."""
    from moto.ec2.models.elastic_block_store import Snapshot, Volume, VolumeModification

    def status(volume: Any) -> str:
        if getattr(volume, "ready_at", 0.0) > time.time():
            return "creating"
        return "in-use" if volume.attachment else "available"

    def progress(snapshot: Any) -> str:
        begun, ready = getattr(snapshot, "begun_at", 0.0), getattr(snapshot, "ready_at", 0.0)
        if ready <= time.time() or snapshot.status == "completed":
            return "100%"
        return f"{int(100 * (time.time() - begun) / (ready - begun))}%"

    def modification_state(change: Any) -> str:
        passed = datetime.now(UTC).replace(tzinfo=None) - change.start_time.replace(tzinfo=None)
        return "modifying" if passed.total_seconds() < world.settings.volume_s else "completed"

    replace(Volume, "status", property(status))
    replace(Snapshot, "progress", property(progress))
    replace(VolumeModification, "modification_state", property(modification_state))
    replace(VolumeModification, "progress", property(lambda one: 100 if one.modification_state == "completed" else 40))


def snapshot_of(call: Call, volume: Any, description: str, image_id: str | None) -> Any:
    """Begin a snapshot of a volume as it is now; it completes after `image_s`."""
    snapshot = call.backend.create_snapshot(volume.id, description, from_ami=image_id)
    snapshot.add_tags(call.tags("snapshot"))
    return pending(call.world, snapshot)


def pending(world: World, snapshot: Any) -> Any:
    """Let a new snapshot take its time. What the volume becomes later does not change it."""
    snapshot.volume = copy.copy(snapshot.volume)
    snapshot.status = "pending"
    snapshot.begun_at = time.time()
    snapshot.ready_at = snapshot.begun_at + world.settings.image_s

    def complete() -> None:
        snapshot.status = "completed"

    world.later(world.settings.image_s, complete)
    return snapshot


@operation("CreateVolume")
def create_volume(call: Call) -> object:
    """Make a volume, available after a moment."""
    zone = call.get("AvailabilityZone")
    if zone not in [one.name for one in call.backend.describe_availability_zones()]:
        raise Refusal("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    snapshot = call.backend.snapshots.get(call.get("SnapshotId") or "")
    size = call.get("Size")
    if snapshot is not None and size is not None and int(size) < snapshot.volume.size:
        raise Refusal(
            "InvalidParameterValue", f"Volume of {size}GiB is smaller than the snapshot ({snapshot.volume.size}GiB)."
        )
    volume = call.moto()
    volume.ready_at = time.time() + call.world.settings.volume_s
    return volume


@operation("DescribeVolumes")
def describe_volumes(call: Call) -> object:
    """Check the ids as AWS does, then let moto list."""
    call.end_dry_run()
    for volume_id in call.get("VolumeIds", []):
        _existing(call, volume_id)
    return call.moto()


@operation("AttachVolume")
def attach_volume(call: Call) -> object:
    """Attach an available volume to an instance in its zone."""
    machine, volume = known(call, call.get("InstanceId")), _volume(call)
    device = call.get("Device")
    if machine.state not in ATTACHABLE:
        raise Refusal("IncorrectState", f"Instance '{machine.id}' is not 'running' or 'stopped'.")
    if volume.status == "creating":
        raise Refusal("IncorrectState", f"{volume.id} is not 'available'.")
    if volume.attachment:
        raise Refusal("VolumeInUse", f"{volume.id} is already attached to an instance")
    if volume.zone.name != machine.instance.placement.zone:
        raise Refusal(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance '{machine.id}'",
        )
    if device in machine.instance.block_device_mapping:
        raise Refusal(
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )
    return call.moto()


@operation("DetachVolume")
def detach_volume(call: Call) -> object:
    """Detach a volume; a running instance keeps its root."""
    volume = _volume(call)
    if volume.attachment is None:
        raise Refusal("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance = volume.attachment.instance
    if volume.attachment.device == instance.root_device_name and instance.state != "stopped":
        raise Refusal(
            "OperationNotPermitted", f"Unable to detach root volume '{volume.id}' from instance '{instance.id}'"
        )
    call.params["InstanceId"] = instance.id  # may be left out on AWS; moto needs it
    return call.moto()


@operation("ModifyVolume")
def modify_volume(call: Call) -> object:
    """Grow a volume or change its kind; it never shrinks."""
    volume, size = _volume(call), call.get("Size")
    if size is not None and int(size) < volume.size:
        raise Refusal("InvalidParameterValue", f"New size cannot be smaller than existing size: {volume.size} GiB")
    if volume.modifications and volume.modifications[-1].modification_state == "modifying":
        raise Refusal("IncorrectModificationState", f"The volume {volume.id} is being modified already.")
    answer = call.moto()
    if volume.attachment is not None and size is not None:
        device = volume.attachment.instance.block_device_mapping.get(volume.attachment.device)
        if device is not None:
            device.size = int(size)
    return answer


@operation("CreateSnapshot")
def create_snapshot(call: Call) -> object:
    """Begin a snapshot."""
    return pending(call.world, call.moto())


@operation("DescribeSnapshots")
def describe_snapshots(call: Call) -> object:
    """List snapshots, of these owners if asked (moto ignores OwnerIds)."""
    answer, owners = call.moto(), call.get("OwnerIds", [])
    wanted = {ACCOUNT if one == "self" else one for one in owners}
    rows = [one for one in answer["Snapshots"] if not wanted or one.owner_id in wanted]
    return {"Snapshots": rows}


@operation("DeleteVolume")
def delete_volume(call: Call) -> object:
    """Delete a volume nothing uses."""
    volume = _volume(call)
    if volume.attachment is not None:
        raise Refusal("VolumeInUse", f"Volume {volume.id} is currently attached to {volume.attachment.instance.id}")
    call.end_dry_run()
    ledger.close_volume(call.world, volume, call.region)
    return call.moto()


@operation("DeleteSnapshot")
def delete_snapshot(call: Call) -> object:
    """Delete a snapshot no image needs."""
    snapshot = call.backend.snapshots.get(call.get("SnapshotId") or "")
    if snapshot is None or snapshot.owner_id != ACCOUNT:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{call.get('SnapshotId')}' does not exist.")
    answer = call.moto()  # refuses one an image is made of: InvalidSnapshot.InUse
    ledger.close_snapshot(call.world, snapshot, call.region)
    return answer


def _volume(call: Call) -> Any:
    return _existing(call, call.get("VolumeId") or "")


def _existing(call: Call, volume_id: str) -> Any:
    volume = call.backend.volumes.get(volume_id)
    if volume is None:
        raise Refusal("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
    return volume
