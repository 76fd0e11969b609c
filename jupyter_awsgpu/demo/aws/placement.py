"""Where a launch lands: subnets, zones, placement groups. How much a zone has to give is `capacity`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import offerings
from jupyter_awsgpu.demo.aws.operations import operation
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.operations import Call

STRATEGIES = ("cluster", "spread", "partition")


def requested_subnet(call: Call) -> Any:
    """Return the subnet the request names, or None."""
    nics = call.get("NetworkInterfaces", [])
    wanted = call.get("SubnetId") or next((nic["SubnetId"] for nic in nics if nic.get("SubnetId")), None)
    if wanted is None:
        return None
    for subnets in call.backend.subnets.values():
        if wanted in subnets:
            return subnets[wanted]
    raise Refusal("InvalidSubnetID.NotFound", f"The subnet ID '{wanted}' does not exist")


def requested_zone(call: Call, subnet: Any) -> str | None:
    """Return the zone the request names, by itself or by its subnet."""
    zone = call.get("Placement.AvailabilityZone")
    if zone and zone not in _zones(call):
        raise Refusal("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
    if zone and subnet is not None and subnet.availability_zone != zone:
        raise Refusal(
            "InvalidParameterValue",
            f"The availability zone '{zone}' does not match the subnet's, '{subnet.availability_zone}'.",
        )
    return zone or (str(subnet.availability_zone) if subnet is not None else None)


def require_offered(call: Call, itype: str, zone: str | None) -> None:
    """Refuse a zone that does not offer the type, naming those that do."""
    offering = offerings.zones_offering(call.region, itype)
    if zone is not None and zone not in offering:
        raise Refusal(
            "Unsupported",
            f"Your requested instance type ({itype}) is not supported in your requested Availability Zone ({zone}). "
            f"Please retry your request by not specifying an Availability Zone or choosing {', '.join(offering)}.",
        )


def usable_zones(call: Call, itype: str) -> list[str]:
    """Return the zones that offer the type and have a subnet of the default VPC."""
    found = [zone for zone in offerings.zones_offering(call.region, itype) if _usable(call, zone)]
    if not found:
        default_subnet(call, "any")  # says what is missing: the default VPC, or its subnets
    return found


def _usable(call: Call, zone: str) -> bool:
    return zone in _zones(call) and default_subnet(call, zone, required=False) is not None


def default_subnet(call: Call, zone: str, *, required: bool = True) -> Any:
    """Return the default VPC's subnet in a zone."""
    vpc = call.backend.default_vpc
    if vpc is None and required:
        raise Refusal("VPCIdNotSpecified", "No default VPC for this user. GroupName is only supported for EC2-Classic.")
    for subnets in call.backend.subnets.values():
        for subnet in subnets.values():
            if (
                vpc is not None
                and subnet.vpc_id == vpc.id
                and subnet.availability_zone == zone
                and subnet.default_for_az
            ):
                return subnet
    if required:
        raise Refusal("MissingInput", f"No subnets found for the default VPC '{vpc.id}'. Please specify a subnet.", 400)
    return None


def _zones(call: Call) -> list[str]:
    return [zone.name for zone in call.backend.describe_availability_zones()]


# ── placement groups (moto has none) ─────────────────────────────────────────────────────────


def _groups(call: Call) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = call.world.book(f"placement groups {call.region}", dict)
    return found


def require_placement_group(call: Call, itype: str) -> None:
    """Refuse a placement group that is not here, or whose strategy the type lacks (unconfirmed: the wording)."""
    name = call.get("Placement.GroupName")
    if not name:
        return
    if name not in _groups(call):
        raise Refusal("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    strategy = _groups(call)[name]["Strategy"]
    if strategy not in (offerings.facts(itype) or {}).get("PlacementGroupInfo", {}).get("SupportedStrategies", ()):
        raise Refusal(
            "InvalidParameterCombination",
            f"{strategy.capitalize()} placement groups are not supported by the '{itype}' instance type. Specify a "
            "supported instance type or change the placement group strategy, and try again.",
        )


@operation("CreatePlacementGroup")
def create_placement_group(call: Call) -> object:
    """Make a placement group."""
    call.end_dry_run()
    name, strategy = call.get("GroupName"), call.get("Strategy") or "cluster"
    if strategy not in STRATEGIES:
        raise Refusal("InvalidParameterValue", f"Value ({strategy}) for parameter strategy is invalid.")
    if name in _groups(call):
        raise Refusal("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
    group_id = "pg-" + secrets.token_hex(8) + "0"
    call.backend.tags[name].update(call.tags("placement-group"))  # moto's own book of tags, where permissions look
    _groups(call)[name] = {
        "GroupName": name,
        "GroupId": group_id,
        "State": "available",
        "Strategy": strategy,
        "GroupArn": f"arn:aws:ec2:{call.region}:{ACCOUNT}:placement-group/{name}",
        "Tags": [{"Key": key, "Value": value} for key, value in call.tags("placement-group").items()],
    }
    return {"PlacementGroup": _groups(call)[name]}


@operation("DescribePlacementGroups")
def describe_placement_groups(call: Call) -> object:
    """List placement groups by name and by filter."""
    call.end_dry_run()
    names, filters = call.get("GroupNames", []), call.filters()
    unknown = [name for name in names if name not in _groups(call)]
    if unknown:
        raise Refusal("InvalidPlacementGroup.Unknown", f"The Placement Group '{unknown[0]}' is unknown.")
    rows = [row for row in _groups(call).values() if not names or row["GroupName"] in names]
    return {"PlacementGroups": [row for row in rows if all(_passes(row, *one) for one in filters.items())]}


def _passes(row: dict[str, Any], name: str, values: list[str]) -> bool:
    if name == "tag-key":
        return any(tag["Key"] in values for tag in row["Tags"])
    if name.startswith("tag:"):
        return any(tag["Key"] == name[4:] and tag["Value"] in values for tag in row["Tags"])
    return row.get({"group-name": "GroupName", "state": "State", "strategy": "Strategy"}.get(name, "")) in values


@operation("DeletePlacementGroup")
def delete_placement_group(call: Call) -> object:
    """Delete a placement group nothing runs in."""
    from jupyter_awsgpu.demo.aws.machines import machines

    call.end_dry_run()
    name = call.get("GroupName")
    if name not in _groups(call):
        raise Refusal("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    inside = [one for one in machines(call.world).all(call.region) if one.instance.placement.group_name == name]
    if any(one.state != "terminated" for one in inside):
        raise Refusal("InvalidPlacementGroup.InUse", f"The placement group {name} is in use and may not be deleted.")
    call.backend.tags.pop(name, None)
    del _groups(call)[name]
    return None
