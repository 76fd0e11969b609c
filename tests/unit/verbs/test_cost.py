"""Money spent is computed from what was seen, and a gap is a range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_awsgpu.records import Sighting
from jupyter_awsgpu.verbs.cost import ADDRESS_PER_HOUR, cost_of, running_hours

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
