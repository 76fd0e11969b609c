"""Several instances in one call: all or nothing, their numbers, their group, and what one wrong id does to the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.demo.aws_clients import Aws, eventually, refusal
from tests.behaviour.demo.aws_contract import API, ERRORS, GUIDE, UNCONFIRMED, contract

P2, G4DN = "p2.xlarge", "g4dn.xlarge"
NOBODY = "i-0123456789abcdef0"
TROUBLE = GUIDE + "troubleshooting-launch.html"


def several(aws: Aws, least: int, most: int, **wishes: Any) -> list[dict[str, Any]]:
    """Launch between so many and so many in one call; return them."""
    wishes = {"ImageId": aws.ubuntu(), "InstanceType": P2, "MinCount": least, "MaxCount": most} | wishes
    made: list[dict[str, Any]] = aws("ec2").run_instances(**wishes)["Instances"]
    return made


def alive(aws: Aws) -> list[dict[str, Any]]:
    """Return what exists and is not going."""
    rows = aws("ec2").describe_instances()["Reservations"]
    found = [one for row in rows for one in row["Instances"]]
    return [one for one in found if one["State"]["Name"] not in ("shutting-down", "terminated")]


@contract(API + "RunInstances.html")
def test_all_or_nothing_where_a_zone_has_room_for_fewer(aws: Aws) -> None:
    """Four wanted where three fit is InsufficientInstanceCapacity and nothing made; two to four gives three."""
    aws.ask("capacity", {"instance_type": P2, "zone": "us-west-2a", "room": 3})
    here = {"Placement": {"AvailabilityZone": "us-west-2a"}}
    code, status, message = refusal(lambda **_: several(aws, 4, 4, **here))
    assert (code, status) == ("InsufficientInstanceCapacity", 500)
    assert "us-west-2a" in message
    assert alive(aws) == []
    assert len(several(aws, 2, 4, **here)) == 3
    assert refusal(lambda **_: several(aws, 1, 1, **here))[0] == "InsufficientInstanceCapacity"
    assert len(several(aws, 1, 1, InstanceType=G4DN, **here)) == 1


@contract(API + "RunInstances.html")
def test_a_launch_takes_place_in_one_zone_that_has_room_for_all(aws: Aws) -> None:
    """Without a zone AWS takes one where all fit; three places in each zone are none for four."""
    aws.ask("capacity", {"instance_type": P2, "zone": "us-west-2a", "room": 3})
    made = several(aws, 4, 4)
    assert {one["Placement"]["AvailabilityZone"] for one in made} == {"us-west-2b"}
    aws.ask("capacity", {"instance_type": P2, "room": 3})
    aws.ask("capacity", {"instance_type": P2, "zone": "us-west-2a", "room": None})
    assert refusal(lambda **_: several(aws, 4, 4))[0] == "InsufficientInstanceCapacity"


@contract(API + "RunInstances.html")
def test_the_quota_is_for_all_of_a_launch(aws: Aws) -> None:
    """A quota for three is VcpuLimitExceeded for four and nothing made; with a smaller MinCount it gives three."""
    aws.ask("quota", {"region": "us-west-2", "code": "L-417A185B", "value": 12})
    assert refusal(lambda **_: several(aws, 4, 4))[0] == "VcpuLimitExceeded"
    assert alive(aws) == []
    assert len(several(aws, 1, 4)) == 3


@contract(API + "Instance.html")
def test_each_has_its_number_and_all_have_one_reservation(aws: Aws) -> None:
    """AmiLaunchIndex numbers them from 0, in the reply and ever after; one reservation, one token, one address each."""
    made = several(aws, 4, 4, ClientToken="four")
    assert [one["AmiLaunchIndex"] for one in made] == [0, 1, 2, 3]
    numbers = {one["InstanceId"]: one["AmiLaunchIndex"] for one in made}
    assert {one["InstanceId"] for one in several(aws, 4, 4, ClientToken="four")} == set(numbers)
    (row,) = aws("ec2").describe_instances(Filters=[{"Name": "client-token", "Values": ["four"]}])["Reservations"]
    assert {one["InstanceId"]: one["AmiLaunchIndex"] for one in row["Instances"]} == numbers
    assert len({one["PrivateIpAddress"] for one in row["Instances"]}) == 4
    aws.until(made[2]["InstanceId"], "running")
    aws("ec2").stop_instances(InstanceIds=[made[2]["InstanceId"]])
    assert aws.until(made[2]["InstanceId"], "stopped")["AmiLaunchIndex"] == 2


@contract(TROUBLE)
def test_an_accepted_instance_may_end_by_itself(aws: Aws) -> None:
    """Pending, then terminated without ever running, with the server's reason; the others of its launch run."""
    aws.ask("faults", {"operation": "Boot", "code": "Server.InsufficientInstanceCapacity", "spare": 2})
    made = several(aws, 3, 3)
    assert {one["State"]["Name"] for one in made} == {"pending"}
    ended = aws.until(made[2]["InstanceId"], "terminated")
    assert ended["StateReason"]["Code"] == "Server.InsufficientInstanceCapacity"
    for one in made[:2]:
        aws.until(one["InstanceId"], "running")


