"""Volumes and snapshots: they take a moment, refuse what does not fit, and never shrink (moto: all at once)."""

from __future__ import annotations

import copy
import shutil
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import ledger
from jupyter_awsgpu.demo.aws.instances import known
from jupyter_awsgpu.demo.aws.operations import Call, operation, replace
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.demo.aws.world import World

ATTACHABLE = ("running", "stopped")

UNDER_WAY = ("modifying", "optimizing")


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
        return "modifying" if _age_s(change) < world.settings.volume_s else "completed"

    replace(Volume, "status", property(status))
    replace(Snapshot, "progress", property(progress))
    replace(VolumeModification, "modification_state", property(modification_state))
    replace(VolumeModification, "progress", property(lambda one: 100 if one.modification_state == "completed" else 40))


def _age_s(change: Any) -> float:
    """Return how many seconds ago a volume was changed."""
    passed = datetime.now(UTC).replace(tzinfo=None) - change.start_time.replace(tzinfo=None)
    return float(passed.total_seconds())


def folder_of(world: World, volume_id: str) -> Path:
    """Return where the files of a data volume lie while no host has it."""
    return world.state_dir / "volumes" / volume_id


def _snapshot_folder(world: World, snapshot_id: str) -> Path:
    return world.state_dir / "snapshots" / snapshot_id


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
    """Make a volume, available after a moment; a ClientToken means one volume (moto: two)."""
    earlier: dict[str, Any] = call.world.book(f"volume tokens {call.region}", dict)
    token = call.get("ClientToken") or ""
    if token in earlier:
        if call.backend.volumes.get(earlier[token].id) is None:
            raise Refusal("IdempotentInstanceTerminated", "The volume of this client token has been deleted.")
        return earlier[token]
    zone = call.get("AvailabilityZone")
    if zone not in [one.name for one in call.backend.describe_availability_zones()]:
        raise Refusal("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    snapshot = call.backend.snapshots.get(call.get("SnapshotId") or "")
    size = call.get("Size")
    if snapshot is not None and size is not None and int(size) < snapshot.volume.size:
        raise Refusal(
            "InvalidParameterValue", f"Volume of {size}GiB is smaller than the snapshot ({snapshot.volume.size}GiB)."
        )
    if call.get("SnapshotId") and snapshot is None:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{call.get('SnapshotId')}' does not exist.")
    if snapshot is not None and snapshot.status != "completed":
        raise Refusal("IncorrectState", f"Snapshot '{snapshot.id}' is not 'completed'.")
    call.end_dry_run()
    volume = call.moto()
    volume.ready_at = time.time() + call.world.settings.volume_s
    if snapshot is not None and (kept := _snapshot_folder(call.world, snapshot.id)).is_dir():
        _copy(kept, folder_of(call.world, volume.id))
    if token:
        earlier[token] = volume
    return volume


def _copy(source: Path, target: Path) -> None:
    from jupyter_awsgpu.demo.hosts import volumes

    volumes.copy(source, target)


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
    call.end_dry_run()
    answer = call.moto()
    _give_to_host(call.world, volume, machine.id)
    return answer


def _give_to_host(world: World, volume: Any, instance_id: str) -> None:
    world.fleet.attach(world.state_dir / "hosts" / instance_id, folder_of(world, volume.id))


def take_from_host(world: World, volume_id: str, instance_id: str) -> None:
    """Take a volume's files away from the host that had them."""
    world.fleet.detach(world.state_dir / "hosts" / instance_id, folder_of(world, volume_id))


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
    asked = call.get("InstanceId")
    if asked and asked != instance.id:
        raise Refusal("InvalidAttachment.NotFound", f"Volume '{volume.id}' is not attached to instance '{asked}'.")
    call.end_dry_run()
    call.params["InstanceId"] = instance.id  # may be left out on AWS; moto needs it
    answer = call.moto()
    take_from_host(call.world, volume.id, instance.id)
    return answer


@operation("ModifyVolume")
def modify_volume(call: Call) -> object:
    """Grow a volume or change its kind; it never shrinks, and rests for hours between two changes."""
    volume, size = _volume(call), call.get("Size")
    if volume.status == "creating":
        raise Refusal("IncorrectState", f"The volume {volume.id} is not 'available' or 'in-use'.")
    if size is not None and int(size) < volume.size:
        raise Refusal("InvalidParameterValue", f"New size cannot be smaller than existing size: {volume.size} GiB")
    if volume.modifications and volume.modifications[-1].modification_state in UNDER_WAY:
        raise Refusal("IncorrectModificationState", f"The volume {volume.id} is being modified already.")
    if volume.modifications and _age_s(volume.modifications[-1]) < call.world.settings.modify_pause_s:
        raise Refusal(
            "VolumeModificationRateExceeded",
            "You've reached the maximum modification rate per volume limit. Wait at least 6 hours between "
            "modifications per EBS volume.",
        )
    call.end_dry_run()
    answer = call.moto()
    if volume.attachment is not None and size is not None:
        device = volume.attachment.instance.block_device_mapping.get(volume.attachment.device)
        if device is not None:
            device.size = int(size)
    return answer


@operation("DescribeVolumesModifications")
def describe_volumes_modifications(call: Call) -> object:
    """List changes; a volume that was never changed has none, which AWS calls an error."""
    for volume_id in call.get("VolumeIds", []):
        if not _existing(call, volume_id).modifications:
            raise Refusal("InvalidVolumeModification.NotFound", f"There is no modification of '{volume_id}'.")
    return call.moto()


@operation("CreateSnapshot")
def create_snapshot(call: Call) -> object:
    """Begin a snapshot."""
    volume = _volume(call)
    call.end_dry_run()
    snapshot = pending(call.world, call.moto())
    holder = volume.attachment.instance.id if volume.attachment else None
    found = call.world.fleet.files_of(folder_of(call.world, volume.id), holder)
    if found is not None:
        _copy(found, _snapshot_folder(call.world, snapshot.id))
    return snapshot


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
    shutil.rmtree(folder_of(call.world, volume.id), ignore_errors=True)
    return call.moto()


@operation("DeleteSnapshot")
def delete_snapshot(call: Call) -> object:
    """Delete a snapshot no image needs."""
    snapshot = call.backend.snapshots.get(call.get("SnapshotId") or "")
    if snapshot is None or snapshot.owner_id != ACCOUNT:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{call.get('SnapshotId')}' does not exist.")
    answer = call.moto()  # refuses one an image is made of: InvalidSnapshot.InUse
    ledger.close_snapshot(call.world, snapshot, call.region)
    shutil.rmtree(_snapshot_folder(call.world, snapshot.id), ignore_errors=True)
    return answer


def _volume(call: Call) -> Any:
    return _existing(call, call.get("VolumeId") or "")


def _existing(call: Call, volume_id: str) -> Any:
    volume = call.backend.volumes.get(volume_id)
    if volume is None:
        raise Refusal("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
    return volume
