"""`doctor --iam-policy`: the smallest IAM policy the verbs need, mutations bound to our tags."""

from __future__ import annotations

from typing import Any

from jupyter_awsgpu.model import ADOPTED

LOOK = (
    "ec2:DescribeAddresses",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeRegions",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
    "ec2:DescribeVolumesModifications",
    "ec2:DescribeVpcs",
    "ec2:GetConsoleOutput",
    "freetier:GetAccountPlanState",
    "pricing:GetProducts",
    "scheduler:ListSchedules",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
    "servicequotas:ListServiceQuotas",
)
"""Read-only calls that know no resources, or are asked of any, so they stand on `*`; who one is may always be asked."""

MAKE = (
    "ec2:CopyImage",
    "ec2:CreateImage",
    "ec2:CreatePlacementGroup",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSnapshot",
    "ec2:CreateVolume",
    "ec2:ImportKeyPair",
)
"""What is created with our tags in the same call: allowed only with them."""

CHANGE = (
    "ec2:AttachVolume",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateImage",
    "ec2:CreateSnapshot",
    "ec2:CreateVolume",
    "ec2:DeleteKeyPair",
    "ec2:DeletePlacementGroup",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSnapshot",
    "ec2:DeleteVolume",
    "ec2:DeregisterImage",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyVolume",
    "ec2:ReleaseAddress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:TerminateInstances",
)
"""What touches something that exists, if only as the source of what it makes: allowed only on what carries our tag,
and was not adopted."""

PAUSE = ("ec2:StartInstances", "ec2:StopInstances")
"""Allowed on an adopted instance too."""

GUARD = (
    "scheduler:CreateSchedule",
    "scheduler:CreateScheduleGroup",
    "scheduler:DeleteSchedule",
    "scheduler:GetScheduleGroup",
    "scheduler:ListTagsForResource",
    "scheduler:TagResource",
    "scheduler:UpdateSchedule",
)
"""For `--guard scheduler` alone, on schedules of our names; `iam:PassRole` hands the role over."""

TAG = "jupyter-awsgpu:schema"


def iam_policy(partition: str = "aws") -> dict[str, Any]:
    """Return the policy document, ready for `aws iam create-policy`.

    Composed from the calls `cloud/` makes and AWS's «Actions, resources, and condition keys»; run
    against the simulated AWS's IAM, not against AWS itself. `Adopt` lets its holder start and stop, and
    neither change nor end, any instance of the account, `AdoptWithLimits` say what a shutdown from inside
    does to it; whoever adopts none may strike both out.
    """
    tagged_request = {"Null": {f"aws:RequestTag/{TAG}": "false"}}
    tagged_resource = {"Null": {f"aws:ResourceTag/{TAG}": "false"}}
    made_by_us = {"Null": {f"aws:ResourceTag/{TAG}": "false", f"aws:ResourceTag/{ADOPTED}": "true"}}
    adopting = {"Null": {f"aws:ResourceTag/{TAG}": "true"}, "StringEquals": {f"aws:RequestTag/{ADOPTED}": "1"}}
    limiting = {"StringEquals": {"ec2:Attribute": "InstanceInitiatedShutdownBehavior"}}
    handed = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    spot = {"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}
    parameters = f"arn:{partition}:ssm:*::parameter/aws/service/*"
    quotas = f"arn:{partition}:servicequotas:*:*:ec2/*"
    made = [
        f"arn:{partition}:ec2:*:*:{kind}/*"
        for kind in ("instance", "volume", "network-interface", "spot-instances-request")
    ]
    used = [
        f"arn:{partition}:ec2:*:*:{kind}/*" for kind in ("key-pair", "security-group", "subnet", "placement-group")
    ] + [f"arn:{partition}:ec2:*::{kind}/*" for kind in ("image", "snapshot")]
    return {
        "Version": "2012-10-17",
        "Statement": [
            _statement("Look", LOOK, "*"),
            _statement("PublicParameters", ("ssm:GetParameters", "ssm:GetParametersByPath"), parameters),
            _statement("AskForQuota", ("servicequotas:RequestServiceQuotaIncrease",), quotas),
            _statement("LaunchTagged", ("ec2:RunInstances",), made, tagged_request),
            _statement("LaunchWith", ("ec2:RunInstances",), used),
            _statement("FirstSpot", ("iam:CreateServiceLinkedRole",), _spot_role(partition), spot),
            _statement("MakeTagged", MAKE, "*", tagged_request),
            _statement("MakeIn", ("ec2:CreateSecurityGroup",), f"arn:{partition}:ec2:*:*:vpc/*"),
            _statement("TagWhatIsMade", ("ec2:CreateTags",), "*", _creating()),
            _statement("ChangeOurs", CHANGE, "*", made_by_us),
            _statement("TagOurs", ("ec2:CreateTags",), f"arn:{partition}:ec2:*:*:instance/*", made_by_us),
            _statement("Pause", PAUSE, "*", tagged_resource),
            _statement("GuardFromOutside", GUARD, f"arn:{partition}:scheduler:*:*:*/awsgpu-*"),
            _statement("PassGuardRole", ("iam:PassRole",), f"arn:{partition}:iam::*:role/*", handed),
            _statement("Adopt", ("ec2:CreateTags",), f"arn:{partition}:ec2:*:*:instance/*", adopting),
            _statement(
                "AdoptWithLimits", ("ec2:ModifyInstanceAttribute",), f"arn:{partition}:ec2:*:*:instance/*", limiting
            ),
        ],
    }


def _spot_role(partition: str) -> str:
    """Name the role that an account has from its first spot request on."""
    return f"arn:{partition}:iam::*:role/aws-service-role/spot.amazonaws.com/*"


def _creating() -> dict[str, Any]:
    actions = [
        "RunInstances",
        "CreatePlacementGroup",
        "CreateSecurityGroup",
        "ImportKeyPair",
        "CreateVolume",
        "CreateSnapshot",
        "CreateImage",
        "CopyImage",
    ]
    return {"StringEquals": {"ec2:CreateAction": actions}}


def _statement(sid: str, actions: tuple[str, ...], resource: object, condition: object = None) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
    return statement | ({"Condition": condition} if condition else {})