@contract(UNCONFIRMED)
def test_a_started_instance_that_cannot_run_is_stopped_again(aws: Aws) -> None:
    """What ran before goes from pending back to stopped, with the reason: its disk is not lost."""
    instance_id = aws.running()["InstanceId"]
    aws("ec2").stop_instances(InstanceIds=[instance_id])
    aws.until(instance_id, "stopped")
    aws.ask("faults", {"operation": "Boot", "code": "Server.InsufficientInstanceCapacity"})
    aws("ec2").start_instances(InstanceIds=[instance_id])
    back = eventually(
        lambda: aws.describe(instance_id), lambda one: one["State"]["Name"] == "stopped", "it is stopped again"
    )
    assert back["StateReason"]["Code"] == "Server.InsufficientInstanceCapacity"


@contract(API + "StartInstances.html")
def test_start_stop_and_terminate_take_several(aws: Aws) -> None:
    """One call changes them all, and answers for each."""
    ec2, ids = aws("ec2"), [one["InstanceId"] for one in several(aws, 3, 3)]
    for verb, answer, state in (
        (ec2.stop_instances, "StoppingInstances", "stopped"),
        (ec2.start_instances, "StartingInstances", "running"),
        (ec2.terminate_instances, "TerminatingInstances", "terminated"),
    ):
        for one in ids:
            eventually(lambda one=one: aws.describe(one), lambda seen: seen["State"]["Name"] != "pending", "settled")
        assert {one["InstanceId"] for one in verb(InstanceIds=ids)[answer]} == set(ids)
        for one in ids:
            aws.until(one, state)


@contract(API + "TerminateInstances.html")
@pytest.mark.parametrize("verb", ["stop_instances", "start_instances", "terminate_instances", "describe_instances"])
def test_one_wrong_id_refuses_the_whole_call(aws: Aws, verb: str) -> None:
    """An id that does not exist, or is none, refuses the call; nothing happens to the others."""
    ids = [one["InstanceId"] for one in several(aws, 2, 2)]
    for one in ids:
        aws.until(one, "running")
    code, _, message = refusal(getattr(aws("ec2"), verb), InstanceIds=[ids[0], NOBODY, ids[1]])
    assert (code, NOBODY in message) == ("InvalidInstanceID.NotFound", True)
    assert refusal(getattr(aws("ec2"), verb), InstanceIds=[*ids, "gpu"])[0] == "InvalidInstanceID.Malformed"
    assert [one["State"]["Name"] for one in alive(aws)] == ["running", "running"]


@contract(ERRORS)
def test_several_are_started_all_or_not_at_all(aws: Aws) -> None:
    """Where the zone, or the quota, holds two of three, StartInstances of three starts none."""
    ids = [one["InstanceId"] for one in several(aws, 3, 3)]
    for one in ids:
        aws.until(one, "running")
    aws("ec2").stop_instances(InstanceIds=ids)
    for one in ids:
        aws.until(one, "stopped")
    aws.ask("capacity", {"instance_type": P2, "room": 2})
    assert refusal(aws("ec2").start_instances, InstanceIds=ids)[0] == "InsufficientInstanceCapacity"
    aws.ask("capacity", {"instance_type": P2, "room": None})
    aws.ask("quota", {"region": "us-west-2", "code": "L-417A185B", "value": 8})
    assert refusal(aws("ec2").start_instances, InstanceIds=ids)[0] == "VcpuLimitExceeded"
    assert {one["State"]["Name"] for one in alive(aws)} == {"stopped"}
    assert len(aws("ec2").start_instances(InstanceIds=ids[:2])["StartingInstances"]) == 2


@contract(API + "TerminateInstances.html")
def test_a_protected_instance_spares_those_of_its_zone(aws: Aws) -> None:
    """TerminateInstances fails for a protected one; what is in other zones ends all the same."""
    here, there = {"AvailabilityZone": "us-west-2a"}, {"AvailabilityZone": "us-west-2b"}
    kept = aws.running(Placement=here, DisableApiTermination=True)["InstanceId"]
    beside, gone = aws.running(Placement=here)["InstanceId"], aws.running(Placement=there)["InstanceId"]
    code = refusal(aws("ec2").terminate_instances, InstanceIds=[kept, beside, gone])[0]
    assert code == "OperationNotPermitted"
    aws.until(gone, "terminated")
    assert {one["InstanceId"] for one in alive(aws)} == {kept, beside}
    aws("ec2").modify_instance_attribute(InstanceId=kept, DisableApiTermination={"Value": False})


