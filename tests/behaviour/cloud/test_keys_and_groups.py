"""Key pairs, groups and networks: made once, shared fairly, never taken over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.cloud import NO_KEY_PAIR
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import AwsRefused, KeyPairTaken, NoDefaultVpc, NoSubnet, PermissionDenied
from tests.behaviour.cloud.account import OTHER_KEY, PUBLIC_KEY, Launched, new_clouds, tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.cloud import Cloud
    from tests.behaviour.cloud.account import Aws

OWNER = "123456789012/user/demo"


SOURCES = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "UserIdGroupPairs": "GroupId",
    "PrefixListIds": "PrefixListId",
}
"""Where a rule keeps whom it lets in, and under which name."""

Rule = tuple[str, int, int, str, str]
"""Protocol, first and last port, who is let in, and the description."""


def rules(cloud: Cloud, group_id: str) -> set[Rule]:
    """Return every rule of a group, whatever it opens and for whomever."""
    group: dict[str, Any] = cloud.place.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]
    return {
        (one["IpProtocol"], one.get("FromPort", 0), one.get("ToPort", 65535), who[name], who.get("Description", ""))
        for one in group["IpPermissions"]
        for kind, name in SOURCES.items()
        for who in one.get(kind, ())
    }


def ssh(block: str, client_id: str = "c1") -> Rule:
    """Return the one kind of rule that a launch makes."""
    return ("tcp", 22, 22, block, f"awsgpu client {client_id}")


def ensure(cloud: Cloud, address: str, client_id: str = "c1") -> str:
    """Ensure the demo owner's group for one client at one address."""
    blocks = (f"{address}/32",)
    return cloud.ensure_security_group("awsgpu-demo", tags_of(OWNER), allow_from=blocks, client_id=client_id)


def test_a_key_is_imported_once_and_then_believed_to_be_there(aws: Aws, cloud: Cloud) -> None:
    """The second launch of the day makes no call: RunInstances itself refuses a key pair that has gone."""
    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))
    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))
    assert aws.operations() == ["DescribeKeyPairs", "ImportKeyPair"]


def test_a_key_that_has_gone_is_noticed(aws: Aws, ready: Launched) -> None:
    """The launch is refused, and the next one looks again."""
    ready.cloud.place.ec2.delete_key_pair(KeyName="awsgpu-key")
    with pytest.raises(AwsRefused, match=NO_KEY_PAIR):
        ready.cloud.run(ready.request())
    before = len(aws.operations())
    ready.cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, ready.tags)
    assert aws.operations()[before:] == ["DescribeKeyPairs", "ImportKeyPair"]


def test_another_key_under_the_name_is_refused(cloud: Cloud) -> None:
    """Its private half is not here; using it would launch a machine nobody can enter."""
    cloud.ensure_key_pair("awsgpu-key", OTHER_KEY, tags_of(OWNER))
    with pytest.raises(KeyPairTaken, match="awsgpu-key"):
        cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))


def test_a_name_taken_by_a_key_that_aws_does_not_show_is_refused(aws: Aws, cloud: Cloud) -> None:
    """It is not believed to be ours: RunInstances would not find it, or find another's."""
    aws.fail("ImportKeyPair", "InvalidKeyPair.Duplicate")
    with pytest.raises(KeyPairTaken, match="awsgpu-key"):
        cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))
    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))
    assert aws.operations().count("ImportKeyPair") == 2


def test_two_processes_at_once_make_one_key_and_one_group(aws: Aws, tmp_path: Path) -> None:
    """The slower one takes the faster one's."""
    with parallel(4) as pool:
        shared = [new_clouds(aws, tmp_path).here() for _ in range(4)]
        keys = list(pool.map(lambda one: one.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER)), shared))
        groups = list(pool.map(lambda one: ensure(one, "192.0.2.1"), shared))
    assert set(keys) == {"awsgpu-key"}
    assert len(set(groups)) == 1


def test_a_group_that_is_right_costs_one_call(aws: Aws, cloud: Cloud) -> None:
    """Warm, the group is one round trip."""
    ensure(cloud, "192.0.2.1")
    before = len(aws.operations())
    ensure(cloud, "192.0.2.1")
    assert aws.operations()[before:] == ["DescribeSecurityGroups"]


def test_what_was_asked_ahead_is_not_asked_again_but_once(aws: Aws, cloud: Cloud) -> None:
    """Key and group are looked up while AWS still says who we are; a stale answer never serves twice."""
    asked = {"owner": OWNER, "key_name": "awsgpu-key", "group_name": "awsgpu-demo"}
    assert cloud.look_ahead(**asked) == (False, False)
    cloud.ensure_key_pair("awsgpu-key", PUBLIC_KEY, tags_of(OWNER))
    assert aws.operations().count("DescribeKeyPairs") == 1
    ensure(cloud, "192.0.2.1")
    assert cloud.look_ahead(**asked) == (True, True)
    before = len(aws.operations())
    for _again in range(2):
        ensure(cloud, "192.0.2.1")
    assert aws.operations()[before:] == ["DescribeSecurityGroups"]


