"""What the ledger keeps of looks at an instance, for `cost`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.model import Instance, InstanceState
from jupyter_awsgpu.records.ledger import Ledger
from jupyter_awsgpu.verbs.cost import running_hours

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)
USER = "Client.UserInitiatedShutdown: User initiated shutdown"
ITSELF = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"


def box(state: str, **more: Any) -> Instance:
    """Return the instance as EC2 describes it."""
    return Instance(
        name="gpu",
        instance_id="i-0abc",
        instance_type="g4dn.xlarge",
        state=InstanceState(state),
        region="us-west-2",
        zone="us-west-2a",
        launch_id="l-1",
        owner="123456789012/user/ada",
        image_id="ami-1",
        launched_at=BEGAN,
        ssh_user="ubuntu",
        **more,
    )


def after(hours: float) -> float:
    """Return a moment as the ledger has it."""
    return (BEGAN + timedelta(hours=hours)).timestamp()


def ran(ledger: Ledger, now: float) -> tuple[float, float]:
    found = running_hours(ledger.sightings("i-0abc"), after(now))
    return found.low, found.high


def test_looks_at_a_running_instance_bound_the_run_that_a_termination_ends(tmp_path: Path) -> None:
    """It was seen a minute before its end: the hours that nobody knows of are that minute."""
    ledger = Ledger(tmp_path)
    for minute in range(10 * 60):
        ledger.see(box("running"), after(minute / 60))
    ledger.see(box("terminated", state_reason=USER, stopped_at=BEGAN + timedelta(hours=10)), after(10.2))
    low, high = ran(ledger, 11)
    assert high == pytest.approx(10.0)
    assert high - low <= 2 / 60
    assert len(list(tmp_path.iterdir())) == 2, "the file of lines does not grow with looks"


@pytest.mark.parametrize("more", [{"state_reason": ITSELF}, {"state_reason": USER, "spot": True}])
def test_what_cannot_have_lain_stopped_ran_until_its_end(tmp_path: Path, more: dict[str, Any]) -> None:
    """What ends itself is awake, and a spot instance cannot be stopped: the date of the end is the run's."""
    ledger = Ledger(tmp_path)
    ledger.see(box("running"), after(0.1))
    ledger.see(box("terminated", stopped_at=BEGAN + timedelta(hours=10), **more), after(10.5))
    assert ran(ledger, 11) == pytest.approx((10.0, 10.0))


def test_a_note_of_an_earlier_run_says_nothing_of_a_later_one(tmp_path: Path) -> None:
    """Each run is told by its start."""
    ledger = Ledger(tmp_path)
    for hour in range(3):
        ledger.see(box("running"), after(hour))
    ledger.see(box("stopped", stopped_at=BEGAN + timedelta(hours=2.5)), after(9))
    assert ran(ledger, 20) == pytest.approx((2.5, 2.5))


def test_an_instance_that_is_seen_again_is_missed_no_longer(tmp_path: Path) -> None:
    """Another account's `cost` did not find it; when it has gone indeed, that is the moment which counts."""
    ledger = Ledger(tmp_path)
    ledger.see(box("running"), after(1))
    assert ledger.missed("i-0abc", after(2)) == after(2)
    ledger.see(box("running"), after(5))
    assert ledger.missed("i-0abc", after(8)) == after(8)
