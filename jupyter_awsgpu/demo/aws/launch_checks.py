"""The parameter checks of RunInstances: image, type, key, user data, groups, disks."""

from __future__ import annotations

import base64
import binascii
import copy
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import offerings
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.operations import Call

USER_DATA_LIMIT = 16384
"""Bytes of user data before base64 (EC2 user guide, "Instance user data")."""

LARGEST_GP3_GB = 65536


def checked_image(call: Call, image_id: str | None) -> Any:
    """Return the image, if this account may launch it here now."""
    if not image_id:
        raise Refusal("MissingParameter", "The request must contain the parameter ImageId")
    if not image_id.startswith("ami-"):
        raise Refusal("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    image = call.backend.amis.get(image_id)
    if image is None:
        raise Refusal("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    if image.owner_id != ACCOUNT and not image.is_public:
        raise Refusal("AuthFailure", f"Not authorized for images: [{image_id}]", 403)
    if image.state != "available":
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available ({image.state})")
    return image


def checked_type(call: Call, image: Any) -> str:
    """Return the instance type, if it exists, the region offers it, and the image's architecture fits."""
    name = str(call.get("InstanceType") or "m1.small")
    facts = offerings.facts(name)
    if facts is None:
        raise Refusal("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    if name not in offerings.offered(call.region):
        raise Refusal(
            "Unsupported",
            "The requested configuration is currently not supported. Please check the documentation for supported "
            "configurations.",
        )
    architectures = facts["ProcessorInfo"]["SupportedArchitectures"]
    if image.architecture not in architectures:
        raise Refusal(
            "InvalidParameterValue",
            f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching architectures, and try again.",
        )
    return name


def require_key(call: Call) -> None:
    """Refuse a key pair that is not here."""
    name = call.get("KeyName")
    if name and name not in call.backend.key_pairs:
        raise Refusal("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def checked_user_data(encoded: Any) -> bytes:
    """Return the raw user data, if it is base64 of at most 16 KB."""
    if not encoded:
        return b""
    try:
        raw = base64.b64decode(str(encoded), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Refusal("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from exc
    if len(raw) > USER_DATA_LIMIT:
        raise Refusal("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")
    return raw


def require_groups(call: Call, subnet: Any) -> None:
    """Refuse security groups that are not here, or in another network than the subnet."""
    wanted = list(call.get("SecurityGroupIds", []))
    for nic in call.get("NetworkInterfaces", []):
        wanted += nic.get("Groups", [])
    for group_id in wanted:
        if not str(group_id).startswith("sg-"):
            raise Refusal("InvalidGroupId.Malformed", f'Invalid id: "{group_id}" (expecting "sg-...")')
        group = call.backend.get_security_group_from_id(group_id)
        if group is None:
            raise Refusal("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        vpc = subnet.vpc_id if subnet is not None else getattr(call.backend.default_vpc, "id", None)
        if vpc and group.vpc_id != vpc:
            where = f"subnet {subnet.id}" if subnet is not None else f"the default VPC {vpc}"
            raise Refusal("InvalidParameter", f"Security group {group_id} and {where} belong to different networks.")


def checked_disks(call: Call, image: Any) -> list[dict[str, Any]]:
    """Return the block devices of the launch: the image's, changed by the request's, sizes checked."""
    disks = {one["DeviceName"]: copy.deepcopy(one) for one in image.block_device_mappings}
    for wish in call.get("BlockDeviceMappings", []):
        name = wish["DeviceName"]
        if wish.get("NoDevice") == "":
            disks.pop(name, None)
            continue
        before = disks.get(name, {"DeviceName": name, "Ebs": {"DeleteOnTermination": False}})
        wished = {key: value for key, value in wish.get("Ebs", {}).items() if value is not None}
        disks[name] = {"DeviceName": name, "Ebs": {**before["Ebs"], **wished}}
    for disk in disks.values():
        _check_disk(call, disk["Ebs"])
    return list(disks.values())


def _check_disk(call: Call, ebs: dict[str, Any]) -> None:
    snapshot = call.backend.snapshots.get(ebs.get("SnapshotId") or "")
    if ebs.get("SnapshotId") and snapshot is None:
        raise Refusal("InvalidSnapshot.NotFound", f"The snapshot '{ebs['SnapshotId']}' does not exist.")
    if ebs.get("VolumeSize") is None:
        if snapshot is None:
            raise Refusal("MissingParameter", "The request must contain the parameter size or snapshotId")
        ebs["VolumeSize"] = snapshot.volume.size
    size = int(ebs["VolumeSize"])
    if snapshot is not None and size < snapshot.volume.size:
        raise Refusal(
            "InvalidBlockDeviceMapping",
            f"Volume of size {size}GB is smaller than snapshot '{snapshot.id}', "
            f"expect size >= {snapshot.volume.size}GB",
        )
    if not 1 <= size <= LARGEST_GP3_GB:
        raise Refusal("InvalidParameterValue", f"Volume of {size}GiB is outside 1 to {LARGEST_GP3_GB} GiB.")
    ebs.setdefault("VolumeType", "gp2")
