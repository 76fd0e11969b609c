"""`--guard scheduler`: a schedule at AWS that ends the instance at its cap, whatever has become of the machine.

Made switched off before the launch, so that a role that does not fit is refused while nothing exists; armed
once the instance has its id, again at each start, and removed with stop and terminate. A schedule that
nobody removed finds an instance that is stopped or gone, and AWS deletes it then.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.schedules import group_of
from jupyter_awsgpu.errors import AwsGpuError, AwsRefused, GuardUnfit
from jupyter_awsgpu.verbs.access import resource_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Instance, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

ROLE_TAG = "jupyter-awsgpu:guard-role"
HOURS_TAG = "jupyter-awsgpu:guard-hours"
"""On an instance with such a guard: what `start` needs to arm it again, from any machine."""

MARGIN = timedelta(minutes=3)
"""The instance's own watchdog acts first; the schedule is for the case that it does not."""


def guard_tags(wishes: Wishes, rate: float | None) -> dict[str, str]:
    """Return the tags of an instance that is to be guarded from outside; none for others.

    `rate` is what an hour costs in all. Raises `GuardUnfit` for a wish that has no role or no cap.
    """
    if wishes.guard != "scheduler":
        return {}
    command = f"awsgpu launch {wishes.instance_type} --guard scheduler --guard-role ARN"
    if not wishes.guard_role:
        why = "it needs a role that EventBridge Scheduler may take, and that may stop instances"
        raise GuardUnfit(why=why, command=command)
    hours = [wishes.max_hours] if wishes.max_hours else []
    hours += [wishes.budget / rate] if wishes.budget and rate else []
    if not hours:
        raise GuardUnfit(why="without a cap there is no time to end it at", command=f"{command} --max-hours 12")
    ends = {"jupyter-awsgpu:on-idle": "terminate"} if wishes.on_idle == "terminate" else {}
    return {ROLE_TAG: wishes.guard_role, HOURS_TAG: f"{min(hours):.3f}", **ends}


def prepare_guard(bench: Workbench, cloud: Cloud, launch_id: str, has: dict[str, str], operation: Operation) -> None:
    """Make the schedule, switched off, before anything that costs: what refuses it refuses the launch."""
    if ROLE_TAG not in has:
        return
    identity = bench.clouds.identity()
    group = group_of(identity.owner)
    with operation.step("guard", "Preparing the schedule that ends it from outside") as step:
        try:
            cloud.ensure_schedules(group, resource_tags(identity))
            cloud.schedule(group=group, name=launch_id, role=has[ROLE_TAG], at=_ends(has), act="stop", about="")
        except AwsRefused as exc:
            why = str(exc.facts.get("aws_message", exc)).rstrip(".")
            raise GuardUnfit(why=why, command="awsgpu doctor --iam-policy") from exc
        step.say("EventBridge Scheduler takes the role")


def arm_guard(bench: Workbench, nodes: Sequence[Instance], operation: Operation) -> None:
    """Let the schedule end this run, of all machines of the name, at its cap, counted from the first one's start."""
    instance = nodes[0]
    has = dict(instance.tags)
    if ROLE_TAG not in has:
        return
    act = "terminate" if instance.spot or has.get("jupyter-awsgpu:on-idle") == "terminate" else "stop"
    at = _ends(has, instance.launched_at)
    with operation.step("guard", "Arming the schedule that ends it from outside") as step:
        bench.cloud(instance.region).schedule(
            group=group_of(instance.owner),
            name=instance.cluster_id,
            role=has[ROLE_TAG],
            at=at,
            act="terminate" if act == "terminate" else "stop",
            instance_ids=[one.instance_id for one in nodes],
            about=f"jupyter-awsgpu: {instance.name} ends",
        )
        step.say(f"AWS itself will {act} it at {at:%Y-%m-%d %H:%M} UTC")


def drop_guard(bench: Workbench, instance: Instance) -> None:
    """Remove the schedule of an instance that stops or ends; where that cannot be, it does no harm."""
    if ROLE_TAG in dict(instance.tags):
        with suppress(AwsGpuError):
            bench.cloud(instance.region).unschedule(group_of(instance.owner), instance.cluster_id)


def drop_prepared(bench: Workbench, cloud: Cloud, launch_id: str, has: dict[str, str]) -> None:
    """Remove the schedule of a launch that came to nothing."""
    if ROLE_TAG in has:
        with suppress(AwsGpuError):
            cloud.unschedule(group_of(bench.clouds.identity().owner), launch_id)


def _ends(has: dict[str, str], started: datetime | None = None) -> datetime:
    begun = (started or datetime.now(UTC)).astimezone(UTC)
    return begun + timedelta(hours=float(has[HOURS_TAG])) + MARGIN
