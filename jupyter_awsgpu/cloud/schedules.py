"""One-time schedules that end an instance from outside the machine (EventBridge Scheduler), in a group with our tags.

A schedule itself carries no tags; its group does, and its name is of the launch. AWS removes it once it has run.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import AwsGpuError, OtherOwner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jupyter_awsgpu.cloud.place import Place

Act = Literal["stop", "terminate"]

ACTIONS: dict[Act, str] = {"stop": "stopInstances", "terminate": "terminateInstances"}
"""Universal targets of EventBridge Scheduler (its user guide, «Using universal targets»)."""

EXISTS = "ConflictException"
MISSING = "ResourceNotFoundException"


def group_of(owner: str) -> str:
    """Return the name of an owner's group of schedules (letters, digits and `-_.`, 64 at most).

    >>> group_of("123456789012/role/Data Science")
    'awsgpu-Data-Science'
    """
    return "awsgpu-" + (re.sub(r"[^A-Za-z0-9._-]+", "-", owner.rpartition("/")[2])[:40] or "owner")


def ensure_group(place: Place, group: str, has: Mapping[str, str]) -> None:
    """Have the owner's group of schedules. Raises `PermissionDenied`."""
    try:
        with refusals(region=place.region, service="scheduler"):
            place.client("scheduler").create_schedule_group(Name=group, Tags=tags.written(has))
    except AwsGpuError as exc:
        if exc.facts.get("aws_code") != EXISTS:
            raise


def put(
    place: Place,
    *,
    group: str,
    name: str,
    role: str,
    at: datetime,
    act: Act,
    instance_ids: Sequence[str],
    about: str,
) -> None:
    """Make the schedule, or change the one there is; without instances it is switched off and ends nothing.

    `at` is in UTC. Raises `PermissionDenied` (`iam:PassRole` above all) and what AWS says of the role.
    """
    partition = place.session.partition(place.region)
    wish: dict[str, Any] = {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": f"at({at:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Description": about,
        "State": "ENABLED" if instance_ids else "DISABLED",
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": f"arn:{partition}:scheduler:::aws-sdk:ec2:{ACTIONS[act]}",
            "RoleArn": role,
            "Input": json.dumps({"InstanceIds": list(instance_ids)}),
        },
    }
    try:
        with refusals(region=place.region, service="scheduler"):
            place.client("scheduler").create_schedule(**wish)
    except AwsGpuError as exc:
        if exc.facts.get("aws_code") != EXISTS:
            raise
        with refusals(region=place.region, service="scheduler"):
            place.client("scheduler").update_schedule(**wish)


def remove(place: Place, group: str, name: str) -> None:
    """Remove a schedule; one that is gone, or has run, is fine."""
    try:
        with refusals(region=place.region, service="scheduler"):
            place.client("scheduler").delete_schedule(GroupName=group, Name=name)
    except AwsGpuError as exc:
        if exc.facts.get("aws_code") != MISSING:
            raise


def names(place: Place, group: str) -> tuple[str, ...]:
    """Return the names of a group's schedules; none where there is no such group."""
    try:
        pages = place.pages(place.client("scheduler"), "list_schedules", "Schedules", GroupName=group)
        return tuple(str(one["Name"]) for one in pages)
    except AwsGpuError as exc:
        if exc.facts.get("aws_code") != MISSING:
            raise
        return ()


def require_ours(place: Place, group: str) -> None:
    """Raise `OtherOwner` unless the group carries our tags."""
    with refusals(region=place.region, service="scheduler"):
        arn = place.client("scheduler").get_schedule_group(Name=group)["Arn"]
        has = place.client("scheduler").list_tags_for_resource(ResourceArn=arn)
    if not tags.ours(has):
        raise OtherOwner(name=group, owner="somebody else (it does not carry our tags)")
