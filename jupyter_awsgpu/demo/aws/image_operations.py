"""Images of one's own: made from an instance, copied, deregistered, as AWS does it and as long as it takes.

moto: an image is there at once, always of 15 GB, and a name may be used twice.
"""

from __future__ import annotations

import logging
import shutil
import threading
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import ledger
from jupyter_awsgpu.demo.aws.image_store import dress, know
from jupyter_awsgpu.demo.aws.instances import known
from jupyter_awsgpu.demo.aws.operations import Call, operation, store
from jupyter_awsgpu.demo.aws.volumes import snapshot_of
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.demo.aws.machine import Machine
    from jupyter_awsgpu.demo.aws.world import World

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 3, 128
"""Letters of an image's name (CreateImage in the EC2 API reference)."""


@operation("CreateImage")
def create_image(call: Call) -> object:
    """Make an image of an instance: pending, with a snapshot of each of its volumes."""
    machine = known(call, call.get("InstanceId"))
    name = _fresh_name(call)
    if machine.state not in ("running", "stopped"):
        raise Refusal(
            "IncorrectState", f"The instance '{machine.id}' is {machine.state}: it must be running or stopped."
        )
    call.end_dry_run()
    image = _new_image(call, name, machine.instance.root_device_name, instance=machine.instance)
    know(image, machine.image_facts)
    _replace_snapshots(call, image, machine)
    _copy_disk(call.world, image, machine, reboot=machine.state == "running" and not call.get("NoReboot", False))
    return {"ImageId": image.id}


def _fresh_name(call: Call) -> str:
    name = str(call.get("Name") or "")
    if not SHORTEST <= len(name) <= LONGEST:
        raise Refusal("InvalidAMIName.Malformed", f"AMI names must be between {SHORTEST} and {LONGEST} characters long")
    for image in call.backend.amis.values():
        if image.name == name and image.owner_id == ACCOUNT:
            raise Refusal("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {image.id}")
    return name


def _new_image(call: Call, name: str, root_device: str, **origin: Any) -> Any:
    """Make a pending image; `origin` is the `instance` it is made of or the `source_ami` it copies."""
    from moto.ec2.models.amis import Ami
    from moto.ec2.utils import random_ami_id

    image = Ami(
        call.backend,
        random_ami_id(),
        name=name,
        description=call.get("Description", ""),
        virtualization_type="hvm",
        root_device_type="ebs",
        root_device_name=root_device,
        region_name=call.region + "a",
        image_location=f"{ACCOUNT}/{name}",
        state="pending",
        tags=call.tags("image"),
        **origin,
    )
    call.backend.amis[image.id] = image
    return dress(image, 8, {})


def _replace_snapshots(call: Call, image: Any, machine: Machine) -> None:
    """Give the image a snapshot of each true volume instead of moto's made-up one."""
    call.backend.snapshots.pop(image.ebs_snapshot.id, None)
    description = f"Created by CreateImage({machine.id}) for {image.id}"
    image.mappings = []
    left_out = [one["DeviceName"] for one in call.get("BlockDeviceMappings", []) if one.get("NoDevice") is not None]
    for device, block in machine.instance.block_device_mapping.items():
        if device in left_out:
            continue
        volume = call.backend.get_volume(block.volume_id)
        snapshot = snapshot_of(call, volume, description, image.id)
        if device == image.root_device_name:
            image.ebs_snapshot = snapshot
        else:
            image.mappings.append({"DeviceName": device, "Ebs": _mapping(snapshot, block.delete_on_termination)})


def _mapping(snapshot: Any, goes: Any) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot.id,
        "VolumeSize": snapshot.volume.size,
        "DeleteOnTermination": bool(goes),
        "VolumeType": snapshot.volume.volume_type,
        "Encrypted": bool(snapshot.encrypted),
    }


def _copy_disk(world: World, image: Any, machine: Machine, *, reboot: bool) -> None:
    """Copy the host's disk into the image's folder; without NoReboot the instance reboots, as on AWS."""
    folder = world.state_dir / "images" / image.id

    def copy_disk() -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with machine.host_lock:
            world.fleet.make_image(world.state_dir / "hosts" / machine.id, folder)
            if reboot:
                world.fleet.reboot(machine.id)

    _finish(world, image, copy_disk, folder)


def _finish(world: World, image: Any, copy_disk: Callable[[], None], folder: Path) -> None:
    """Do the copying aside; the image is available when that and `image_s` are over."""

    def become(state: str) -> None:
        image.state = state
        image.image_folder = folder if folder.is_dir() else None

    def work() -> None:
        try:
            copy_disk()
        except Exception:
            log.exception("the disk of %s could not be copied", image.id)  # AWS shows such an image as failed
            world.later(world.settings.image_s, lambda: become("failed"))
            return
        world.later(world.settings.image_s, lambda: become("available"))

    threading.Thread(target=work, name=f"image {image.id}", daemon=True).start()


