"""Security groups and tags: what is in use is not deleted, what does not exist is not tagged."""

from __future__ import annotations

from typing import Any

from jupyter_awsgpu.demo.aws.instances import known
from jupyter_awsgpu.demo.aws.machine import tags_of
from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.operations import Call, operation, replace
from jupyter_awsgpu.demo.aws.wire import Refusal


def install() -> None:
    """Let a resource find its own tags at once (moto: by matching every tag of every resource of the region)."""
    from moto.ec2.models.core import TaggedEC2Resource

    replace(TaggedEC2Resource, "get_tags", _tags)


def _tags(resource: Any) -> list[dict[str, Any]]:
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    if not resource.id or resource.id not in resource.ec2_backend.tags:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "")
    return [
        {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
        for key, value in resource.ec2_backend.tags[resource.id].items()
    ]


@operation("CreateSecurityGroup")
def create_security_group(call: Call) -> object:
    """Make a group in a VPC that exists; without one, and without a default VPC, there is no place for it."""
    vpc_id = call.get("VpcId")
    if not vpc_id and call.backend.default_vpc is None:
        raise Refusal("VPCIdNotSpecified", "No default VPC for this user")
    if vpc_id and vpc_id not in call.backend.vpcs:
        raise Refusal("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
    return call.moto()


@operation("DeleteSecurityGroup")
def delete_security_group(call: Call) -> object:
    """Refuse while a network interface or another group's rule uses it (moto: deletes it all the same)."""
    group = _group(call)
    if group.name == "default":
        raise Refusal("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    if _used(call, group) or _referenced(call, group):
        raise Refusal("DependencyViolation", f"resource {group.id} has a dependent object")
    return call.moto()


def _group(call: Call) -> Any:
    group_id, name = call.get("GroupId"), call.get("GroupName")
    group = call.backend.get_security_group_from_id(group_id) if group_id else None
    if group is None and name:
        group = call.backend.get_security_group_by_name_or_id(name)
    if group is None:
        raise Refusal("InvalidGroup.NotFound", f"The security group '{group_id or name}' does not exist")
    return group


def _used(call: Call, group: Any) -> bool:
    """Whether an interface carries it: an instance's until it is terminated, or one of its own."""
    alive = [one for one in machines(call.world).all(call.region) if one.state != "terminated"]
    if any(group.id in {one.id for one in machine.instance.security_groups} for machine in alive):
        return True
    loose = [nic for nic in call.backend.enis.values() if nic.instance is None]
    return any(group.id in {one.id for one in nic.group_set} for nic in loose)


def _referenced(call: Call, group: Any) -> bool:
    everyone = [other for groups in call.backend.groups.values() for other in groups.values() if other.id != group.id]
    rules = [rule for other in everyone for rule in (*other.ingress_rules, *other.egress_rules)]
    return any((rule.source_group or {}).get("GroupId") == group.id for rule in rules)


@operation("CreateTags")
def create_tags(call: Call) -> object:
    """Tag what exists, and let a running instance's metadata service know."""
    return _tagged(call)


@operation("DeleteTags")
def delete_tags(call: Call) -> object:
    """Remove tags, and let a running instance's metadata service know."""
    return _tagged(call)


def _tagged(call: Call) -> object:
    asked = [str(one) for one in call.get("Resources", [])]
    instances = [known(call, one) for one in asked if one.startswith("i-")]
    answer = call.moto()
    for machine in instances:
        if machine.state == "running":
            call.world.fleet.set_tags(machine.id, tags_of(machine.instance))
    return answer
