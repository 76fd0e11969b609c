"""RunInstances, as strict as AWS: what it refuses, in which order, and that a ClientToken means one launch.

moto accepts any type, image, key and user data, ignores MaxCount and makes a second instance for
the same ClientToken. Error codes: EC2 API reference, "Error codes for the Amazon EC2 API".
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import capacity, limits, placement, spot
from jupyter_awsgpu.demo.aws.launch_checks import (
    checked_disks,
    checked_image,
    checked_type,
    checked_user_data,
    require_groups,
    require_key,
)
from jupyter_awsgpu.demo.aws.machine import Machine
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.operations import Call, operation
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.spot import Market
    from jupyter_awsgpu.demo.aws.world import World


@dataclass
class Launched:
    """What a ClientToken has led to."""

    digest: str
    reservation: Any


@operation("RunInstances")
def run_instances(call: Call) -> object:
    """Check, launch, boot."""
    least, most = _counts(call)
    token = call.get("ClientToken") or ""
    digest = _digest(call)
    earlier = _tokens(call.world, call.region).get(token) if token else None
    if earlier is not None:
        if earlier.digest != digest:
            raise Refusal(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )
        return earlier.reservation
    image = checked_image(call, call.get("ImageId"))
    itype = checked_type(call, image)
    require_key(call)
    user_data = checked_user_data(call.get("UserData"))
    subnet = placement.requested_subnet(call)
    require_groups(call, subnet)
    disks = checked_disks(call, image)
    market = spot.checked_market(call, itype)
    placement.require_offered(call, itype, placement.requested_zone(call, subnet))
    placement.require_placement_group(call, itype)
    call.end_dry_run()
    limits.require_plan(call, itype)
    count = limits.allowed_count(call, itype, least, most, spot=market is not None)
    zone, count = capacity.zone_for(call, itype, subnet, least, count)
    spot.require_price(call, market, itype, zone)
    reservation = _launch(call, count, zone, subnet, disks)
    if token:
        _tokens(call.world, call.region)[token] = Launched(digest, reservation)
    for instance in reservation.instances:
        _take_over(call, instance, image, user_data, market)
    return reservation


def _counts(call: Call) -> tuple[int, int]:
    least, most = int(call.get("MinCount", 1)), int(call.get("MaxCount", 1))
    if least < 1 or most < least:
        raise Refusal(
            "InvalidParameterValue" if least < 1 else "InvalidParameterCombination",
            f"Invalid value '{least}' for minCount: it must be at least 1 and not more than maxCount ({most}).",
        )
    return least, most


def _digest(call: Call) -> str:
    params = {name: value for name, value in dict(call.params).items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(params, sort_keys=True, default=str).encode()).hexdigest()


def _tokens(world: World, region: str) -> dict[str, Launched]:
    found: dict[str, Launched] = world.book(f"client tokens {region}", dict)
    return found


def _launch(call: Call, count: int, zone: str, subnet: Any, disks: list[dict[str, Any]]) -> Any:
    """Let moto make the instances, told exactly what to make."""
    subnet = subnet or placement.default_subnet(call, zone)
    call.params["MinCount"] = count
    call.params["BlockDeviceMappings"] = disks
    if not call.get("NetworkInterfaces"):
        call.params["SubnetId"] = subnet.id
        if not call.get("SecurityGroupIds") and not call.get("SecurityGroups"):
            call.params["SecurityGroupIds"] = [call.backend.get_default_security_group(subnet.vpc_id).id]
    reservation = call.moto()
    for instance in reservation.instances:
        instance.placement.group_name = call.get("Placement.GroupName") or ""
        instance.disable_api_termination = bool(call.get("DisableApiTermination", False))
        for nic in instance.nics.values():
            nic.public_ip = None  # AWS shows the address once the instance has it, not in the reply
            nic.delete_on_termination = True  # AWS's default for the interface RunInstances makes
            nic.add_tags(call.tags("network-interface"))
        for device in instance.block_device_mapping.values():
            device.delete_on_termination = bool(device.delete_on_termination)
    return reservation


def _take_over(call: Call, instance: Any, image: Any, user_data: bytes, market: Market | None) -> None:
    key = call.backend.key_pairs.get(call.get("KeyName") or "")
    machine = Machine(
        instance=instance,
        region=call.region,
        user_data=user_data,
        authorized_keys=(key.public_key.strip(),) if key else (),
        image_facts=image.facts,
        image_folder=image.image_folder,
    )
    if market is not None:
        earlier = call.backend.spot_instance_requests.get(getattr(instance, "spot_instance_request_id", None))
        machine.spot_request = earlier or spot.fulfil(call, market, instance)
        if market.kind == "persistent":
            machine.relaunch = lambda: _relaunch(call, machine, market)
    machines(call.world).add(machine)


def _relaunch(call: Call, before: Machine, market: Market) -> None:
    """Fulfil a persistent request again: whoever terminates its instance without cancelling it gets another."""
    if before.spot_request.state != "open":
        return
    call.params["MinCount"] = 1
    image = call.backend.amis.get(before.instance.image_id)
    if image is None:
        return
    for instance in call.moto().instances:
        request = before.spot_request
        request.instance, request.instance_id = instance, instance.id
        instance.lifecycle, instance.spot_instance_request_id = "spot", request.id
        _take_over(call, instance, image, before.user_data, market)


def decoded_user_data(instance: Any) -> bytes:
    """Return an instance's user data as the instance sees it."""
    return base64.b64decode(str(instance.user_data)) if instance.user_data else b""
