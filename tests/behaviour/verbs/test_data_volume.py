"""`launch --data`: made once, attached again by name, copied into another zone when that was agreed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import AwsGpuError, AwsUnreachable, BadValue, DataInUse, NeedsYes, NoCapacityAtData
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.choice import decide
from jupyter_awsgpu.verbs.cleanup import cleanup, leftovers
from jupyter_awsgpu.verbs.data import attach_data, bring, data_volumes, near_data, present
from jupyter_awsgpu.verbs.launch import Launch
from jupyter_awsgpu.verbs.status import status_with_data
from jupyter_awsgpu.verbs.terminate import terminate

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance, Volume, Wishes
    from tests.behaviour.verbs.conftest import Desk


def volumes(desk: Desk) -> tuple[Volume, ...]:
    """Return all data volumes."""
    return data_volumes(desk.bench.cloud(), desk.bench.clouds.identity().owner)


def launched(desk: Desk, wishes: Wishes, *, yes: bool = False) -> tuple[Instance, Volume | None]:
    """Do all of a launch up to the attached volume: there is no host behind it here."""
    bench = desk.bench
    known = present(one for one in volumes(desk) if one.name == wishes.name)
    with bench.records.operations.begin("launch", wishes.name, bench.listener) as operation:
        run = Launch(bench, wishes, operation, Way(8889))
        choice = near_data(decide(bench, wishes), known, yes=yes)
        (instance,) = run._create_somewhere(bench.clouds.identity(), choice, known, yes=yes)
        return instance, attach_data(bench, instance, wishes, known, operation)


def ended(desk: Desk, instance: Instance) -> None:
    """Terminate, and wait until EC2 says so."""
    terminate(desk.bench, instance.name, yes=True)
    assert desk.bench.cloud().wait_for(instance.instance_id, {InstanceState.TERMINATED}, timeout_s=20)


def test_the_volume_outlives_the_instance_and_comes_back_by_name(desk: Desk) -> None:
    """Made with the first launch, there after terminate, attached by the next launch of the name without a word."""
    first, made = launched(desk, desk.wish(name="mine", data_gb=50))
    assert made is not None
    assert (made.gb, made.per_month, made.zone) == (50, 4.0, first.zone)
    ended(desk, first)
    second, again = launched(desk, desk.wish(name="mine"))
    assert again is not None
    assert again.volume_id == made.volume_id
    (seen,) = volumes(desk)
    assert seen.instance_id == second.instance_id
    assert '"gb": 50' in bring(again, second)[1]


def test_the_zone_of_the_volume_is_tried_first(desk: Desk) -> None:
    """The volume lies in the last zone of the list: that is where the next launch asks."""
    first, _ = launched(desk, desk.wish(name="mine", zone="us-west-2c", data_gb=10))
    ended(desk, first)
    assert launched(desk, desk.wish(name="mine"))[0].zone == "us-west-2c"


def test_a_launch_cut_off_after_the_volume_was_made_goes_on_with_it(desk: Desk) -> None:
    """CreateVolume's answer is lost: asked again in the same words there is one volume, and it is attached."""
    desk.aws.fail("CreateVolume", "drop-answer")
    _, made = launched(desk, desk.wish(name="mine", data_gb=10))
    assert [one.volume_id for one in volumes(desk)] == [made.volume_id]

    desk.aws.fail("AttachVolume", "drop", times=20)
    with pytest.raises(AwsUnreachable):
        launched(desk, desk.wish(name="other", data_gb=10))
    desk.bench.clouds.here()  # the next command, which finds what was made
    (cut,) = (one for one in volumes(desk) if one.name == "other")
    assert cut.instance_id is None


def test_what_is_attached_to_nothing_is_shown_with_its_price(desk: Desk) -> None:
    """`status` and `cleanup` name it; `cleanup` removes it only where it is named itself."""
    first, made = launched(desk, desk.wish(name="mine", data_gb=50))
    (shown,), loose = status_with_data(desk.bench)
    assert shown.data_volume is not None
    assert (shown.data_volume.volume_id, loose) == (made.volume_id, ())
    ended(desk, first)
    _, (loose_one,) = status_with_data(desk.bench)
    assert (loose_one.volume_id, loose_one.per_month) == (made.volume_id, 4.0)
    (left,) = (one for one in leftovers(desk.bench) if one.kind == "data volume")
    assert (left.id, left.cost_per_month) == (made.volume_id, 4.0)
    cleanup(desk.bench, kinds=("volume", "instance", "snapshot"), yes=True)
    cleanup(desk.bench, yes=True)
    assert [one.volume_id for one in volumes(desk)] == [made.volume_id]
    cleanup(desk.bench, ids=(made.volume_id,), yes=True)
    assert volumes(desk) == ()


