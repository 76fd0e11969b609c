"""`--guard scheduler`: a schedule at AWS that ends the instance at its cap, armed, armed again, and removed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import GuardUnfit, NoCapacity
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.cleanup import cleanup, leftovers
from jupyter_awsgpu.verbs.guard import MARGIN, arm_guard
from jupyter_awsgpu.verbs.start import start_instance
from jupyter_awsgpu.verbs.stop import stop
from jupyter_awsgpu.verbs.terminate import terminate
from tests.behaviour.verbs.test_attempts import existing, launch_without_arriving

if TYPE_CHECKING:
    from datetime import datetime

    from jupyter_awsgpu.model import Instance
    from tests.behaviour.verbs.conftest import Desk

GROUP = "awsgpu-demo"


@pytest.fixture
def role(desk: Desk) -> str:
    """Make the role that a person hands over; return its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam = desk.bench.clouds.session.client("iam", "us-east-1")
    return str(iam.create_role(RoleName="guard", AssumeRolePolicyDocument=document)["Role"]["Arn"])


def schedule(desk: Desk, instance: Instance) -> dict[str, Any]:
    """Return the schedule of an instance as AWS has it."""
    client = desk.bench.cloud().place.client("scheduler")
    found: dict[str, Any] = client.get_schedule(GroupName=GROUP, Name=instance.launch_id)
    return found


def ends(instance: Instance, hours: float) -> str:
    """Return when the schedule should act."""
    at: datetime = instance.launched_at + timedelta(hours=hours) + MARGIN
    return f"at({at:%Y-%m-%dT%H:%M:%S})"


def test_the_schedule_ends_the_instance_at_its_cap(desk: Desk, role: str) -> None:
    """One schedule, at launch plus cap, that stops this very instance with the role handed over."""
    box = launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role, max_hours=6))
    found = schedule(desk, box)
    assert (found["State"], found["ActionAfterCompletion"]) == ("ENABLED", "DELETE")
    assert found["ScheduleExpression"] == ends(box, 6)
    assert found["Target"]["Arn"].endswith("ec2:stopInstances")
    assert json.loads(found["Target"]["Input"]) == {"InstanceIds": [box.instance_id]}


def test_a_budget_ends_it_earlier(desk: Desk, role: str) -> None:
    """The earlier of cap and budget counts, the budget by all that bills."""
    wish = desk.wish(name="mine", guard="scheduler", guard_role=role, max_hours=12, budget=1.0, on_idle="terminate")
    box = launch_without_arriving(desk, wish)
    hours = float(dict(box.tags)["jupyter-awsgpu:guard-hours"])
    assert 1.0 / 0.56 < hours < 1.0 / 0.526
    assert schedule(desk, box)["Target"]["Arn"].endswith("ec2:terminateInstances")


def test_a_budget_ends_what_fell_back_to_on_demand_by_its_own_price(desk: Desk, role: str) -> None:
    """The spot market had none: the schedule acts when the money is spent on demand, not when it were on spot."""
    wish = desk.wish(name="mine", guard="scheduler", guard_role=role, budget=1.0, spot="prefer", max_price=0.01)
    box = launch_without_arriving(desk, wish)
    hours = float(dict(box.tags)["jupyter-awsgpu:guard-hours"])
    assert 1.0 / 0.56 < hours < 1.0 / 0.526
    assert schedule(desk, box)["ScheduleExpression"] == ends(box, hours)


def test_stop_removes_it_and_start_arms_it_anew(desk: Desk, role: str) -> None:
    """A stopped instance has none; the next run has its own, counted from its own start."""
    box = launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role, max_hours=6))
    stopped = stop(desk.bench, "mine")
    assert desk.bench.cloud().schedule_names(GROUP) == ()
    with desk.bench.records.operations.begin("start", "mine") as operation:
        again = start_instance(desk.bench, stopped, operation)
    assert schedule(desk, again)["ScheduleExpression"] == ends(again, 6)
    terminate(desk.bench, "mine", yes=True)
    assert desk.bench.cloud().schedule_names(GROUP) == ()
    assert box.launch_id == again.launch_id


@pytest.mark.parametrize(
    ("wish", "words"),
    [({}, "needs a role"), ({"guard_role": "arn:aws:iam::123456789012:role/nobody"}, "must allow AWS EventBridge")],
)
def test_a_guard_that_cannot_be_is_refused_before_anything_costs(desk, wish, words):
    """No role, or one that Scheduler may not take: nothing was launched."""
    with pytest.raises(GuardUnfit, match=words):
        launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", **wish))
    assert existing(desk) == []


def test_a_guard_without_a_cap_is_refused(desk: Desk, role: str) -> None:
    """There is no time to end it at; the line with a cap keeps the rest."""
    desk.bench.settings.max_hours = 0.0
    with pytest.raises(GuardUnfit, match="without a cap") as one:
        launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role))
    assert one.value.remedy == (
        f"awsgpu launch g4dn.xlarge --name mine --guard scheduler --guard-role {role} --max-hours 12"
    )


def test_the_line_that_gives_a_guard_its_role_keeps_the_rest(desk: Desk) -> None:
    """Name and limits stay as they were typed."""
    with pytest.raises(GuardUnfit, match="needs a role") as one:
        launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", budget=3.0))
    assert one.value.remedy == "awsgpu launch g4dn.xlarge --name mine --budget 3 --guard scheduler --guard-role ARN"


def test_a_launch_that_comes_to_nothing_leaves_no_schedule(desk: Desk, role: str) -> None:
    """Made switched off before the launch, removed with its failure."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None)
    with pytest.raises(NoCapacity):
        launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role))
    assert desk.bench.cloud().schedule_names(GROUP) == ()


def test_it_fires_where_nothing_else_ends_the_instance(desk: Desk, role: str) -> None:
    """The guest does nothing (there is none here): when it is time, AWS stops the instance itself."""
    box = launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role, max_hours=6))
    due = desk.bench.cloud().instance(box.instance_id)
    tags = {**dict(due.tags), "jupyter-awsgpu:guard-hours": "-1"}
    with desk.bench.records.operations.begin("start", "mine") as operation:
        arm_guard(desk.bench, [type(due)(**{**_fields(due), "tags": tuple(tags.items())})], operation)
    desk.bench.cloud().wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)


def _fields(one: Instance) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_a_schedule_left_behind_is_found_and_removed(desk: Desk, role: str) -> None:
    """Its instance was ended by somebody else's tool: `cleanup` shows the schedule and removes it."""
    box = launch_without_arriving(desk, desk.wish(name="mine", guard="scheduler", guard_role=role))
    assert [one for one in leftovers(desk.bench) if one.kind == "schedule"] == []
    desk.bench.cloud().terminate(box.instance_id)
    desk.bench.cloud().wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    (left,) = (one for one in leftovers(desk.bench) if one.kind == "schedule")
    assert (left.name, left.cost_per_month) == (box.launch_id, 0.0)
    cleanup(desk.bench, kinds=("schedule",), yes=True)
    assert desk.bench.cloud().schedule_names(GROUP) == ()
