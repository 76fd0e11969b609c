"""IAM as the simulated AWS judges it: a policy in force, what each call touches, and how a denial looks."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_awsgpu.errors import DemoFailed
from tests.behaviour.demo.aws_clients import Aws, refusal
from tests.behaviour.demo.aws_contract import UNCONFIRMED, contract

KEYS = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html"
TAGGING = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html"
STS = "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"


def allow(aws: Aws, *statements: dict[str, Any]) -> None:
    """Put a policy of these statements in force, with whatever looks around allowed."""
    look = {"Sid": "Look", "Effect": "Allow", "Action": ["ec2:Describe*", "ssm:GetParameter"], "Resource": "*"}
    rest = [{"Sid": str(number), "Effect": "Allow", **one} for number, one in enumerate(statements)]
    aws.ask("policy", {"document": {"Version": "2012-10-17", "Statement": [look, *rest]}})


def volume(aws: Aws, **tags: str) -> str:
    """Make a volume with these tags."""
    kinds = [{"ResourceType": "volume", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    more: dict[str, Any] = {"TagSpecifications": kinds} if tags else {}
    return str(aws("ec2").create_volume(AvailabilityZone="us-west-2a", Size=1, **more)["VolumeId"])


@contract(KEYS)
def test_what_exists_is_judged_by_its_own_tags(aws: Aws) -> None:
    """A condition on aws:ResourceTag lets the tagged one go and keeps the other; the denial names action and ARN."""
    ours, other = volume(aws, team="ours"), volume(aws)
    tagged = {"StringEquals": {"aws:ResourceTag/team": "ours"}}
    allow(aws, {"Action": "ec2:DeleteVolume", "Resource": "*", "Condition": tagged})
    aws("ec2").delete_volume(VolumeId=ours)
    code, status, message = refusal(aws("ec2").delete_volume, VolumeId=other)
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert (
        f"not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:us-west-2:123456789012:volume/{other}"
        in message
    )


@contract(KEYS)
def test_what_is_made_is_judged_by_the_requests_tags(aws: Aws) -> None:
    """A snapshot of a volume touches both: the new one carries the request's tags, the volume its own and no others."""
    source = volume(aws, team="ours")
    wanted = {"Null": {"aws:RequestTag/team": "false"}}
    kinds = [{"ResourceType": "snapshot", "Tags": [{"Key": "team", "Value": "ours"}]}]
    make = {"Action": ["ec2:CreateSnapshot"], "Resource": "*", "Condition": wanted}
    tag = {"Action": "ec2:CreateTags", "Resource": "*"}
    allow(aws, make, tag)
    assert "volume/" in refusal(aws("ec2").create_snapshot, VolumeId=source, TagSpecifications=kinds)[2]
    allow(aws, make, tag, {"Action": "ec2:CreateSnapshot", "Resource": "arn:aws:ec2:*:*:volume/*"})
    assert aws("ec2").create_snapshot(VolumeId=source, TagSpecifications=kinds)["SnapshotId"]
    assert "snapshot/" in refusal(aws("ec2").create_snapshot, VolumeId=source)[2]


@contract(TAGGING)
def test_tags_given_while_creating_need_a_permission_of_their_own(aws: Aws) -> None:
    """ec2:CreateTags, which a policy may bind to the action that creates."""
    allow(aws, {"Action": "ec2:CreateVolume", "Resource": "*"})
    kinds = [{"ResourceType": "volume", "Tags": [{"Key": "team", "Value": "ours"}]}]
    wish = {"AvailabilityZone": "us-west-2a", "Size": 1, "TagSpecifications": kinds}
    assert "ec2:CreateTags" in refusal(aws("ec2").create_volume, **wish)[2]
    creating = {"StringEquals": {"ec2:CreateAction": "CreateVolume"}}
    allow(
        aws,
        {"Action": "ec2:CreateVolume", "Resource": "*"},
        {"Action": "ec2:CreateTags", "Resource": "*", "Condition": creating},
    )
    made = aws("ec2").create_volume(**wish)["VolumeId"]
    assert refusal(aws("ec2").create_tags, Resources=[made], Tags=[{"Key": "a", "Value": "b"}])[1] == 403


@contract(KEYS)
def test_an_action_without_resources_needs_the_star(aws: Aws) -> None:
    """A statement on some ARNs does not cover it."""
    allow(aws, {"Action": "scheduler:ListSchedules", "Resource": "arn:aws:scheduler:*:*:schedule/*"})
    assert refusal(aws("scheduler").list_schedules)[0] == "AccessDeniedException"
    allow(aws, {"Action": "scheduler:ListSchedules", "Resource": "*"})
    aws("scheduler").list_schedules()


@contract(STS)
def test_who_one_is_may_always_be_asked(aws: Aws) -> None:
    """Whatever the policy says."""
    allow(aws)
    assert aws("sts").get_caller_identity()["Account"]
    assert refusal(aws("service-quotas").list_service_quotas, ServiceCode="ec2")[0] == "AccessDeniedException"


@contract(UNCONFIRMED)
def test_a_dry_run_is_denied_as_the_call_would_be(aws: Aws) -> None:
    """That is what one asks it for."""
    allow(aws)
    wish = {"AvailabilityZone": "us-west-2a", "Size": 1, "DryRun": True}
    assert refusal(aws("ec2").create_volume, **wish)[0] == "UnauthorizedOperation"
    allow(aws, {"Action": "ec2:CreateVolume", "Resource": "*"})
    assert refusal(aws("ec2").create_volume, **wish)[0] == "DryRunOperation"


@contract(UNCONFIRMED)
def test_the_first_spot_request_makes_a_role(aws: Aws) -> None:
    """Once the account has it, nobody needs to be allowed to make it."""
    image = aws.ubuntu()
    spot = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "g4dn.xlarge"}
    spot |= {"InstanceMarketOptions": {"MarketType": "spot"}}
    launch = {"Action": "ec2:RunInstances", "Resource": "*"}
    allow(aws, launch)
    code = refusal(aws("ec2").run_instances, **spot)[0]
    assert code == "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
    allow(aws, launch, {"Action": "iam:CreateServiceLinkedRole", "Resource": "*"})
    aws("ec2").run_instances(**spot)
    aws("ec2").run_instances(**spot)
    assert aws.ask("policy")["used"]["1"] == ["iam:CreateServiceLinkedRole"]


@contract(UNCONFIRMED)
def test_a_policy_that_is_not_understood_is_refused_and_a_reset_ends_one(aws: Aws) -> None:
    """Nobody is told that a condition holds which was never looked at."""
    odd = {"Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.1"}}}
    with pytest.raises(DemoFailed, match="IpAddress"):
        allow(aws, odd)
    allow(aws)
    aws.ask("reset", {})
    assert aws.ask("policy")["in_force"] is False
    assert aws("ec2").describe_vpcs()["Vpcs"]
