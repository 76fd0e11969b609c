"""The policy of `doctor --iam-policy`, in force: what does not carry our tags can be neither changed nor made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from jupyter_awsgpu.model import ADOPTED
from jupyter_awsgpu.verbs.policy import TAG, iam_policy
from tests.behaviour.cloud.account import PUBLIC_KEY
from tests.behaviour.verbs.test_least_privilege import QUICK, in_force, someone_elses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.behaviour.verbs.conftest import Desk

READING = ("Describe", "Get", "List")
LABELS = [{"Key": TAG, "Value": "1"}]
IN_OREGON = {"AvailabilityZone": "us-west-2a"}
SSH = {"IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}

Call = tuple[str, dict[str, Any]]
"""An operation of EC2 and what it is asked."""


def ours(kind: str) -> dict[str, Any]:
    """Return what asks for our tag on a resource that is made: a forged claim costs nothing."""
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": LABELS}]}


@pytest.fixture
def theirs(desk: Desk, tmp_path: Path) -> dict[str, str]:
    """Return the ids of one of each kind that somebody else made, by kind."""
    desk.aws.set(**QUICK)
    ec2 = desk.bench.cloud().place.ec2
    instance, _key = someone_elses(desk, tmp_path)
    volume = ec2.create_volume(Size=1, **IN_OREGON)["VolumeId"]
    ec2.create_placement_group(GroupName="theirs", Strategy="cluster")
    return {
        "instance": instance,
        "volume": volume,
        "snapshot": ec2.create_snapshot(VolumeId=volume)["SnapshotId"],
        "image": ec2.create_image(InstanceId=instance, Name="theirs")["ImageId"],
        "group": ec2.create_security_group(GroupName="theirs", Description="theirs")["GroupId"],
        "key": ec2.import_key_pair(KeyName="theirs", PublicKeyMaterial=PUBLIC_KEY.encode())["KeyName"],
        "address": ec2.allocate_address(Domain="vpc")["AllocationId"],
    }


def changes(of: dict[str, str]) -> Iterator[Call]:
    """Yield each call that would change or end something of theirs, or make something of it."""
    instance, volume, group = {"InstanceId": of["instance"]}, {"VolumeId": of["volume"]}, {"GroupId": of["group"]}
    several = {"InstanceIds": [of["instance"]]}
    yield from (("StartInstances", several), ("StopInstances", several), ("TerminateInstances", several))
    yield "ModifyInstanceAttribute", instance | {"InstanceType": {"Value": "t2.nano"}}
    yield "ModifyInstanceAttribute", instance | {"UserData": {"Value": b"#!/bin/sh"}}
    yield "CreateImage", instance | {"Name": "stolen"} | ours("image")
    yield "AttachVolume", instance | volume | {"Device": "/dev/sdf"}
    yield "ModifyVolume", volume | {"Size": 2}
    yield "DeleteVolume", volume
    yield "CreateSnapshot", volume | ours("snapshot")
    yield "CreateVolume", {"SnapshotId": of["snapshot"], **IN_OREGON, **ours("volume")}
    yield "DeleteSnapshot", {"SnapshotId": of["snapshot"]}
    yield "DeregisterImage", {"ImageId": of["image"]}
    yield from (("AuthorizeSecurityGroupIngress", group | SSH), ("RevokeSecurityGroupIngress", group | SSH))
    yield "DeleteSecurityGroup", group
    yield "DeleteKeyPair", {"KeyName": of["key"]}
    yield "DeletePlacementGroup", {"GroupName": "theirs"}
    yield "ReleaseAddress", {"AllocationId": of["address"]}
    for kind in ("instance", "volume", "snapshot", "image", "group"):
        yield "CreateTags", {"Resources": [of[kind]], "Tags": LABELS}


def makings(of: dict[str, str]) -> Iterator[Call]:
    """Yield each call that would make something without our tags."""
    yield "RunInstances", {"ImageId": of["image"], "InstanceType": "t2.micro", "MinCount": 1, "MaxCount": 1}
    yield "CreateVolume", {"Size": 1, **IN_OREGON}
    yield "CreateSnapshot", {"VolumeId": of["volume"]}
    yield "CreateImage", {"InstanceId": of["instance"], "Name": "another"}
    yield "CopyImage", {"SourceImageId": of["image"], "SourceRegion": "us-west-2", "Name": "another"}
    yield "ImportKeyPair", {"KeyName": "another", "PublicKeyMaterial": PUBLIC_KEY.encode()}
    yield "CreateSecurityGroup", {"GroupName": "another", "Description": "another"}
    yield "CreatePlacementGroup", {"GroupName": "another", "Strategy": "cluster"}


def answer_to(desk: Desk, call: Call, **how: bool) -> str:
    """Make a call; return the code of the refusal, nothing where it went through."""
    operation, asked = call
    try:
        getattr(desk.bench.cloud().place.ec2, xform_name(operation))(**asked, **how)
    except ClientError as exc:
        return str(exc.response["Error"]["Code"])
    return ""


def let_through(desk: Desk, calls: list[Call], **how: bool) -> list[tuple[str, str]]:
    """Make all of them; return those that the policy does not forbid, and what came of them."""
    answers = [(call[0], answer_to(desk, call, **how)) for call in calls]
    return [one for one in answers if one[1] != "UnauthorizedOperation"]


def test_nothing_that_is_not_ours_can_be_changed_and_nothing_made_that_will_not_be(
    desk: Desk, theirs: dict[str, str]
) -> None:
    """Every action of the policy that changes something is refused, one by one, by UnauthorizedOperation."""
    calls = [*changes(theirs), *makings(theirs)]
    actions = {action for one in iam_policy()["Statement"] for action in one["Action"]}
    changing = {name for kind, name in (one.split(":") for one in actions) if kind == "ec2"}
    assert {call[0] for call in calls} == {name for name in changing if not name.startswith(READING)}
    in_force(desk, iam_policy())
    assert let_through(desk, calls) == []


@pytest.mark.parametrize("sid", ["LaunchTagged", "MakeTagged", "TagWhatIsMade", "ChangeOurs", "TagOurs", "Pause"])
def test_each_condition_is_what_forbids_it(desk: Desk, theirs: dict[str, str], sid: str) -> None:
    """With one statement's condition struck out, calls of that statement's actions would go through."""
    document = iam_policy()
    (struck,) = (one for one in document["Statement"] if one["Sid"] == sid)
    del struck["Condition"]
    in_force(desk, document)
    open_now = {f"ec2:{name}" for name, _code in let_through(desk, [*changes(theirs), *makings(theirs)], DryRun=True)}
    assert open_now
    assert open_now <= set(struck["Action"])


@pytest.mark.parametrize("sid", ["Adopt", "AdoptWithLimits"])
def test_adopting_reaches_no_further_than_it_says(desk: Desk, theirs: dict[str, str], sid: str) -> None:
    """Of what is not ours, an instance alone may be marked as adopted, and told what a shutdown means: nothing else."""
    instance, marks = theirs["instance"], [{"Key": ADOPTED, "Value": "1"}]
    may: dict[str, Call] = {
        "Adopt": ("CreateTags", {"Resources": [instance], "Tags": [*marks, *LABELS]}),
        "AdoptWithLimits": (
            "ModifyInstanceAttribute",
            {"InstanceId": instance, "InstanceInitiatedShutdownBehavior": {"Value": "stop"}},
        ),
    }
    in_force(desk, iam_policy())
    assert answer_to(desk, may[sid]) == ""
    kinds = ("volume", "snapshot", "image", "group")
    marked: list[Call] = [("CreateTags", {"Resources": [theirs[kind]], "Tags": [*marks, *LABELS]}) for kind in kinds]
    paused = {"StartInstances", "StopInstances"} if sid == "Adopt" else set()
    assert let_through(desk, [*marked, *(one for one in changes(theirs) if one[0] not in paused)]) == []
