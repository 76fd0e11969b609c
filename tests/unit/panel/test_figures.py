"""Ages, money and countdowns are told as a person would, and go on between two reports."""

from datetime import UTC, datetime, timedelta

from jupyter_awsgpu.surfaces.panel import figures

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AT = NOW.timestamp()


def test_half_an_hour_at_ninety_cents_is_forty_five(instance, tr):
    """Cost so far is price times age, unless the instance's own ledger knows better."""
    assert figures.price_line(instance(), AT, tr) == "$0.90/h · $0.45 so far"
    assert figures.price_line(instance(says={"spent": 1.25}), AT, tr) == "$0.90/h · $1.25 so far"


def test_a_stopped_instance_still_has_a_disk_to_pay(instance, tr):
    """Stopped is not free, and the card says so."""
    assert "its disk is billed" in figures.price_line(instance(state="stopped"), AT, tr)


def test_a_countdown_goes_on_after_the_report(instance, tr):
    """Ten minutes left when the report was read are four, six minutes later."""
    one = instance(says={"idle_stop_in_s": 600.0, "read_at": NOW - timedelta(minutes=6)})
    assert figures.idle_line(one, AT, tr) == "idle; stops in 4 min"


def test_work_holds_the_countdown(instance, tr):
    """A busy instance says why it does not stop."""
    one = instance(says={"idle_stop_in_s": 600.0, "busy_because": "a kernel runs"})
    assert figures.idle_line(one, AT, tr) == "at work: a kernel runs"


def test_a_kept_instance_says_for_how_long(instance, tr):
    """After "keep 1 h" the card counts that hour."""
    one = instance(says={"idle_stop_in_s": 600.0, "kept_until": NOW + timedelta(minutes=59)})
    assert figures.idle_line(one, AT, tr) == "kept for 59 min"


def test_past_its_cap_is_noticed(instance):
    """An instance that outlives its cap is a worry; one without a cap, or stopped, is none."""
    assert figures.over_cap(instance(says={"cap_in_s": 0.0}), AT)
    assert not figures.over_cap(instance(says={"cap_in_s": 60.0}), AT)
    assert not figures.over_cap(instance(says={"cap_in_s": 0.0}, state="stopped"), AT)
    assert not figures.over_cap(instance(), AT)


def test_only_what_is_billed_adds_up(instance):
    """A stopped instance costs nothing by the hour."""
    assert figures.an_hour([instance(), instance(), instance(state="stopped")]) == 1.8
