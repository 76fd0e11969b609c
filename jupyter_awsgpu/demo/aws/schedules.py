"""EventBridge Scheduler that acts: a one-time schedule stops or terminates its instances when it is time (moto: inert).

Only what the product uses is played: `at(…)` in UTC, universal EC2 targets, a role that must let itself be taken.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.machines import machines
from jupyter_awsgpu.demo.aws.operations import replace
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.world import World

log = logging.getLogger(__name__)

ENDED = ("shutting-down", "terminated")
TAKER = "scheduler.amazonaws.com"
UNTAKEN = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
"""Scheduler's own words (its user guide, «Troubleshooting»)."""


def install(world: World) -> None:
    """Let schedules be checked when they are made, and act when it is time; a group is made once (moto: emptied)."""
    from moto.scheduler.models import EventBridgeSchedulerBackend as Backend

    create, update, group = Backend.create_schedule, Backend.update_schedule, Backend.create_schedule_group

    def grouped(backend: Any, name: str, *args: Any, **wish: Any) -> Any:
        _require_new_group(backend, name)
        return group(backend, name, *args, **wish)

    def made(backend: Any, *args: Any, **wish: Any) -> Any:
        _check(wish)
        return _planned(world, backend, create(backend, *args, **wish))

    def changed(backend: Any, *args: Any, **wish: Any) -> Any:
        _check(wish)
        return _planned(world, backend, update(backend, *args, **wish))

    replace(Backend, "create_schedule_group", grouped)
    replace(Backend, "create_schedule", made)
    replace(Backend, "update_schedule", changed)


def _require_new_group(backend: Any, name: str) -> None:
    from moto.core.exceptions import JsonRESTError

    if name in backend.schedule_groups:
        raise JsonRESTError("ConflictException", f"Schedule group {name} already exists.")


def _check(wish: dict[str, Any]) -> None:
    from moto.iam.models import iam_backends
    from moto.scheduler.exceptions import ValidationException

    _time_of(wish["schedule_expression"])
    named = str(wish["target"].get("RoleArn", "")).rpartition("role/")[2]
    roles = [role for store in iam_backends[ACCOUNT].values() for role in store.roles.values()]
    trusts = [role.assume_role_policy_document for role in roles if role.name == named.rpartition("/")[2]]
    if not any(TAKER in str(one) for one in trusts):
        raise ValidationException(UNTAKEN)


def _time_of(expression: str) -> datetime:
    from moto.scheduler.exceptions import ValidationException

    found = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression)
    if found is None:
        raise ValidationException(f"Invalid Schedule Expression {expression}.")
    return datetime.fromisoformat(found.group(1)).replace(tzinfo=UTC)


def _planned(world: World, backend: Any, schedule: Any) -> Any:
    """Put the moment of a schedule on the timetable; one that was changed meanwhile does nothing then."""
    expression, made = schedule.schedule_expression, object()
    schedule.planned = made

    def fire() -> None:
        group = backend.schedule_groups.get(schedule.group_name)
        now = group.schedules.get(schedule.name) if group else None
        if now is None or now.planned is not made or now.state != "ENABLED":
            return
        _act(world, now.target)
        if now.action_after_completion == "DELETE":
            group.schedules.pop(now.name)

    world.later(max(0.0, (_time_of(expression) - datetime.now(UTC)).total_seconds()), fire)
    return schedule


def _act(world: World, target: dict[str, Any]) -> None:
    """Make the target's one call: EC2 refuses all of it for one instance that is gone or cannot be stopped."""
    act = target["Arn"].rpartition(":")[2]
    ids = json.loads(target.get("Input") or "{}").get("InstanceIds", ())
    found = [machines(world).get(one) for one in ids]
    met = [one for one in found if one is not None]
    unfit = [one for one in met if act == "stopInstances" and one.state not in ("running", "stopping", "stopped")]
    if unfit or len(met) < len(ids):
        log.warning("a schedule's call was refused: of %s not all can be told to %s", ids, act)
        return
    for machine in met:
        if act == "terminateInstances" and machine.state not in ENDED:
            machines(world).terminate(machine)
        elif act == "stopInstances" and machine.state == "running":
            machines(world).stop(machine)
