"""`--guard scheduler`: a schedule at AWS that ends the instance at its cap, whatever has become of the machine.

Made switched off before the launch, so that a role that does not fit is refused while nothing exists; armed
once the instance has its id, again at each start, and removed with stop and terminate. Each machine of a cluster
has one of its own: EC2 refuses a whole call for one instance that is gone. A schedule that
nobody removed finds an instance that is stopped or gone, and AWS deletes it then.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.cloud.schedules import group_of
from jupyter_awsgpu.errors import AwsGpuError, AwsRefused, GuardUnfit
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.wishes import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.cloud.schedules import Act
    from jupyter_awsgpu.model import Instance, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

ROLE_TAG = "jupyter-awsgpu:guard-role"
HOURS_TAG = "jupyter-awsgpu:guard-hours"
"""On an instance with such a guard: what `start` needs to arm it again, from any machine."""

AT_ONCE = 16
"""Schedules that are made or removed at the same time."""

MARGIN = timedelta(minutes=3)
"""The instance's own watchdog acts first; the schedule is for the case that it does not."""


def guard_tags(wishes: Wishes, rate: float | None) -> dict[str, str]:
    """Return the tags of an instance that is to be guarded from outside; none for others.

    `rate` is what an hour costs in all. Raises `GuardUnfit` for a wish that has no role or no cap.
    """
    if wishes.guard != "scheduler":
        return {}
    line = f"awsgpu launch {wishes.instance_type}"
    if not wishes.guard_role:
        why = "it needs a role that EventBridge Scheduler may take, and that may stop instances"
        raise GuardUnfit(why=why, command=f"{line}{options(wishes)} --guard-role ARN")
    hours = [wishes.max_hours] if wishes.max_hours else []
    hours += [wishes.budget / rate] if wishes.budget and rate else []
    if not hours:
        command = f"{line}{options(wishes, ('max_hours',))} --max-hours 12"
        raise GuardUnfit(why="without a cap there is no time to end it at", command=command)
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
    """Let a schedule end this run of each machine at its cap, counted from its own start."""
    guarded = [one for one in nodes if ROLE_TAG in dict(one.tags)]
    if not guarded:
        return
    with operation.step("guard", "Arming the schedule that ends it from outside") as step, parallel(AT_ONCE) as pool:
        said = [pool.submit(_arm, bench, one) for one in guarded]
        step.say(said[0].result())
        for each in said:
            each.result()


def _arm(bench: Workbench, instance: Instance) -> str:
    has = dict(instance.tags)
    act: Act = "terminate" if instance.spot or has.get("jupyter-awsgpu:on-idle") == "terminate" else "stop"
    at = _ends(has, instance.launched_at)
    bench.cloud(instance.region).schedule(
        group=group_of(instance.owner),
        name=instance.pin_id,
        role=has[ROLE_TAG],
        at=at,
        act=act,
        instance_ids=[instance.instance_id],
        about=f"jupyter-awsgpu: {instance.title} ends",
    )
    return f"AWS itself will {act} it at {at:%Y-%m-%d %H:%M} UTC"


def drop_guard(bench: Workbench, nodes: Sequence[Instance]) -> None:
    """Remove the schedules of machines that stop or end; where that cannot be, they do no harm."""
    with parallel(AT_ONCE) as pool:
        for one in nodes:
            if ROLE_TAG in dict(one.tags):
                pool.submit(_drop, bench.cloud(one.region), group_of(one.owner), one.pin_id)


def _drop(cloud: Cloud, group: str, name: str) -> None:
    with suppress(AwsGpuError):
        cloud.unschedule(group, name)


def drop_prepared(bench: Workbench, cloud: Cloud, launch_id: str, has: dict[str, str]) -> None:
    """Remove the schedule of a launch that came to nothing."""
    if ROLE_TAG in has:
        _drop(cloud, group_of(bench.clouds.identity().owner), launch_id)


def _ends(has: dict[str, str], started: datetime | None = None) -> datetime:
    begun = (started or datetime.now(UTC)).astimezone(UTC)
    return begun + timedelta(hours=float(has[HOURS_TAG])) + MARGIN
