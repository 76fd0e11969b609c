"""Money spent is computed from what was seen, and a gap is a range."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.records import Sighting
from jupyter_awsgpu.verbs.cost import ADDRESS_PER_HOUR, OwnLog, Prices, cost_of, running_hours

H = 3600.0


def seen(at, state, *, started=0.0, stopped=None, price=0.9):
    return Sighting(at * H, state, started * H, stopped * H if stopped else None, "gpu", "p2.xlarge", "r", price, 40)


def hours(*sightings, now, exists=True):
    found = running_hours(sightings, now * H, exists=exists)
    return pytest.approx((found.low, found.high))


def test_a_running_instance_runs_until_now():
    """From its start to the present moment, whatever gaps there are between looks."""
    assert hours(seen(1, "running"), now=5) == (5.0, 5.0)


def test_a_stop_that_ec2_dates_is_exact():
    """The stop time EC2 gives ends the run, however late we looked."""
    assert hours(seen(1, "running"), seen(9, "stopped", stopped=3), now=20) == (3.0, 3.0)


def test_a_stop_without_a_date_is_a_range():
    """Without a date the run ended somewhere between its start and our look."""
    assert hours(seen(9, "stopped"), now=20) == (0.0, 9.0)


def test_the_time_an_instance_lay_stopped_is_not_charged_once_it_is_terminated():
    """EC2 then names the date of the termination: the run ended with the stop that was dated before."""
    rows = (seen(1, "running"), seen(24, "stopped", stopped=3), seen(240, "terminated", stopped=239.5))
    assert hours(*rows, now=240) == (3.0, 3.0)


def test_a_termination_may_have_come_long_after_the_end_of_the_run():
    """Seen running, then gone: it ran at least until our last look, and till the termination at most."""
    rows = (seen(1, "running"), seen(5, "running"), seen(240, "terminated", stopped=239.5))
    assert hours(*rows, now=240) == (5.0, 239.5)
    assert hours(seen(9, "stopped"), seen(240, "terminated", stopped=239.5), now=240) == (0.0, 9.0)


def test_the_instances_own_log_says_how_long_it_ran_before_it_was_terminated():
    """Read after four of its hours, then nobody looked: what is not known is the time from there on."""
    rows = [seen(1, "running"), seen(10, "terminated", stopped=9)]
    found = running_hours(rows, 10 * H, own=OwnLog(ran_s=4 * H, at=4 * H))
    assert (found.low, found.high) == pytest.approx((4.0, 9.0))


def test_a_second_run_is_added():
    """A new start time is a new run."""
    assert hours(seen(1, "running"), seen(3, "stopped", stopped=3), seen(11, "running", started=10), now=12) == (
        5.0,
        5.0,
    )


def test_an_unseen_stop_is_a_range():
    """Seen running, then seen in a later run: the first ended at our last look or as late as the next start."""
    assert hours(seen(1, "running"), seen(8, "running", started=7), now=8) == (2.0, 8.0)


def test_an_instance_that_vanished_while_running_is_a_range():
    """Gone from EC2's list without a last sighting: it ran at least until we saw it."""
    assert hours(seen(1, "running"), now=6, exists=False) == (1.0, 6.0)


def test_the_cost_is_hours_address_and_disk():
    """Ten hours of p2.xlarge with its address, and 40 GB of gp3 for ten of 730 hours."""
    found = cost_of([seen(1, "running")], 10 * H)
    assert found.low == found.high == pytest.approx(10 * (0.9 + ADDRESS_PER_HOUR) + 40 * 0.08 * 10 / 730, abs=1e-3)
    assert found.per_month_at_rest == pytest.approx(3.2)


def test_the_instances_own_log_closes_a_gap():
    """It stopped itself at a time nobody knows; later it said that it had run for three hours in all until then."""
    gap = (seen(9, "stopped"), seen(21, "running", started=20))
    assert hours(*gap, now=22) == (2.0, 11.0)
    found = running_hours(gap, 22 * H, own=OwnLog(ran_s=4 * H, at=21 * H))
    assert (found.low, found.high) == pytest.approx((5.0, 5.0))


def test_a_word_of_the_instance_is_never_believed_beyond_what_was_seen():
    """A clock that counted twice cannot make a run longer than EC2's own dates."""
    found = running_hours([seen(9, "stopped", stopped=3)], 20 * H, own=OwnLog(ran_s=90 * H, at=9 * H))
    assert (found.low, found.high) == pytest.approx((3.0, 3.0))


def test_each_run_is_charged_at_its_own_price():
    """A resize between two runs: one hour at the old price, two at the new one."""
    rows = [seen(1, "stopped", stopped=1, price=1.0), seen(6, "running", started=5, price=3.0)]
    found = cost_of(rows, 7 * H, prices=Prices(disk=0.0, address=0.0))
    assert found.low == found.high == pytest.approx(1.0 + 6.0)


def test_today_and_this_month_are_the_calendars():
    """A run from half past eleven on the last evening of a month: half an hour of it is last month's."""
    midnight = datetime(2026, 11, 1, tzinfo=UTC).timestamp() / H
    row = seen(midnight + 1, "running", started=midnight - 0.5, price=1.0)
    found = cost_of([row], (midnight + 1) * H, prices=Prices(disk=0.0, address=0.0))
    assert found.low == pytest.approx(1.5)
    assert found.today == found.month == pytest.approx((1.0, 1.0))


def test_what_vanished_has_a_disk_that_is_a_range():
    """Nobody knows when its disk went: between the last look and the first that missed it."""
    found = cost_of([seen(0, "stopped", stopped=0)], 730 * H, exists=False, prices=Prices(disk=0.1, address=0.0))
    assert {part.kind: (part.low, part.high) for part in found.parts}["disk"] == pytest.approx((0.0, 4.0))


@given(
    st.lists(st.tuples(st.floats(0, 100), st.sampled_from(["running", "stopped", "terminated"]), st.integers(0, 3))),
    st.booleans(),
)
def test_the_range_is_a_range(rows, exists):
    """Whatever was seen, hours are never negative, and the least is never above the most."""
    sightings, started = [], 0.0
    for index, (gap, state, fresh) in enumerate(rows):
        at = (sightings[-1].at / H if sightings else 0.0) + gap
        started = at if fresh == 0 and index else started
        sightings.append(seen(at, state, started=started))
    found = running_hours(sightings, (sightings[-1].at if sightings else 0) + H, exists=exists)
    assert 0 <= found.low <= found.high + 1e-9