def test_a_roaming_laptop_replaces_its_own_rule_and_no_others(cloud: Cloud) -> None:
    """Each rule is marked with the client it belongs to."""
    group = ensure(cloud, "192.0.2.1", "c1")
    ensure(cloud, "192.0.2.2", "c2")
    ensure(cloud, "198.51.100.7", "c1")
    assert rules(cloud, group) == {ssh("198.51.100.7/32", "c1"), ssh("192.0.2.2/32", "c2")}


def test_exactly_port_22_is_open_for_each_block_that_is_named(cloud: Cloud) -> None:
    """Several blocks of both kinds of address are a rule each, and one that is named no more is closed."""
    blocks = ("192.0.2.1/32", "198.51.100.0/24", "2001:db8::/64")
    group = cloud.ensure_security_group("awsgpu-demo", tags_of(OWNER), allow_from=blocks, client_id="c1")
    assert rules(cloud, group) == {ssh(block) for block in blocks}
    cloud.ensure_security_group("awsgpu-demo", tags_of(OWNER), allow_from=blocks[1:2], client_id="c1")
    assert rules(cloud, group) == {ssh(blocks[1])}


def test_two_clients_behind_one_address_both_get_in(cloud: Cloud) -> None:
    """The same rule again is a success, whoever made it."""
    group = ensure(cloud, "192.0.2.1", "c1")
    assert ensure(cloud, "192.0.2.1", "c2") == group
    assert rules(cloud, group) == {ssh("192.0.2.1/32", "c1")}


def test_renewing_leaves_other_owners_groups_alone(cloud: Cloud) -> None:
    """What does not carry the owner's tag is never changed."""
    group = ensure(cloud, "192.0.2.1")
    renewed = {"allow_from": ("198.51.100.7/32",), "client_id": "c1"}
    cloud.renew_ingress((group,), owner="123456789012/user/other", **renewed)  # type: ignore[arg-type]
    assert rules(cloud, group) == {ssh("192.0.2.1/32")}
    cloud.renew_ingress((group,), owner=OWNER, **renewed)  # type: ignore[arg-type]
    assert rules(cloud, group) == {ssh("198.51.100.7/32")}


def test_without_a_default_network_that_is_said(aws: Aws, cloud: Cloud) -> None:
    """With the command that makes one."""
    for subnet in cloud.place.ec2.describe_subnets()["Subnets"]:
        cloud.place.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    cloud.place.ec2.delete_vpc(VpcId=cloud.default_vpc())
    with pytest.raises(NoDefaultVpc) as caught:
        ensure(cloud, "192.0.2.1")
    assert "create-default-vpc" in caught.value.remedy
    assert "CreateSecurityGroup" not in aws.operations()


def test_a_default_network_made_anew_is_found(aws: Aws, cloud: Cloud) -> None:
    """What was remembered of the old one is not believed for ever."""
    ec2, old = cloud.place.ec2, ensure(cloud, "192.0.2.1")
    cloud.delete_security_group(old)
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=cloud.default_vpc())
    ec2.create_default_vpc()
    assert ensure(cloud, "192.0.2.1") != old


def test_a_subnet_that_is_not_there_is_named(cloud: Cloud) -> None:
    """Before anything is made."""
    with pytest.raises(NoSubnet, match="subnet-0123"):
        cloud.subnet("subnet-0123")


def test_permissions_are_asked_without_making_anything(aws: Aws, ready: Launched) -> None:
    """DryRun of the launch, the key pair and the group; a denial names the action."""
    before, request = len(aws.calls()), ready.request()
    assert ready.cloud.denials(request, ready.tags) == {}
    assert [call["dry_run"] for call in aws.calls()[before:]] == [True, True, True]
    asked = {"launch": "RunInstances", "key pair": "ImportKeyPair", "group": "CreateSecurityGroup"}
    for what, operation in asked.items():
        aws.fail(operation, "UnauthorizedOperation")
        denied = ready.cloud.denials(request, ready.tags)
        assert {name: type(one) for name, one in denied.items()} == {what: PermissionDenied}
        assert f"ec2:{operation}" in denied[what].message


def test_a_group_in_use_goes_once_its_instance_has_gone(aws: Aws, ready: Launched) -> None:
    """DependencyViolation is waited out, not reported."""
    aws.set(stopping_s=1.0)
    instance = ready.cloud.run(ready.request())[0]
    ready.cloud.terminate(instance.instance_id)
    ready.cloud.delete_security_group(ready.group_id, timeout_s=20)
    assert aws.operations().count("DeleteSecurityGroup") > 1