def test_another_zone_is_asked_about_with_its_price(desk: Desk) -> None:
    """A wish for another zone wants a yes that names the price; with it the data are copied, the old one shown."""
    first, made = launched(desk, desk.wish(name="mine", data_gb=50))
    ended(desk, first)
    there = desk.wish(name="mine", data_gb=50, zone="us-west-2b")
    with pytest.raises(NeedsYes, match=r"is in us-west-2a; in us-west-2b a copy .*\$4\.00 a month more"):
        launched(desk, there)
    second, copy = launched(desk, there, yes=True)
    assert (copy.zone, copy.copy_of, copy.gb) == ("us-west-2b", made.volume_id, 50)
    assert {one.volume_id for one in volumes(desk)} == {made.volume_id, copy.volume_id}
    owner = desk.bench.clouds.identity().owner
    assert desk.bench.cloud().snapshots_of(owner, made.volume_id) == ()
    assert any(f"cleanup --id {made.volume_id} --yes" in event.text for event in desk.heard)
    ended(desk, second)
    assert launched(desk, desk.wish(name="mine"))[1].volume_id == copy.volume_id


def test_without_data_in_the_wish_another_zone_leaves_the_volume_where_it_is(desk: Desk) -> None:
    """Nothing is copied unasked: the launch says where the volume is and what brings it."""
    first, made = launched(desk, desk.wish(name="mine", data_gb=50))
    ended(desk, first)
    instance, attached = launched(desk, desk.wish(name="mine", zone="us-west-2b"))
    assert (instance.zone, attached) == ("us-west-2b", None)
    assert any(f"{made.volume_id} stays in us-west-2a ($4.00 a month)" in event.text for event in desk.heard)


def test_no_capacity_at_the_volume_says_so_and_leads_on(desk: Desk) -> None:
    """The zone of the volume has none: said with the price of a copy; the remedy's yes goes on in the next zone."""
    first, _ = launched(desk, desk.wish(name="mine", data_gb=50))
    ended(desk, first)
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", zone="us-west-2a", times=None)
    wish = desk.wish(name="mine", data_gb=50)
    with pytest.raises(NoCapacityAtData, match=r"us-west-2a, where the data volume of mine is.*\$4\.00 a month") as one:
        launched(desk, wish)
    assert one.value.remedy == "awsgpu launch g4dn.xlarge --name mine --data 50 --yes"
    instance, copy = launched(desk, wish, yes=True)
    assert instance.zone == copy.zone == "us-west-2b"


@pytest.mark.parametrize("zone", [None, "us-west-2b"])
def test_the_line_that_copies_keeps_the_limits_that_were_asked_for(desk: Desk, zone: str | None) -> None:
    """Agreeing to a copy, where the zone is full or another is wished, is no leave to spend more than was allowed."""
    first, _ = launched(desk, desk.wish(name="mine", data_gb=50))
    ended(desk, first)
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", zone="us-west-2a", times=None)
    limits = {"idle_stop_minutes": 20, "max_hours": 2.0, "budget": 3.0}
    with pytest.raises((NoCapacityAtData, NeedsYes)) as one:
        launched(desk, desk.wish(name="mine", data_gb=50, zone=zone, image="ubuntu", **limits))
    said = " --zone us-west-2b" if zone else ""
    assert one.value.remedy == (
        f"awsgpu launch g4dn.xlarge --name mine{said} --image ubuntu --data 50 "
        "--idle-stop 20m --max-hours 2 --budget 3 --yes"
    )


def test_a_larger_wish_grows_it_and_a_smaller_one_is_refused(desk: Desk) -> None:
    """A volume grows, once in six hours, and never shrinks."""
    first, _ = launched(desk, desk.wish(name="mine", data_gb=10))
    ended(desk, first)
    with pytest.raises(BadValue, match="never shrinks"):
        launched(desk, desk.wish(name="mine", data_gb=5))
    assert launched(desk, desk.wish(name="mine", data_gb=20))[1].gb == 20
    assert [one.gb for one in volumes(desk)] == [20]


def test_a_volume_in_use_elsewhere_is_not_taken_away(desk: Desk) -> None:
    """The volume is attached to another living instance: refused by its name, nothing is detached."""
    _, made = launched(desk, desk.wish(name="mine", data_gb=10))
    with pytest.raises(DataInUse, match=made.volume_id):
        launched(desk, desk.wish(name="mine"))


@pytest.mark.parametrize("operation", ["CreateSnapshot", "DescribeSnapshots", "CreateVolume", "AttachVolume"])
def test_a_copy_that_fails_anywhere_leaves_the_data_and_is_finished_by_the_next(desk: Desk, operation: str) -> None:
    """Whatever refuses on the way, the former volume is whole, and the next launch ends with one that counts."""
    first, made = launched(desk, desk.wish(name="mine", data_gb=10))
    ended(desk, first)
    wish = desk.wish(name="mine", data_gb=10, zone="us-west-2b")
    desk.aws.fail(operation, "UnauthorizedOperation")
    with pytest.raises(AwsGpuError):
        launched(desk, wish, yes=True)
    assert made.volume_id in {one.volume_id for one in volumes(desk)}
    ended(desk, next(one for one in desk.bench.cloud().instances() if one.state.alive))
    _, copy = launched(desk, wish, yes=True)
    assert copy.copy_of == made.volume_id
    owner = desk.bench.clouds.identity().owner
    assert desk.bench.cloud().snapshots_of(owner, made.volume_id) == ()
    assert len([one for one in volumes(desk) if one.copy_of]) == 1