@contract(API + "DescribeInstances.html")
def test_several_ids_are_described_in_one_page(aws: Aws) -> None:
    """Ids name what is listed; with ids there is no MaxResults; without, pages of the size asked for."""
    ec2, ids = aws("ec2"), [one["InstanceId"] for one in (*several(aws, 3, 3), *several(aws, 3, 3))]
    rows = ec2.describe_instances(InstanceIds=ids[1:4])["Reservations"]
    assert {one["InstanceId"] for row in rows for one in row["Instances"]} == set(ids[1:4])
    assert refusal(ec2.describe_instances, InstanceIds=ids, MaxResults=5)[0] == "InvalidParameterCombination"
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    assert [sum(len(row["Instances"]) for row in page["Reservations"]) for page in pages] == [5, 1]


@contract(API + "PlacementGroupInfo.html")
def test_types_say_which_placement_groups_they_take(either: Aws) -> None:
    """GPU types of one's own host lie close together; burstable ones do not."""
    rows = either("ec2").describe_instance_types(InstanceTypes=["g4dn.xlarge", "t3.micro"])["InstanceTypes"]
    strategies = {row["InstanceType"]: row["PlacementGroupInfo"]["SupportedStrategies"] for row in rows}
    assert "cluster" in strategies["g4dn.xlarge"]
    assert "cluster" not in strategies["t3.micro"]


@contract(GUIDE + "placement-groups.html")
def test_a_cluster_group_refuses_types_that_lack_it(aws: Aws) -> None:
    """T3 in a cluster placement group is refused, also under DryRun; in a spread one it is launched."""
    ec2 = aws("ec2")
    ec2.create_placement_group(GroupName="close", Strategy="cluster")
    ec2.create_placement_group(GroupName="apart", Strategy="spread")
    wish = {"InstanceType": "t3.micro", "Placement": {"GroupName": "close"}}
    for dry in (True, False):
        assert refusal(aws.launch, DryRun=dry, **wish)[0] == "InvalidParameterCombination"
    assert aws.launch(InstanceType="t3.micro", Placement={"GroupName": "apart"})["Placement"]["GroupName"] == "apart"
    made = several(aws, 2, 2, InstanceType=G4DN, Placement={"GroupName": "close"})
    assert {aws.describe(one["InstanceId"])["Placement"]["GroupName"] for one in made} == {"close"}
    listed = [{"Name": "placement-group-name", "Values": ["close"]}]
    rows = ec2.describe_instances(Filters=listed)["Reservations"]
    assert {one["InstanceId"] for row in rows for one in row["Instances"]} == {one["InstanceId"] for one in made}


@contract(GUIDE + "security-group-rules-reference.html")
def test_a_group_lets_itself_in(aws: Aws) -> None:
    """All TCP from the group itself is one rule, made once, shown as a pair, taken back; it holds nobody."""
    ec2 = aws("ec2")
    group = ec2.create_security_group(GroupName="nodes", Description="nodes")["GroupId"]
    among = {"GroupId": group, "Description": "nodes of one cluster"}
    rule = [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": [among]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    twice = refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=rule)
    assert twice[:2] == ("InvalidPermission.Duplicate", 400)
    (shown,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert (shown["IpProtocol"], shown["FromPort"], shown["ToPort"], shown["IpRanges"]) == ("tcp", 0, 65535, [])
    (pair,) = shown["UserIdGroupPairs"]
    account = aws("sts").get_caller_identity()["Account"]
    assert pair | {"UserId": account} == among | {"UserId": account}
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


@contract(API + "DeleteSecurityGroup.html")
def test_a_group_that_refers_to_itself_alone_is_deleted(aws: Aws) -> None:
    """Its own rule holds it not; a rule of another group does, and so does an instance."""
    ec2 = aws("ec2")
    group, other = (ec2.create_security_group(GroupName=one, Description=one)["GroupId"] for one in ("nodes", "other"))
    rule = [{"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": [{"GroupId": group}]}]
    for one in (group, other):
        ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=rule)
    assert refusal(ec2.delete_security_group, GroupId=group)[0] == "DependencyViolation"
    ec2.revoke_security_group_ingress(GroupId=other, IpPermissions=rule)
    ec2.delete_security_group(GroupId=group)
    assert refusal(ec2.describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"
