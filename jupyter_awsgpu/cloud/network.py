"""Networks: the default VPC, and the owner's security group with one rule set for each client.

A rule's description says which client (data folder) it belongs to: a laptop that roams replaces its own
rules and no other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.place import filters, until
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsRefused, GroupMissing, NoDefaultVpc, NoSubnet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_awsgpu.cloud.place import Place

Rule = tuple[str, int]
"""A block that may reach a TCP port: (CIDR, port)."""


def default_vpc(place: Place) -> str:
    """Return the id of the account's default VPC. Raises `NoDefaultVpc`."""
    with refusals(region=place.region):
        found = place.ec2.describe_vpcs(Filters=filters(is_default="true"))["Vpcs"]
    if not found:
        raise NoDefaultVpc(region=place.region)
    return str(found[0]["VpcId"])


def usual_vpc(place: Place, account: str) -> str:
    """Return the default VPC, remembered a day for the account. Raises `NoDefaultVpc`."""
    return place.remembered(_default_vpc_fact(account), lambda: default_vpc(place))


@dataclass(frozen=True, slots=True)
class Subnet:
    """Where a named subnet is."""

    subnet_id: str
    vpc_id: str
    zone: str


def subnet(place: Place, subnet_id: str) -> Subnet:
    """Return a subnet that has an address left. Raises `NoSubnet`."""
    with refusals(region=place.region, subnet=subnet_id):
        found = place.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"]
    if not found:
        raise NoSubnet(subnet=subnet_id, why=f"it is not in {place.region}")
    if found[0].get("AvailableIpAddressCount", 1) < 1:
        raise NoSubnet(subnet=subnet_id, why="it has no address left")
    return Subnet(subnet_id, str(found[0]["VpcId"]), str(found[0]["AvailabilityZone"]))


def require_group(place: Place, group_id: str, vpc_id: str) -> None:
    """Raise `GroupMissing` unless the group exists, in the VPC."""
    with refusals(region=place.region, group=group_id):
        found = place.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    if not found or found[0].get("VpcId") != vpc_id:
        raise GroupMissing(group=f"{group_id} of {vpc_id}", region=place.region)


def ensure_security_group(
    place: Place,
    name: str,
    has: Mapping[str, str],
    *,
    vpc_id: str | None,
    allow_from: tuple[str, ...],
    client_id: str,
    ssh_port: int,
) -> str:
    """Return the id of the owner's group, made if it is missing, with this client's rules and no staler ones.

    One call where all is right already. Raises `NoDefaultVpc` where no VPC is named and none is default.
    """
    with parallel(2) as pool:
        owner = has.get(tags.OWNER, "")
        groups = pool.submit(place.foreseen, f"groups/{owner}/{name}", lambda: _owners_groups(place, name, owner))
        vpc = vpc_id or usual_vpc(place, _account(has))
        group = next((one for one in groups.result() if one.get("VpcId") == vpc), None)
    if group is None:
        group = _created(place, name, has, vpc) if vpc_id else _created_in_default(place, name, has, vpc)
    _align(place, group, allow_from, client_id, ssh_port)
    return str(group["GroupId"])


def _account(has: Mapping[str, str]) -> str:
    return has.get(tags.OWNER, "").partition("/")[0]


def _default_vpc_fact(account: str) -> str:
    return f"default vpc/{account}"


def _created_in_default(place: Place, name: str, has: Mapping[str, str], remembered: str) -> dict[str, Any]:
    """Make the group in the default VPC; where the one remembered is gone, in the one there is now."""
    try:
        return _created(place, name, has, remembered)
    except AwsRefused as exc:
        if exc.facts.get("aws_code") != "InvalidVpcID.NotFound":
            raise
    now = default_vpc(place)
    place.learn(_default_vpc_fact(_account(has)), now)
    return _created(place, name, has, now)


def look_ahead(place: Place, name: str, owner: str) -> bool:
    """Ask for the owner's group before it is known to be wanted: `ensure_security_group` finds the answer."""
    found = _owners_groups(place, name, owner)
    place.foresee(f"groups/{owner}/{name}", found)
    return bool(found)


def _owners_groups(place: Place, name: str, owner: str) -> list[dict[str, Any]]:
    wanted = filters(group_name=name, **{f"tag:{tags.OWNER}": owner})
    with refusals(region=place.region, group=name):
        return list(place.ec2.describe_security_groups(Filters=wanted)["SecurityGroups"])


def _created(
    place: Place, name: str, has: Mapping[str, str], vpc: str, about: str = "SSH from the machines of its owner"
) -> dict[str, Any]:
    try:
        with refusals(region=place.region, group=name):
            made = place.ec2.create_security_group(
                GroupName=name,
                Description=f"{about} (jupyter-awsgpu)",
                VpcId=vpc,
                TagSpecifications=tags.specification(("security-group",), has),
            )
    except AwsRefused as exc:
        if exc.facts.get("aws_code") != "InvalidGroup.Duplicate":
            raise
        return _duplicate(place, name, vpc)
    return {"GroupId": made["GroupId"], "IpPermissions": []}


def _duplicate(place: Place, name: str, vpc: str) -> dict[str, Any]:
    """Return the group that was there first: another process of ours made it a moment ago."""
    with refusals(region=place.region, group=name):
        found = place.ec2.describe_security_groups(Filters=filters(group_name=name, vpc_id=vpc))["SecurityGroups"]
    for group in found:
        if tags.ours(group):
            return dict(group)
    raise GroupMissing(group=f"{name} of ours (another one has its name)", region=place.region)


