"""The RunInstances request: plain data, made once, journaled, and sent byte for byte. No AWS call here."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from jupyter_awsgpu.cloud import tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jupyter_awsgpu.model import Image, Price, Wishes

Request = dict[str, Any]
Market = Literal["on-demand", "spot"]
ByPrice = Callable[["Price | None"], tuple[dict[str, str], bytes]]
"""What of a request hangs on the price of an hour: tags, and the user data."""

TAGGED = ("instance", "volume", "network-interface")
SPOT_REQUEST = "spot-instances-request"


def launch_request(
    *,
    wishes: Wishes,
    image: Image,
    zone: str | None,
    key_name: str,
    group_ids: Sequence[str],
    user_data: bytes,
    client_token: str,
    has: Mapping[str, str],
    placement_group: str | None = None,
) -> Request:
    """Return the parameters of RunInstances, JSON-able; user data as base64 text.

    All machines of a cluster or none: EC2 launches nothing where it has fewer than MinCount to give.

    Metadata version 2 with one hop, an encrypted gp3 root that goes with the instance, tags on everything.
    """
    size = max(wishes.disk_gb or 0, image.root_gb)
    request: Request = {
        "ImageId": image.image_id,
        "InstanceType": wishes.instance_type,
        "MinCount": wishes.nodes,
        "MaxCount": wishes.nodes,
        "KeyName": key_name,
        "ClientToken": client_token,
        "UserData": base64.b64encode(user_data).decode("ascii"),
        "InstanceInitiatedShutdownBehavior": wishes.on_idle,
        "MetadataOptions": {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
            "InstanceMetadataTags": "enabled",
        },
        "BlockDeviceMappings": [_root_disk(image.root_device, size)],
        "TagSpecifications": tags.specification(TAGGED, {**has, tags.DISK: str(size)}),
        **_network(wishes.subnet, group_ids),
        **_profile(wishes.instance_profile),
        **({"Placement": {"GroupName": placement_group}} if placement_group else {}),
    }
    market: Market = "on-demand" if wishes.spot == "no" else "spot"
    if market == "spot":
        request["InstanceMarketOptions"] = _spot(wishes.max_price)
        _tag_spot_request(request)  # DryRun is asked with this very request, and a policy may want the tags
    return in_zone(request, zone, market=market, client_token=client_token) if zone else request


def in_zone(
    request: Request,
    zone: str | None,
    *,
    market: Market,
    client_token: str,
    price: Price | None = None,
    by_price: ByPrice | None = None,
) -> Request:
    """Return a copy of the request for one zone and market, with a token of its own.

    `price` becomes the tag of what the hour costs, where zone or market make it another than the request's;
    what limits the money spent is then `by_price`, too.
    """
    asked = copy.deepcopy(request)
    asked["ClientToken"] = client_token
    if zone is not None and "NetworkInterfaces" not in asked:  # a subnet is in one zone already
        asked["Placement"] = {**asked.get("Placement", {}), "AvailabilityZone": zone}
    options = asked.pop("InstanceMarketOptions", None)
    if market == "on-demand":
        asked["TagSpecifications"] = [one for one in asked["TagSpecifications"] if one["ResourceType"] != SPOT_REQUEST]
    else:
        asked["InstanceMarketOptions"] = options or _spot(None)
        asked["InstanceInitiatedShutdownBehavior"] = "terminate"  # a one-time spot instance cannot be stopped
        _tag_spot_request(asked)
    if price is not None:
        _set_tag(asked, tags.PRICE, f"{price.per_hour:g} {price.currency}")
    if price is not None and by_price is not None:
        counted, data = by_price(price)
        asked["UserData"] = base64.b64encode(data).decode("ascii")
        for key, value in counted.items():
            _set_tag(asked, key, value)
    return asked


def _root_disk(device: str, size_gb: int) -> dict[str, Any]:
    disk = {"VolumeSize": size_gb, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    return {"DeviceName": device, "Ebs": disk}


def _network(subnet: str | None, group_ids: Sequence[str]) -> Request:
    """Return the network part: a named subnet needs an interface that asks for an address, the default gives one."""
    if subnet is None:
        return {"SecurityGroupIds": list(group_ids)}
    interface = {
        "DeviceIndex": 0,
        "SubnetId": subnet,
        "Groups": list(group_ids),
        "AssociatePublicIpAddress": True,
        "DeleteOnTermination": True,
    }
    return {"NetworkInterfaces": [interface]}


def _profile(profile: str | None) -> Request:
    if profile is None:
        return {}
    return {"IamInstanceProfile": {"Arn" if profile.startswith("arn:") else "Name": profile}}


def _spot(max_price: float | None) -> dict[str, Any]:
    options: dict[str, Any] = {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"}
    if max_price is not None:
        options["MaxPrice"] = f"{max_price:.4f}"
    return {"MarketType": "spot", "SpotOptions": options}


def _tag_spot_request(request: Request) -> None:
    kinds = [one["ResourceType"] for one in request["TagSpecifications"]]
    if SPOT_REQUEST not in kinds:
        has = copy.deepcopy(request["TagSpecifications"][0]["Tags"])
        request["TagSpecifications"].append({"ResourceType": SPOT_REQUEST, "Tags": has})


def _set_tag(request: Request, key: str, value: str) -> None:
    for specification in request["TagSpecifications"]:
        others = [tag for tag in specification["Tags"] if tag["Key"] != key]
        specification["Tags"] = [*others, {"Key": key, "Value": value}]


def without_access(request: Mapping[str, Any]) -> Request:
    """Return the request as it can be asked about (DryRun) before its key pair and group exist."""
    asked = {key: value for key, value in request.items() if key not in ("KeyName", "SecurityGroupIds", "ClientToken")}
    for interface in copy.deepcopy(asked.pop("NetworkInterfaces", [])):
        interface.pop("Groups", None)
        asked.setdefault("NetworkInterfaces", []).append(interface)
    return asked


def as_sent(request: Mapping[str, Any]) -> Request:
    """Return the request as boto3 takes it: it encodes user data itself."""
    sent = dict(request)
    if isinstance(sent.get("UserData"), str):
        sent["UserData"] = base64.b64decode(sent["UserData"])
    return sent
