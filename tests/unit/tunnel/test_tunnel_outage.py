"""The timetable of an outage, by a clock that is moved by hand."""

import itertools

import pytest

from jupyter_awsgpu.tunnel.outage import LOCATE_AFTER_S, LOCATE_PAUSES_S, REFUSALS, REFUSED_FOR_S, Outage


class Clock:
    """Seconds, moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outage(clock):
    made = Outage(clock, address_known=True)
    made.begin()
    return made


def test_a_cut_that_is_soon_over_asks_aws_nothing(outage, clock):
    """Dialled at once; AWS is asked only once that did not help for a while."""
    assert outage.dial_in_s() == 0
    assert not outage.take_locate()
    clock.now += LOCATE_AFTER_S - 0.01
    assert not outage.take_locate()
    clock.now += 0.02
    assert outage.take_locate()
    assert not outage.take_locate()


def test_an_outage_of_an_hour_asks_aws_once_a_minute(outage, clock):
    """Sooner at first; and each failed dial waits longer, to 5 s at most."""
    asked, dials = [], 0
    while clock.now < 1000 + 3600:
        if outage.take_locate():
            asked.append(clock.now)
        if outage.dial_in_s() == 0:
            dials += 1
            outage.dial_failed()
        clock.now += 0.1
    pauses = [round(after - before) for before, after in itertools.pairwise(asked)]
    assert tuple(pauses[: len(LOCATE_PAUSES_S)]) == LOCATE_PAUSES_S
    assert set(pauses[len(LOCATE_PAUSES_S) :]) == {round(LOCATE_PAUSES_S[-1])}
    assert 3600 / 5 <= dials < 3600 / 5 + 150


def test_something_that_changed_is_a_reason_to_dial_at_once(outage, clock):
    """A wake-up, another address of ours, another address of the instance's."""
    for _ in range(10):
        clock.now += outage.dial_in_s()
        outage.dial_failed()
    assert outage.dial_in_s() > 0.5
    outage.dial_now()
    assert outage.dial_in_s() == 0


def test_an_unknown_address_is_asked_for_first(clock):
    """There is nothing to dial yet."""
    assert Outage(clock, address_known=False).take_locate()


def test_refusals_are_believed_when_they_last(outage, clock):
    """A host in the middle of its boot refuses, too; the next outage counts anew."""
    assert not any(outage.refused_for_good() for _ in range(REFUSALS + 2))
    clock.now += REFUSED_FOR_S
    assert outage.refused_for_good()
    outage.begin()
    assert not outage.refused_for_good()
