"""`resize`: refused where that can be foreseen, done where it can, taken back where it fails on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import BadValue, DiskChangedLately, NeedsYes, QuotaTooLow, ResizeHalfDone, ResizeUnfit
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.resize import resize
from tests.behaviour.verbs.test_attempts import launch_without_arriving

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from tests.behaviour.verbs.conftest import Desk

CHANGING = {"ModifyInstanceAttribute", "ModifyVolume", "StopInstances", "StartInstances"}


def stopped(desk: Desk, instance_type: str = "g4dn.xlarge", **wishes: object) -> Instance:
    """Launch an instance and stop it."""
    box = launch_without_arriving(desk, desk.wish(instance_type, name="mine", **wishes))
    cloud = desk.bench.cloud()
    cloud.stop(box.instance_id)
    return cloud.wait_for(box.instance_id, {InstanceState.STOPPED}, timeout_s=20)


def untouched(desk: Desk) -> bool:
    """Return whether nothing that changes an instance was asked of AWS, but for the stop of the test's own."""
    return not {"ModifyInstanceAttribute", "ModifyVolume", "StartInstances"} & set(desk.aws.operations())


def test_a_stopped_instance_gets_type_and_disk(desk: Desk) -> None:
    """Both at once; the price shown is the new type's, and it stays stopped."""
    stopped(desk)
    box = resize(desk.bench, "mine", instance_type="g4dn.2xlarge", disk_gb=100)
    assert (box.instance_type, box.state, box.root_gb) == ("g4dn.2xlarge", InstanceState.STOPPED, 100)
    assert box.price_per_hour == pytest.approx(0.752)
    owner = desk.bench.clouds.identity().owner
    assert [one.gb for one in desk.bench.cloud().volumes(owner)] == [100]


def test_a_type_whose_price_nobody_knows_is_asked_about(desk: Desk) -> None:
    """It may cost anything: a yes is wanted, and no table shows the old type's price for it."""
    stopped(desk)
    desk.aws.fail("GetProducts", "AccessDeniedException", times=None)
    with pytest.raises(NeedsYes, match="at a price unknown here"):
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge")
    assert untouched(desk)
    box = resize(desk.bench, "mine", instance_type="g4dn.2xlarge", yes=True)
    assert (box.instance_type, box.price_per_hour) == ("g4dn.2xlarge", None)


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    """What it is already is no change."""
    stopped(desk)
    resize(desk.bench, "mine", instance_type="g4dn.xlarge", disk_gb=65)
    assert untouched(desk)


def test_what_could_not_be_told_is_told_by_the_same_line_again(desk: Desk) -> None:
    """Type and disk changed, the tags that tables and costs read did not come through: the next time they do."""
    stopped(desk)
    desk.aws.fail("CreateTags", "drop", times=None)
    box = resize(desk.bench, "mine", instance_type="g4dn.2xlarge", disk_gb=100)
    assert box.price_per_hour == pytest.approx(0.526)
    desk.aws.mend()
    box = resize(desk.bench, "mine", instance_type="g4dn.2xlarge", disk_gb=100)
    assert (box.price_per_hour, box.root_gb) == (pytest.approx(0.752), 100)


def test_a_running_instance_is_asked_about_first(desk: Desk) -> None:
    """It would stop: the question says so, with the new price, and nothing has happened."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    with pytest.raises(NeedsYes, match=r"becomes a g4dn\.2xlarge and costs \$0\.752.*it stops and starts") as asked:
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge")
    assert asked.value.remedy == "awsgpu resize mine --type g4dn.2xlarge --yes"
    assert untouched(desk)


@pytest.mark.parametrize(
    ("wish", "refusal", "words"),
    [
        ({"disk_gb": 30}, BadValue, "has 65 GB, a disk never shrinks"),
        ({"instance_type": "g5g.xlarge"}, ResizeUnfit, "made for x86_64 processors"),
        ({"instance_type": "p2.xlarge"}, ResizeUnfit, "cannot be resized so"),
        ({}, BadValue, "--type TYPE, --disk GB"),
    ],
)
def test_what_can_be_foreseen_is_refused_before_anything_is_touched(desk, wish, refusal, words):
    """A smaller disk, another processor, a GPU the driver does not serve, nothing at all."""
    stopped(desk)
    with pytest.raises(refusal, match=words):
        resize(desk.bench, "mine", yes=True, **wish)
    assert untouched(desk)


def test_a_quota_without_room_is_refused(desk: Desk) -> None:
    """The larger type wants more vCPUs than the limit has: nothing is stopped for it."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    desk.aws.quota("L-DB2E81BA", 7)
    with pytest.raises(QuotaTooLow, match="is 7 vCPUs"):
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge", yes=True)
    assert untouched(desk)


def test_its_own_vcpus_count_as_free(desk: Desk) -> None:
    """A limit of eight holds the larger type in the place of the smaller one."""
    launch_without_arriving(desk, desk.wish(name="mine"))
    desk.aws.quota("L-DB2E81BA", 8)
    with pytest.raises(NeedsYes):
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge")


def test_a_spot_instance_keeps_its_type(desk: Desk) -> None:
    """It cannot be stopped: said before it is tried, with a launch of the wished type."""
    launch_without_arriving(desk, desk.wish(name="mine", spot="yes"))
    with pytest.raises(ResizeUnfit, match="spot instance cannot be stopped") as refused:
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge", yes=True)
    assert refused.value.remedy == "awsgpu launch g4dn.2xlarge --name mine-2"
    assert "StopInstances" not in desk.aws.operations()


def test_a_disk_is_not_grown_twice_in_six_hours(desk: Desk) -> None:
    """AWS's own pause between two changes is said as what it is."""
    stopped(desk)
    resize(desk.bench, "mine", disk_gb=100)
    with pytest.raises(DiskChangedLately, match="six hours"):
        resize(desk.bench, "mine", disk_gb=120)


@pytest.mark.parametrize("operation", ["ModifyInstanceAttribute", "StartInstances"])
def test_a_failure_on_the_way_brings_the_old_type_back(desk: Desk, operation: str) -> None:
    """No capacity for the new type, or a refused change: the old type runs again, and that is what is said."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    desk.aws.fail(operation, "InsufficientInstanceCapacity", status=400)
    with pytest.raises(ResizeHalfDone, match=r"it is still g4dn\.xlarge, starting again") as said:
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge", yes=True)
    assert said.value.remedy == "awsgpu connect mine"
    now = desk.bench.cloud().wait_for(box.instance_id, {InstanceState.RUNNING}, timeout_s=20)
    assert (now.instance_type, now.price_per_hour) == ("g4dn.xlarge", pytest.approx(0.526))


def test_where_even_the_old_type_does_not_start_it_is_said(desk: Desk) -> None:
    """Nothing starts any more: stopped, of the old type, and the way to try again."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    desk.aws.fail("StartInstances", "InsufficientInstanceCapacity", status=400, times=None)
    with pytest.raises(ResizeHalfDone, match=r"it is still g4dn\.xlarge, stopped") as said:
        resize(desk.bench, "mine", instance_type="g4dn.2xlarge", yes=True)
    assert said.value.remedy == "awsgpu start mine"
    assert desk.bench.cloud().instance(box.instance_id).instance_type == "g4dn.xlarge"
