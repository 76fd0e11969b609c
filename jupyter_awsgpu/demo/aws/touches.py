"""What a call touches, as IAM sees it: an action, a resource, and the tags and other keys that conditions look at.

Which resources an action takes, and which of them it makes, is AWS's Service Authorization Reference («Actions,
resources, and condition keys»): a made resource is judged by the tags in the request, one that exists by its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo.aws.operations import store
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyter_awsgpu.demo.aws.wire import Request

INSTANCE = {"InstanceId": "instance"}
EXISTING: dict[str, dict[str, str]] = {
    "AttachVolume": {"InstanceId": "instance", "VolumeId": "volume"},
    "AuthorizeSecurityGroupIngress": {"GroupId": "security-group"},
    "CreateImage": INSTANCE,
    "CreateSecurityGroup": {"VpcId": "vpc"},
    "CreateSnapshot": {"VolumeId": "volume"},
    "CreateVolume": {"SnapshotId": "snapshot"},
    "DeleteKeyPair": {"KeyName": "key-pair", "KeyPairId": "key-pair"},
    "DeletePlacementGroup": {"GroupName": "placement-group"},
    "DeleteSecurityGroup": {"GroupId": "security-group"},
    "DeleteSnapshot": {"SnapshotId": "snapshot"},
    "DeleteVolume": {"VolumeId": "volume"},
    "DeregisterImage": {"ImageId": "image"},
    "DetachVolume": {"InstanceId": "instance", "VolumeId": "volume"},
    "GetConsoleOutput": INSTANCE,
    "ModifyInstanceAttribute": INSTANCE,
    "ModifyVolume": {"VolumeId": "volume"},
    "ReleaseAddress": {"AllocationId": "elastic-ip"},
    "RevokeSecurityGroupIngress": {"GroupId": "security-group"},
    "RunInstances": {
        "ImageId": "image",
        "KeyName": "key-pair",
        "SecurityGroupId": "security-group",
        "NetworkInterface.1.SecurityGroupId": "security-group",
        "SubnetId": "subnet",
        "NetworkInterface.1.SubnetId": "subnet",
        "Placement.GroupName": "placement-group",
    },
    "StartInstances": INSTANCE,
    "StopInstances": INSTANCE,
    "TerminateInstances": INSTANCE,
}
"""Operations of EC2, the parameters that name what exists already, and of which kind it is."""

MADE: dict[str, tuple[str, ...]] = {
    "CopyImage": ("image", "snapshot"),
    "CreateImage": ("image", "snapshot"),
    "CreatePlacementGroup": ("placement-group",),
    "CreateSecurityGroup": ("security-group",),
    "CreateSnapshot": ("snapshot",),
    "CreateVolume": ("volume",),
    "ImportKeyPair": ("key-pair",),
    "RunInstances": ("instance", "volume", "network-interface"),
}
"""Operations of EC2 and what they make."""

ALWAYS = {"RunInstances": ("security-group", "subnet")}
"""What is touched even where the request names none: EC2 takes the default then."""

NOBODYS = ("image", "snapshot")
"""Kinds whose ARN names no account."""

KINDS = {
    "i": "instance",
    "vol": "volume",
    "ami": "image",
    "snap": "snapshot",
    "sg": "security-group",
    "key": "key-pair",
}
"""Kinds by the beginning of an id."""

SPOT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
REST_ACTIONS = {"GetTag": "ListTagsForResource"}
"""IAM's name of an operation that its path does not spell out."""


