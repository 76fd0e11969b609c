"""Every refusal of AWS that we foresee, as data: codes, meaning, the error it becomes. No code of AWS's here.

The translator is `refusals`; the documentation of errors is made from `TABLE`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu import errors

if TYPE_CHECKING:
    from collections.abc import Callable

Facts = dict[str, object]


@dataclass(frozen=True)
class Refusal:
    """One row: AWS error codes with one meaning, and the error they become.

    `when` is a regular expression the message must match (named groups become facts); `read` makes
    further facts from those known; `source` is where the code and its meaning are documented.
    """

    codes: tuple[str, ...]
    error: type[errors.AwsGpuError]
    meaning: str
    when: str = ""
    read: Callable[[Facts], Facts] = dict
    source: str = "EC2 API reference, error codes"


def _denied(facts: Facts) -> Facts:
    action = facts.get("action") or f"{facts.get('service', 'ec2')}:{facts['operation']}"
    return {"action": str(action).rstrip(".")}


def _quota(facts: Facts) -> Facts:
    """Say how many vCPUs the limit must become: enough whatever else runs under it now."""
    needed, limit = int(str(facts.get("vcpus", 0))), int(str(facts.get("limit", 0)))
    family = re.match(r"[a-z]+", str(facts.get("instance_type", "")))
    most = needed if needed > limit else limit + needed
    return {
        "family": family.group().upper() if family else "these",
        "needed": str(most) if needed else "…",
    }


def _capacity(facts: Facts) -> Facts:
    return {"tried": facts.get("zone") or facts.get("region") or "…"}


def _listed(facts: Facts) -> Facts:
    return {"zones": str(facts.get("zones", "the region's other zones")).rstrip(". ")}


def _image(facts: Facts) -> Facts:
    return {"image": facts.get("image") or facts.get("aws_message")}


def _group(facts: Facts) -> Facts:
    return {"group": facts.get("group") or facts.get("aws_message")}


def _subnet(facts: Facts) -> Facts:
    return {"subnet": facts.get("subnet", "…"), "why": str(facts.get("aws_message", "")).rstrip(".")}


def _gone(facts: Facts) -> Facts:
    return {"name": facts.get("name") or facts.get("instance_id") or "The instance", "why": "AWS does not know it"}


def _state(facts: Facts) -> Facts:
    name = facts.get("name") or facts.get("instance_id") or "The instance"
    return {"name": name, "state": facts.get("state") or "in another state", "verb": facts.get("verb") or "do this now"}


def _one_time(facts: Facts) -> Facts:
    return {**_state(facts), "state": "a one-time spot instance", "verb": "stop", "remedy_verb": "terminate"}


def _type(facts: Facts) -> Facts:
    return {"instance_type": facts.get("instance_type", "…"), "nearest": facts.get("nearest", "listed by the command")}


TABLE: tuple[Refusal, ...] = (
    # who is asking
    Refusal(
        ("ExpiredToken", "ExpiredTokenException"),
        errors.CredentialsExpired,
        "The session token has run out.",
        source="AWS common errors",
    ),
    Refusal(
        ("SignatureDoesNotMatch", "InvalidSignatureException"),
        errors.ClockWrong,
        "The signature is of another time.",
        when="signature expired|not yet current",
        source="AWS common errors",
    ),
    Refusal(
        ("RequestExpired", "RequestTimeTooSkewed"),
        errors.ClockWrong,
        "The request's time is more than five minutes off.",
        source="AWS common errors",
    ),
    Refusal(
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted",),
        errors.PermissionDenied,
        "The first spot request of an account makes a role, which this user may not.",
        read=lambda _facts: {"action": "iam:CreateServiceLinkedRole (for spot.amazonaws.com)"},
        source="karpenter pkg/errors/errors.go",
    ),
    Refusal(
        (
            "AuthFailure",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "SignatureDoesNotMatch",
            "InvalidSignatureException",
            "InvalidAccessKeyId",
            "MissingAuthenticationToken",
            "IncompleteSignature",
        ),
        errors.CredentialsRefused,
        "The key, or its signature, is not accepted (in an opt-in region: or the region is not enabled).",
    ),
    # what the account may
    Refusal(
        ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "DependencyAccessDeniedException"),
        errors.PermissionDenied,
        "An IAM policy does not allow the action.",
        when=r"^(?:.*?not authorized to perform: (?P<action>[A-Za-z0-9-]+:[A-Za-z0-9]+))?",
        read=_denied,
    ),
    Refusal(
        ("OptInRequired", "PendingVerification", "Blocked", "AccountProblem", "NotSignedUp"),
        errors.AccountNotReady,
        "The account is not subscribed, not verified yet, or blocked.",
    ),
    Refusal(
        ("InvalidParameterCombination",),
        errors.FreePlan,
        "A Free-plan account asked for a type outside the free tier.",
        when="free tier",
        source="public reports (unconfirmed by AWS documentation)",
    ),
    # how much there is
    Refusal(
        ("VcpuLimitExceeded",),
        errors.QuotaTooLow,
        "The vCPU quota of the family's bucket is reached.",
        when=r"^(?:.*?current vCPU limit of (?P<limit>\d+))?",
        read=_quota,
    ),
    Refusal(("InstanceLimitExceeded",), errors.QuotaTooLow, "The older form of the same limit.", read=_quota),
    Refusal(
        ("MaxSpotInstanceCountExceeded",),
        errors.SpotQuotaTooLow,
        "The spot quota is reached; 0 is a new account's.",
        read=_quota,
    ),
    Refusal(("SpotMaxPriceTooLow",), errors.SpotPriceTooLow, "The market is above the highest price set."),
    Refusal(
        (
            "InsufficientInstanceCapacity",
            "InsufficientHostCapacity",
            "InsufficientReservedInstanceCapacity",
            "InsufficientCapacity",
            "UnfulfillableCapacity",
        ),
        errors.NoCapacity,
        "The zone has none free at the moment (a server error code: HTTP 500, or 400).",
        read=_capacity,
    ),
    Refusal(
        ("InsufficientFreeAddressesInSubnet", "AddressLimitExceeded"),
        errors.NoAddress,
        "The zone's subnet has no address left, or the account no public one: another zone is tried.",
        read=_capacity,
    ),
    # what does not fit together
    Refusal(
        ("Unsupported",),
        errors.ZoneNotOffered,
        "The zone does not offer the type; the message lists those that do.",
        when=r"instance type \((?P<instance_type>[^)]+)\).*Availability Zone \((?P<zone>[^)]+)\)"
        r"(?:.*choosing (?P<zones>[a-z0-9, -]+))?",
        read=_listed,
    ),
    Refusal(
        ("MissingInput", "InvalidInput", "InvalidParameterValue", "DefaultSubnetNotFound"),
        errors.ZoneNotOffered,
        "The default network has no subnet in the zone.",
        when=r"No default subnet for availability zone:? '?(?P<zone>[a-z0-9-]+)",
        read=_listed,
        source="unconfirmed",
    ),
    Refusal(
        ("VPCIdNotSpecified", "MissingInput", "DefaultVpcDoesNotExist"),
        errors.NoDefaultVpc,
        "There is no default VPC, or it has no subnet.",
    ),
    Refusal(
        ("InvalidParameterValue",),
        errors.UnknownType,
        "No such instance type.",
        when=r"(?:value '(?P<instance_type>[^']+)' for InstanceType|following supplied instance types do not exist)",
        read=_type,
    ),
    Refusal(("InvalidInstanceType",), errors.UnknownType, "No such instance type.", read=_type),
    Refusal(
        ("InvalidParameterValue",),
        errors.ImageUnsuitable,
        "Image and type are of different architectures.",
        when="architecture .* does not match",
        read=lambda facts: {**_image(facts), "why": "it is made for another processor architecture"},
        source="unconfirmed",
    ),
    Refusal(
        ("InvalidParameterValue",),
        errors.UnknownZone,
        "No such zone in the region.",
        when=r"Invalid availability zone: \[?(?P<zone>[A-Za-z0-9-]+)",
        read=_listed,
    ),
    Refusal(
        ("InvalidBlockDeviceMapping",),
        errors.DiskTooSmall,
        "The root disk is smaller than the image's snapshot.",
        when=r"size (?P<disk_gb>\d+)\s*GB is smaller than snapshot.*>= (?P<needed_gb>\d+)\s*GB",
        read=_image,
        source="public reports (unconfirmed by AWS documentation)",
    ),
    Refusal(
        ("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable"),
        errors.ImageNotFound,
        "No such image in the region, or it is still being made.",
        read=_image,
    ),
    Refusal(
        ("InvalidAMIName.Duplicate",),
        errors.ImageNameTaken,
        "An image of the account has that name in the region.",
        when=r"^(?:AMI name (?P<image>\S+) is)?",
        read=_image,
    ),
    Refusal(("InvalidKeyPair.Duplicate",), errors.KeyPairTaken, "The key pair's name is taken by another key."),
    Refusal(
        ("InvalidKey.Format", "InvalidKeyPair.Format"),
        errors.BadValue,
        "The public key is neither RSA nor ed25519.",
        read=lambda _facts: {"option": "--key", "value": "this key", "expected": "AWS takes RSA and ed25519 keys only"},
    ),
    Refusal(
        ("InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidSecurityGroupID.NotFound"),
        errors.GroupMissing,
        "No such security group there.",
        when=r"^(?:.*?(?P<group>sg-[0-9a-z]+))?",
        read=_group,
    ),
    Refusal(
        ("InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed"),
        errors.NoSubnet,
        "The subnet does not exist.",
        read=_subnet,
    ),
    Refusal(
        ("VolumeModificationRateExceeded", "IncorrectModificationState", "VolumeModificationSizeLimitExceeded"),
        errors.DiskChangedLately,
        "The volume is being changed, or was changed a short while ago.",
        read=lambda facts: {"volume": facts.get("volume", "…")},
        source="EC2 API reference, ModifyVolume; the wait of six hours: EBS user guide",
    ),
    # the instance itself
    Refusal(
        ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "InvalidInstanceID"),
        errors.InstanceGone,
        "No such instance: ended long ago, or made a moment ago and not yet known everywhere.",
        read=_gone,
    ),
    Refusal(
        ("IncorrectInstanceState", "IncorrectState", "InvalidState"),
        errors.WrongState,
        "The instance is in a state that does not allow it.",
        read=_state,
    ),
    Refusal(
        ("UnsupportedOperation",),
        errors.WrongState,
        "A one-time spot instance cannot be stopped.",
        when="spot",
        read=_one_time,
        source="unconfirmed",
    ),
    Refusal(
        ("IdempotentParameterMismatch",),
        errors.LaunchUnclear,
        "A launch's token is known with other parameters: something may exist, so nothing more is asked for.",
    ),
    # AWS itself
    Refusal(
        (
            "RequestLimitExceeded",
            "EC2ThrottledException",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
        ),
        errors.AwsThrottled,
        "Too many requests; repeated calls kept meeting this.",
        source="AWS common errors",
    ),
    Refusal(
        ("Unavailable", "InternalError", "InternalFailure", "ServiceUnavailable", "ServiceException"),
        errors.AwsFailing,
        "A fault on AWS's side.",
        source="AWS common errors",
    ),
    # refusals that stay in AWS's words, listed so that nobody takes them for forgotten
    Refusal(("IdempotentInstanceTerminated",), errors.AwsRefused, "What was made for a launch's token has ended."),
    Refusal(("InvalidUserData.Malformed",), errors.AwsRefused, "User data above 16 KB, or not base64."),
    Refusal(("InvalidKeyPair.NotFound",), errors.AwsRefused, "The key pair was deleted meanwhile."),
    Refusal(("InvalidGroup.Duplicate",), errors.AwsRefused, "The group exists already; it is looked up and used."),
    Refusal(("InvalidPermission.Duplicate",), errors.AwsRefused, "The rule exists already; that is success."),
    Refusal(("DependencyViolation",), errors.AwsRefused, "Something still holds it; it is tried again for minutes."),
    Refusal(("DryRunOperation",), errors.AwsRefused, "The call would have been allowed; that is success."),
)
