"""Instances as EC2 describes them: finding ours, looking at one. boto3's dictionaries end here."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue, tags
from jupyter_awsgpu.cloud.place import filters
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import InstanceGone
from jupyter_awsgpu.model import DATA_DEVICE, Gpu, Instance, InstanceState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_awsgpu.cloud.place import Place

KNOWN_WITHIN_S = 30.0
"""EC2 may not know a new instance everywhere for some seconds (EC2 guide, eventual consistency)."""

LOOK_AGAIN_S = 0.5


def instances(
    place: Place,
    *,
    owner: str | None = None,
    name: str | tuple[str, ...] | None = None,
    launch_id: str | None = None,
    instance_ids: tuple[str, ...] = (),
    client_token: str | None = None,
    include_terminated: bool = False,
) -> tuple[Instance, ...]:
    """Return the instances that carry our tags, narrowed by what is given; without `owner`, everybody's."""
    wanted = filters(tag_key=tags.SCHEMA)
    for key, value in ((tags.OWNER, owner), (tags.NAME, name), (tags.LAUNCH, launch_id)):
        if value is not None:
            wanted += filters(**{f"tag:{key}": value})
    if instance_ids:
        wanted += filters(instance_id=instance_ids)
    if client_token is not None:
        wanted += filters(client_token=client_token)
    if not include_terminated:
        wanted += filters(instance_state_name=tuple(state.value for state in InstanceState if state.alive))
    pages = place.pages(place.ec2, "describe_instances", "Reservations", Filters=wanted)
    found = [described(one, place) for reservation in pages for one in reservation["Instances"]]
    return tuple(sorted(found, key=lambda one: (one.name, one.node, one.launched_at, one.instance_id)))


def look(place: Place, instance_id: str) -> Instance:
    """Return the instance as EC2 has it at this moment, ended ones too. Raises `InstanceGone` if unknown."""
    return look_at(place, (instance_id,))[0]


def look_at(place: Place, instance_ids: Sequence[str]) -> tuple[Instance, ...]:
    """Return the instances as EC2 has them at this moment, in the order asked, by one question.

    Raises `InstanceGone` where it does not know one of them.
    """
    with refusals(region=place.region, instance_id=", ".join(instance_ids)):
        pages = place.pages(place.ec2, "describe_instances", "Reservations", InstanceIds=list(instance_ids))
        rows = [one for reservation in pages for one in reservation["Instances"]]
    found = {one.instance_id: one for one in (described(row, place) for row in rows)}
    for instance_id in instance_ids:
        if instance_id not in found:
            raise InstanceGone(name=instance_id, why="AWS does not know it")
    return tuple(found[instance_id] for instance_id in instance_ids)


def instance(place: Place, instance_id: str) -> Instance:
    """Return a living instance; one that EC2 does not know yet is asked for again for half a minute.

    Raises `InstanceGone` where it has ended.
    """
    found = _when_known(place, instance_id, time.monotonic() + KNOWN_WITHIN_S)
    if found.state is InstanceState.TERMINATED:
        raise InstanceGone(name=found.name, why=found.state_reason or "it was terminated")
    return found


def _when_known(place: Place, instance_id: str, deadline: float) -> Instance:
    while True:
        try:
            return look(place, instance_id)
        except InstanceGone:
            if time.monotonic() + LOOK_AGAIN_S > deadline:
                raise
        time.sleep(LOOK_AGAIN_S)


def described(answer: Mapping[str, Any], place: Place) -> Instance:
    """Return the value of one instance of DescribeInstances or RunInstances."""
    has = tags.read(answer)
    price, _, currency = has.get(tags.PRICE, "").partition(" ")
    reason = str(answer.get("StateReason", {}).get("Message") or answer.get("StateTransitionReason") or "")
    disk = has.get(tags.DISK, "")
    return Instance(
        name=has.get(tags.NAME, str(answer["InstanceId"])),
        instance_id=str(answer["InstanceId"]),
        instance_type=str(answer["InstanceType"]),
        state=InstanceState(answer["State"]["Name"]),
        region=place.region,
        zone=str(answer.get("Placement", {}).get("AvailabilityZone", "")),
        launch_id=has.get(tags.LAUNCH, ""),
        owner=has.get(tags.OWNER, ""),
        image_id=str(answer.get("ImageId", "")),
        launched_at=answer.get("LaunchTime") or datetime.now(UTC),
        ssh_user=has.get(tags.USER, "ubuntu"),
        image_wish=has.get(tags.IMAGE, ""),
        ssh_port=int(has[tags.SSH_PORT]) if has.get(tags.SSH_PORT, "").isdigit() else place.ssh_port,
        key_name=answer.get("KeyName"),
        public_address=answer.get("PublicIpAddress") or None,
        private_address=answer.get("PrivateIpAddress") or None,
        security_groups=tuple(group["GroupId"] for group in answer.get("SecurityGroups", ())),
        volume_ids=tuple(
            one["Ebs"]["VolumeId"]
            for one in answer.get("BlockDeviceMappings", ())
            if one.get("Ebs", {}).get("VolumeId")
        ),
        root_gb=int(disk) if disk.isdigit() else None,
        spot=answer.get("InstanceLifecycle") == "spot",
        gpu=_gpu(str(answer["InstanceType"])),
        price_per_hour=_number(price),
        currency=currency or "USD",
        state_reason=reason or None,
        stopped_at=stopped_at(str(answer.get("StateTransitionReason") or "")),
        tags=tuple(sorted(has.items())),
        data_volume_id=next(
            (
                str(one["Ebs"]["VolumeId"])
                for one in answer.get("BlockDeviceMappings", ())
                if one.get("DeviceName") == DATA_DEVICE and not one.get("Ebs", {}).get("DeleteOnTermination", True)
            ),
            None,
        ),
        **_membership(has, int(answer.get("AmiLaunchIndex") or 0)),
    )


def _membership(has: Mapping[str, str], launch_index: int) -> dict[str, Any]:
    """Return an instance's part in a cluster: its number is its place in the launch, or what its tag says."""
    if tags.ENGINE not in has:
        return {"cluster_id": has.get(tags.LAUNCH, "")}
    node, nodes = has.get(tags.NODE, ""), has.get(tags.NODES, "")
    return {
        "engine": has[tags.ENGINE],
        "nodes": int(nodes) if nodes.isdigit() else 1,
        "node": int(node) if node.isdigit() else launch_index,
        "cluster_id": has.get(tags.CLUSTER) or has.get(tags.LAUNCH, ""),
        "launch_index": launch_index,
    }


def _gpu(type_name: str) -> Gpu | None:
    known = catalogue.instance_type(type_name)
    return known.gpu if known else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def stopped_at(reason: str) -> datetime | None:
    """Return the moment that EC2's transition reason names.

    >>> stopped_at("User initiated (2026-11-20 08:15:02 GMT)")
    datetime.datetime(2026, 11, 20, 8, 15, 2, tzinfo=datetime.timezone.utc)
    """
    found = re.search(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)", reason)
    return datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None