@dataclass(frozen=True)
class Touch:
    """One thing that must be allowed; `context` holds the condition keys that are present."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict)


def touches(request: Request) -> Iterator[Touch]:
    """Yield everything that IAM must allow for a call to go through."""
    find = OF_SERVICE.get(request.service)
    if find is None:
        yield Touch(f"{request.service}:{request.operation}")
        return
    yield from find(request)


# ── EC2 ──────────────────────────────────────────────────────────────────────────────────────


def _ec2(request: Request) -> Iterator[Touch]:
    action = f"ec2:{request.operation}"
    if request.operation == "CreateTags":
        yield from _tagging(request)
        return
    found = [*_existing(request, action), *_made(request, action)]
    yield from found or [Touch(action)]
    yield from _handed_over(request)


def _existing(request: Request, action: str) -> Iterator[Touch]:
    kinds = set()
    for parameter, kind in EXISTING.get(request.operation, {}).items():
        for name in _values(request.form, parameter):
            kinds.add(kind)
            context = {**_own_tags(request.region, kind, name), **_attribute(request)}
            yield Touch(action, _arn(request.region, kind, name), context)
    for kind in ALWAYS.get(request.operation, ()):
        if kind not in kinds:
            yield Touch(action, _arn(request.region, kind, "default"))


def _made(request: Request, action: str) -> Iterator[Touch]:
    given = _request_tags(request.form)
    for kind in (*MADE.get(request.operation, ()), *(["spot-instances-request"] if _spot(request) else [])):
        yield Touch(action, _arn(request.region, kind, "new"), given.get(kind, {}))
    for kind, has in given.items():
        yield Touch("ec2:CreateTags", _arn(request.region, kind, "new"), {**has, "ec2:CreateAction": request.operation})


def _tagging(request: Request) -> Iterator[Touch]:
    given = _tags(request.form, "Tag")
    for name in _values(request.form, "ResourceId"):
        kind = KINDS.get(name.partition("-")[0], "unknown")
        context = {**_own_tags(request.region, kind, name), **given}
        yield Touch("ec2:CreateTags", _arn(request.region, kind, name), context)


def _handed_over(request: Request) -> Iterator[Touch]:
    """Yield the role that a launch hands to its instance, and the one that a spot request needs in the account."""
    form = request.form
    if profile := form.get("IamInstanceProfile.Name") or form.get("IamInstanceProfile.Arn"):
        role = f"arn:aws:iam::{ACCOUNT}:role/{profile.rpartition('/')[2]}"
        yield Touch("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})
    if request.operation == "RunInstances" and _spot(request) and not request.dry_run:
        yield Touch("iam:CreateServiceLinkedRole", SPOT_ROLE, {"iam:AWSServiceName": "spot.amazonaws.com"})


def _attribute(request: Request) -> dict[str, str]:
    """Return the key that says which attribute of an instance is being set."""
    if request.operation != "ModifyInstanceAttribute":
        return {}
    return {"ec2:Attribute": next(key.removesuffix(".Value") for key in request.form if key.endswith(".Value"))}


def _spot(request: Request) -> bool:
    return request.form.get("InstanceMarketOptions.MarketType") == "spot"


def _values(form: Mapping[str, str], name: str) -> list[str]:
    wanted = re.compile(re.escape(name) + r"(\.\d+)?")
    return [value for key, value in form.items() if value and wanted.fullmatch(key)]


def _request_tags(form: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the tags of the request by the kind of resource they are for, as condition keys."""
    found = {}
    for key, kind in form.items():
        if re.fullmatch(r"TagSpecification\.\d+\.ResourceType", key):
            found[kind] = _tags(form, key.replace("ResourceType", "Tag"))
    return found


def _tags(form: Mapping[str, str], name: str) -> dict[str, str]:
    keys = re.compile(re.escape(name) + r"\.(\d+)\.Key")
    found = ((match[1], value) for key, value in form.items() if (match := keys.fullmatch(key)))
    return {f"aws:RequestTag/{value}": form.get(f"{name}.{number}.Value", "") for number, value in found}


def _own_tags(region: str, kind: str, name: str) -> dict[str, str]:
    backend = store(region)
    pair = backend.key_pairs.get(name) if kind == "key-pair" else None
    return {f"aws:ResourceTag/{key}": value for key, value in backend.tags.get(pair.id if pair else name, {}).items()}


def _arn(region: str, kind: str, name: str) -> str:
    return f"arn:aws:ec2:{region}:{'' if kind in NOBODYS else ACCOUNT}:{kind}/{name}"


# ── the others that name resources ───────────────────────────────────────────────────────────


def _parameters(request: Request) -> Iterator[Touch]:
    names = [*request.json.get("Names", ()), *filter(None, [request.json.get("Name"), request.json.get("Path")])]
    for name in names:
        yield Touch(f"ssm:{request.operation}", f"arn:aws:ssm:{request.region}::parameter{name}")


def _quotas(request: Request) -> Iterator[Touch]:
    code, action = request.json.get("QuotaCode"), f"servicequotas:{request.operation}"
    named = code and not request.operation.startswith(("List", "GetAWSDefault"))
    yield Touch(action, f"arn:aws:servicequotas:{request.region}:{ACCOUNT}:ec2/{code}" if named else "*")


def _schedules(request: Request) -> Iterator[Touch]:
    action = f"scheduler:{REST_ACTIONS.get(request.operation, request.operation)}"
    things, _, name = request.path.strip("/").partition("/")
    if not name:
        yield Touch(action)
        return
    group = request.json.get("GroupName") or request.query.get("groupName") or "default"
    place = f"schedule/{group}/{name}" if things == "schedules" else f"schedule-group/{name.rpartition('/')[2]}"
    yield Touch(action, f"arn:aws:scheduler:{request.region}:{ACCOUNT}:{place}")
    if things == "schedule-groups" and request.json.get("Tags"):
        yield Touch("scheduler:TagResource", f"arn:aws:scheduler:{request.region}:{ACCOUNT}:{place}")
    role = request.json.get("Target", {}).get("RoleArn")
    if role:
        yield Touch("iam:PassRole", role, {"iam:PassedToService": "scheduler.amazonaws.com"})


OF_SERVICE: dict[str, Callable[[Request], Iterator[Touch]]] = {
    "ec2": _ec2,
    "ssm": _parameters,
    "servicequotas": _quotas,
    "scheduler": _schedules,
}
