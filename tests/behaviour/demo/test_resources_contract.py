"""Volumes, security groups, key pairs, placement groups: made, refused, removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.behaviour.demo.aws_clients import Aws, eventually, refusal
from tests.behaviour.demo.aws_contract import API, EBS, ERRORS, UNCONFIRMED, contract

ED25519 = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5vDW4MYxDk7MtSTBT1mUJ0MVvBGcYQfXTJx1PgvGEh me"
SSH = [
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "127.0.0.1/32", "Description": "me"}]}
]


def volume_in(aws: Aws, zone: str) -> str:
    """Make a volume and wait until it is available."""
    ec2 = aws("ec2")
    volume = ec2.create_volume(AvailabilityZone=zone, Size=10, VolumeType="gp3", Encrypted=True)
    assert volume["State"] == "creating"
    ec2.get_waiter("volume_available").wait(
        VolumeIds=[volume["VolumeId"]], WaiterConfig={"Delay": 0.05, "MaxAttempts": 100}
    )
    return str(volume["VolumeId"])


@contract(EBS + "ebs-attaching-volume.html")
def test_a_volume_is_attached_in_its_zone_and_once(aws: Aws) -> None:
    """A volume goes to an instance of its zone, to one only, and is not deleted while it is there."""
    ec2 = aws("ec2")
    here = aws.running(Placement={"AvailabilityZone": "us-west-2a"})["InstanceId"]
    there = aws.running(Placement={"AvailabilityZone": "us-west-2b"})["InstanceId"]
    volume = volume_in(aws, "us-west-2a")
    wrong = refusal(ec2.attach_volume, VolumeId=volume, InstanceId=there, Device="/dev/sdf")
    assert wrong[0] == "InvalidVolume.ZoneMismatch"
    assert (
        refusal(ec2.attach_volume, VolumeId=volume, InstanceId=here, Device="/dev/sda1")[0] == "InvalidParameterValue"
    )
    ec2.attach_volume(VolumeId=volume, InstanceId=here, Device="/dev/sdf")
    assert refusal(ec2.attach_volume, VolumeId=volume, InstanceId=here, Device="/dev/sdg")[0] == "VolumeInUse"
    assert refusal(ec2.delete_volume, VolumeId=volume)[0] == "VolumeInUse"
    ec2.detach_volume(VolumeId=volume)
    ec2.delete_volume(VolumeId=volume)
    assert refusal(ec2.describe_volumes, VolumeIds=[volume])[0] == "InvalidVolume.NotFound"


@contract(EBS + "ebs-detaching-volume.html")
def test_a_running_instance_keeps_its_root(aws: Aws) -> None:
    """The root of a running instance is not detached; an attached data volume outlives its instance."""
    ec2 = aws("ec2")
    instance = aws.running(Placement={"AvailabilityZone": "us-west-2a"})
    root = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert refusal(ec2.detach_volume, VolumeId=root)[0] == "OperationNotPermitted"
    data = volume_in(aws, "us-west-2a")
    ec2.attach_volume(VolumeId=data, InstanceId=instance["InstanceId"], Device="/dev/sdf")
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    aws.until(instance["InstanceId"], "terminated")
    assert [(one["VolumeId"], one["State"]) for one in ec2.describe_volumes()["Volumes"]] == [(data, "available")]


@contract(API + "ModifyVolume.html")
def test_a_volume_grows_and_never_shrinks(aws: Aws) -> None:
    """A larger size is modifying, then completed; a smaller one refused."""
    ec2 = aws("ec2")
    aws.ask("settings", {"volume_s": 0.3})
    volume = volume_in(aws, "us-west-2a")
    ec2.modify_volume(VolumeId=volume, Size=20)
    assert refusal(ec2.modify_volume, VolumeId=volume, Size=15)[0] == "InvalidParameterValue"
    assert refusal(ec2.modify_volume, VolumeId=volume, Size=30)[0] == "IncorrectModificationState"
    eventually(
        lambda: ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"][0]["ModificationState"],
        lambda state: state == "completed",
        "the volume has grown",
    )
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] == 20


@contract(ERRORS)
def test_a_group_in_use_is_not_deleted(aws: Aws) -> None:
    """DeleteSecurityGroup is DependencyViolation until the last instance is terminated."""
    ec2 = aws("ec2")
    group = ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    instance_id = aws.running(SecurityGroupIds=[group])["InstanceId"]
    assert refusal(ec2.delete_security_group, GroupId=group)[:2] == ("DependencyViolation", 400)
    aws.ask("settings", {"stopping_s": 0.3})
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert refusal(ec2.delete_security_group, GroupId=group)[0] == "DependencyViolation"
    aws.until(instance_id, "terminated")
    ec2.delete_security_group(GroupId=group)
    assert refusal(ec2.describe_security_groups, GroupIds=[group])[0] == "InvalidGroup.NotFound"


@contract(ERRORS)
def test_groups_and_rules_are_not_made_twice(aws: Aws) -> None:
    """A second group of the name and a second rule of the range are Duplicate; a revoked rule is gone."""
    ec2 = aws("ec2")
    group = ec2.create_security_group(GroupName="mine", Description="mine")["GroupId"]
    assert refusal(ec2.create_security_group, GroupName="mine", Description="mine")[0] == "InvalidGroup.Duplicate"
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=SSH)
    twice = refusal(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=SSH)
    assert twice[0] == "InvalidPermission.Duplicate"
    (rule,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert rule["IpRanges"] == [{"CidrIp": "127.0.0.1/32", "Description": "me"}]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    mine = [one["SecurityGroupRuleId"] for one in rules if not one["IsEgress"]]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=mine)
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


@contract(ERRORS)
def test_the_default_group_stays(aws: Aws) -> None:
    """The default group of a VPC cannot be deleted."""
    wish = [{"Name": "group-name", "Values": ["default"]}]
    group = aws("ec2").describe_security_groups(Filters=wish)["SecurityGroups"][0]["GroupId"]
    assert refusal(aws("ec2").delete_security_group, GroupId=group)[0] == "CannotDelete"


@contract(API + "ImportKeyPair.html")
def test_a_key_pair_is_imported_once_and_has_its_fingerprint(aws: Aws) -> None:
    """An imported ed25519 key shows a stable fingerprint and its tags; the same name again is Duplicate."""
    ec2 = aws("ec2")
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "k", "Value": "v"}]}]
    made = ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=ED25519, TagSpecifications=tags)
    (kept,) = ec2.describe_key_pairs(KeyNames=["mine"])["KeyPairs"]
    assert (kept["KeyFingerprint"], kept["KeyType"], kept["Tags"]) == (
        made["KeyFingerprint"],
        "ed25519",
        [{"Key": "k", "Value": "v"}],
    )
    assert refusal(ec2.import_key_pair, KeyName="mine", PublicKeyMaterial=ED25519)[0] == "InvalidKeyPair.Duplicate"
    ec2.delete_key_pair(KeyName="mine")
    assert refusal(ec2.describe_key_pairs, KeyNames=["mine"])[0] == "InvalidKeyPair.NotFound"
    assert refusal(ec2.import_key_pair, KeyName="bad", PublicKeyMaterial=b"nonsense")[0] == "InvalidKeyPair.Format"


@contract(API + "CreatePlacementGroup.html")
def test_a_placement_group_in_use_stays(aws: Aws) -> None:
    """A cluster placement group is made, used, refused while in use, deleted after."""
    ec2 = aws("ec2")
    ec2.create_placement_group(GroupName="close", Strategy="cluster")
    assert refusal(ec2.create_placement_group, GroupName="close", Strategy="cluster")[0] == (
        "InvalidPlacementGroup.Duplicate"
    )
    instance = aws.running(InstanceType="g4dn.xlarge", Placement={"GroupName": "close"})
    assert instance["Placement"]["GroupName"] == "close"
    assert refusal(ec2.delete_placement_group, GroupName="close")[0] == "InvalidPlacementGroup.InUse"
    ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    aws.until(instance["InstanceId"], "terminated")
    ec2.delete_placement_group(GroupName="close")
    assert ec2.describe_placement_groups()["PlacementGroups"] == []


def trusted_role(aws: Aws, service: str, name: str) -> str:
    """Make a role that a service may take, and return its ARN."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return str(aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