# ── clusters ─────────────────────────────────────────────────────────────────────────────────

NODES_LABEL = "awsgpu nodes"


def ensure_nodes_group(place: Place, name: str, has: Mapping[str, str], *, vpc_id: str | None) -> str:
    """Return the id of the owner's group whose members may reach one another by TCP, and nobody else them.

    Made if it is missing. Raises `NoDefaultVpc` where no VPC is named and none is default.
    """
    vpc = vpc_id or usual_vpc(place, _account(has))
    found = _owners_groups(place, name, has.get(tags.OWNER, ""))
    group = next((one for one in found if one.get("VpcId") == vpc), None)
    if group is None:
        group = _created(place, name, has, vpc, "TCP among the machines of a cluster")
    group_id = str(group["GroupId"])
    pairs = [pair for permission in group["IpPermissions"] for pair in permission.get("UserIdGroupPairs", ())]
    if not any(pair.get("GroupId") == group_id for pair in pairs):
        itself = [{"GroupId": group_id, "Description": NODES_LABEL}]
        permission = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": itself}
        _permit(place, "authorize_security_group_ingress", group, permission)
    return group_id


def ensure_placement_group(place: Place, name: str, has: Mapping[str, str]) -> None:
    """Have the placement group of a cluster: its machines stand close together in one zone."""
    try:
        with refusals(region=place.region):
            place.ec2.create_placement_group(
                GroupName=name,
                Strategy="cluster",
                TagSpecifications=tags.specification(("placement-group",), has),
            )
    except AwsRefused as exc:
        if exc.facts.get("aws_code") != "InvalidPlacementGroup.Duplicate":
            raise


def delete_placement_group(place: Place, name: str) -> None:
    """Remove a placement group; one that is gone is fine. Raises `AwsRefused` while machines are in it."""
    try:
        with refusals(region=place.region):
            place.ec2.delete_placement_group(GroupName=name)
    except AwsRefused as exc:
        if exc.facts.get("aws_code") != "InvalidPlacementGroup.Unknown":
            raise


# ── rules ────────────────────────────────────────────────────────────────────────────────────


def label(client_id: str) -> str:
    """Return the description that marks a client's rules."""
    return f"awsgpu client {client_id}"


def own_rules(group: Mapping[str, Any], client_id: str) -> set[Rule]:
    """Return the rules of a described group that belong to the client."""
    return {
        (str(block[key]), int(permission["FromPort"]))
        for permission in group.get("IpPermissions", ())
        for ranges, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"))
        for block in permission.get(ranges, ())
        if block.get("Description") == label(client_id)
    }


def _align(place: Place, group: Mapping[str, Any], allow_from: tuple[str, ...], client_id: str, ssh_port: int) -> None:
    """Add the client's missing rules, then take its stale ones away."""
    wanted = {(block, ssh_port) for block in allow_from}
    present = own_rules(group, client_id)
    for rule in sorted(wanted - present):
        _change(place, "authorize_security_group_ingress", group, rule, client_id)
    for rule in sorted(present - wanted):
        _change(place, "revoke_security_group_ingress", group, rule, client_id)


def _change(place: Place, operation: str, group: Mapping[str, Any], rule: Rule, client_id: str) -> None:
    block, port = rule
    ranges, key = ("Ipv6Ranges", "CidrIpv6") if ":" in block else ("IpRanges", "CidrIp")
    permission = {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        ranges: [{key: block, "Description": label(client_id)}],
    }
    _permit(place, operation, group, permission)


def _permit(place: Place, operation: str, group: Mapping[str, Any], permission: Mapping[str, Any]) -> None:
    """Add or take away a permission; one that stands, or is gone, already is fine."""
    try:
        with refusals(region=place.region, group=group["GroupId"]):
            getattr(place.ec2, operation)(GroupId=group["GroupId"], IpPermissions=[permission])
    except AwsRefused as exc:
        if exc.facts.get("aws_code") not in ("InvalidPermission.Duplicate", "InvalidPermission.NotFound"):
            raise


def renew_ingress(
    place: Place, group_ids: Iterable[str], *, owner: str, allow_from: tuple[str, ...], client_id: str, ssh_port: int
) -> None:
    """Replace this client's rules in those of the groups that are the owner's; other groups are left alone."""
    wanted = list(group_ids)
    if not wanted:
        return
    with refusals(region=place.region, group=", ".join(wanted)):
        groups = place.ec2.describe_security_groups(GroupIds=wanted)["SecurityGroups"]
    for group in groups:
        if tags.ours(group, owner):
            _align(place, group, allow_from, client_id, ssh_port)


def delete_security_group(place: Place, group_id: str, *, timeout_s: float = 300.0) -> None:
    """Remove a group, waiting while an interface of an instance that is going still holds it."""
    refusal: list[AwsRefused] = []

    def again(_left: float) -> bool:
        try:
            with refusals(region=place.region, group=group_id):
                place.ec2.delete_security_group(GroupId=group_id)
        except AwsRefused as exc:
            if exc.facts.get("aws_code") != "DependencyViolation":
                raise
            refusal[:] = [exc]
            return False
        except GroupMissing:
            return True
        return True

    if not until(timeout_s, again):
        raise refusal[0]