@operation("CopyImage")
def copy_image(call: Call) -> object:
    """Copy an image into this region: a new id, new snapshots, no tags unless asked; once for a ClientToken."""
    earlier: dict[str, str] = call.world.book(f"image tokens {call.region}", dict)
    token = call.get("ClientToken") or ""
    if earlier.get(token) in call.backend.amis:
        return {"ImageId": earlier[token]}
    source = store(call.get("SourceRegion")).amis.get(call.get("SourceImageId") or "")
    if source is None or (source.owner_id != ACCOUNT and not source.is_public):
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{call.get('SourceImageId')}]' does not exist")
    if source.state != "available":
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{source.id}' is not available ({source.state})")
    name = _fresh_name(call)
    call.end_dry_run()
    image = _new_image(call, name, source.root_device_name, source_ami=source)
    know(image, source.facts)
    call.backend.snapshots.pop(image.ebs_snapshot.id, None)
    image.ebs_snapshot = _copied_snapshot(call, source.ebs_snapshot, source, image)
    image.mappings = [_copied_mapping(call, one, source, image) for one in source.mappings or []]
    if call.get("CopyImageTags", False):
        image.add_tags({tag["key"]: tag["value"] for tag in source.get_tags()})
    folder = call.world.state_dir / "images" / image.id

    def copy_disk() -> None:
        if source.image_folder is not None:
            from jupyter_awsgpu.demo.hosts import images

            folder.mkdir(parents=True)
            images.copy_disk(source.image_folder, folder)  # with its owners: the user's files stay the user's

    _finish(call.world, image, copy_disk, folder)
    if token:
        earlier[token] = image.id
    return {"ImageId": image.id}


def _copied_snapshot(call: Call, before: Any, source: Any, image: Any) -> Any:
    from moto.ec2.models.elastic_block_store import Snapshot
    from moto.ec2.utils import random_snapshot_id

    from jupyter_awsgpu.demo.aws.volumes import pending

    text = f"Copied for DestinationAmi {image.id} from SourceAmi {source.id} for SourceSnapshot {before.id}."
    encrypted = bool(before.encrypted) or bool(call.get("Encrypted", False))
    snapshot = Snapshot(call.backend, random_snapshot_id(), before.volume, text, encrypted=encrypted, from_ami=image.id)
    call.backend.snapshots[snapshot.id] = snapshot
    snapshot.add_tags(call.tags("snapshot"))
    return pending(call.world, snapshot)


def _copied_mapping(call: Call, mapping: dict[str, Any], source: Any, image: Any) -> dict[str, Any]:
    before = store(call.get("SourceRegion")).snapshots[mapping["Ebs"]["SnapshotId"]]
    snapshot = _copied_snapshot(call, before, source, image)
    return {"DeviceName": mapping["DeviceName"], "Ebs": _mapping(snapshot, mapping["Ebs"]["DeleteOnTermination"])}


@operation("DeregisterImage")
def deregister_image(call: Call) -> object:
    """Forget an image of one's own; its snapshots stay and cost on, unless their deletion is asked for."""
    image = call.backend.amis.get(call.get("ImageId") or "")
    if image is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{call.get('ImageId')}]' does not exist")
    if image.owner_id != ACCOUNT:
        raise Refusal("AuthFailure", f"Not authorized for image:{image.id}", 403)
    call.end_dry_run()
    del call.backend.amis[image.id]
    if image.image_folder is not None:
        shutil.rmtree(image.image_folder, ignore_errors=True)
    snapshots = [image.ebs_snapshot.id, *(one["Ebs"]["SnapshotId"] for one in image.mappings or [])]
    if not call.get("DeleteAssociatedSnapshots", False):
        return {"Return": True}
    gone = [one for one in snapshots if one in call.backend.snapshots]
    for one in gone:
        ledger.close_snapshot(call.world, call.backend.snapshots[one], call.region)
        call.backend.delete_snapshot(one)
    return {"Return": True, "DeleteSnapshotResults": [{"SnapshotId": one, "ReturnCode": "success"} for one in gone]}


@operation("DescribeImages")
def describe_images(call: Call) -> object:
    """List images this account may see (moto also shows other accounts' private ones)."""
    call.end_dry_run()
    for image_id in call.get("ImageIds", []):
        image = call.backend.amis.get(image_id)
        if image is not None and image.owner_id != ACCOUNT and not image.is_public:
            raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    rows = call.moto()["Images"]
    return {"Images": [one for one in rows if one.owner_id == ACCOUNT or one.is_public]}