def stopping(instance_id: str, at: datetime, role: str) -> dict[str, Any]:
    """Return a one-time schedule that stops an instance."""
    target = {"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role}
    return {
        "Name": "cap",
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {**target, "Input": json.dumps({"InstanceIds": [instance_id]})},
        "ActionAfterCompletion": "DELETE",
    }


@contract("https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html")
def test_a_schedule_acts_once_and_is_gone(aws: Aws) -> None:
    """A one-time schedule is kept until it is deleted; when it is time it stops its instance and is no more."""
    scheduler, running = aws("scheduler"), aws.running()["InstanceId"]
    role = trusted_role(aws, "scheduler.amazonaws.com", "guard")
    scheduler.create_schedule(**stopping(running, datetime(2099, 1, 1, tzinfo=UTC), role))
    assert scheduler.get_schedule(Name="cap")["Target"]["RoleArn"] == role
    scheduler.delete_schedule(Name="cap")
    assert refusal(scheduler.get_schedule, Name="cap")[:2] == ("ResourceNotFoundException", 404)
    scheduler.create_schedule(**stopping(running, datetime.now(UTC), role))
    aws.until(running, "stopped")
    assert refusal(scheduler.get_schedule, Name="cap")[0] == "ResourceNotFoundException"


@contract("https://docs.aws.amazon.com/scheduler/latest/UserGuide/troubleshooting.html")
def test_a_role_that_scheduler_may_not_take_is_refused(aws: Aws) -> None:
    """A role that is not there, or trusts another service, is a ValidationException."""
    other = trusted_role(aws, "ec2.amazonaws.com", "machine")
    for role in ("arn:aws:iam::123456789012:role/nobody", other):
        code, _, text = refusal(aws("scheduler").create_schedule, **stopping("i-0", datetime.now(UTC), role))
        assert code == "ValidationException"
        assert "execution role" in text


@contract(UNCONFIRMED)
def test_who_is_asking_is_an_iam_user(aws: Aws) -> None:
    """The made-up credentials are those of an IAM user of the account."""
    identity = aws("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{identity['Account']}:user/demo"
