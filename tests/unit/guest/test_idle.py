"""The idle verdict as a pure function: scenes in numbers, clocks in seconds."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.guest import idle, samples

QUIET = idle.Sample(
    at=1000.0, kernels=[], gpu_percent=0, cores=0.02, worker="python3", read_per_s=900, written_per_s=400
)
HOUR = idle.Limits(idle_s=3600.0, cap_s=12 * 3600.0)
FRESH = idle.Memory(idle_since=1000.0, grace_until=0.0)


def judge(sample: idle.Sample, memory: idle.Memory = FRESH, *, uptime: float = 600, kept: float = 0) -> idle.Verdict:
    return idle.judge(sample, memory, HOUR, uptime, kept)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ({"kernels": ["a"]}, "a kernel is executing"),
        ({"kernels": ["a", "b"]}, "2 kernels are executing"),
        ({"gpu_percent": 40}, "GPU is 40 % in use"),
        ({"cores": 0.9, "worker": "loader"}, "loader is working"),
        ({"written_per_s": 200_000}, "files are moving"),
        ({"read_per_s": 3_000_000}, "files are moving"),
    ],
)
def test_what_consumes_or_moves_something_is_work(seen: dict, says: str) -> None:
    """Each kind of work holds the idle stop off, and is named."""
    verdict = judge(QUIET._replace(at=9000.0, **seen), idle.Memory(0.0, 0.0))
    assert says in (verdict.busy_because or "")
    assert verdict.stop is None
    assert verdict.memory.idle_since == 9000.0


@pytest.mark.parametrize(
    "seen", [{}, {"cores": 0.12}, {"gpu_percent": 2}, {"written_per_s": 5000, "read_per_s": 90_000}]
)
def test_looking_waiting_and_keeping_alive_are_not_work(seen: dict) -> None:
    """A tab, polling the GPU and keep-alives stay below every threshold: after the limit it stops."""
    verdict = judge(QUIET._replace(at=4601.0, **seen))
    assert verdict.busy_because is None
    assert verdict.stop == "idle"


def test_it_says_when_it_will_stop_and_gives_notice() -> None:
    """The countdown is told all along, the notice in the last five minutes."""
    early = judge(QUIET._replace(at=2800.0))
    late = judge(QUIET._replace(at=4500.0))
    assert early.idle_stop_in_s == 1800
    assert early.notice is None
    assert late.notice == "This machine stops itself in 2 min: nothing is working on it."


def test_the_cap_ends_even_work() -> None:
    """A loop that never ends is ended by the cap."""
    verdict = judge(QUIET._replace(kernels=["a"]), uptime=12 * 3600)
    assert verdict.stop == "cap"


def test_a_hold_keeps_idleness_from_counting_but_not_the_cap() -> None:
    """`keep` moves the idle stop behind its end; the cap stands."""
    held = judge(QUIET._replace(at=9999.0), kept=600)
    assert held.stop is None
    assert held.idle_stop_in_s == 4200
    assert judge(QUIET._replace(at=9999.0), uptime=12 * 3600, kept=600).stop == "cap"


def test_after_a_pause_of_the_machine_nothing_is_decided_for_five_minutes() -> None:
    """A clock that jumps decides nothing; afterwards idleness counts from the resume."""
    resumed = judge(QUIET._replace(at=90_000.0, paused=True))
    assert resumed.stop is None
    short = idle.Limits(idle_s=60.0, cap_s=None)
    within = idle.judge(QUIET._replace(at=90_200.0), resumed.memory, short, 0, 0)
    after = idle.judge(QUIET._replace(at=90_301.0), resumed.memory, short, 0, 0)
    assert (within.stop, after.stop) == (None, "idle")


def test_without_limits_nothing_is_ever_stopped() -> None:
    """`--max-hours none` and no idle stop mean what they say."""
    verdict = idle.judge(QUIET._replace(at=1e9), FRESH, idle.Limits(None, None), 1e9, 0)
    assert (verdict.stop, verdict.idle_stop_in_s, verdict.cap_in_s) == (None, None, None)


def test_a_child_that_ended_is_counted_once() -> None:
    """A process hands its counters to its parent at its end; they are not counted twice."""
    before = {"10.1": ["1", "sh", 100, 0, 0], "11.5": ["10", "cc", 500, 0, 0]}
    after = {"10.1": ["1", "sh", 700, 0, 0]}
    cores, worker, _, _ = samples.rates(before, after, 10.0)
    assert cores == pytest.approx(100 / samples.TICKS / 10)
    assert worker == "sh"


def test_rates_name_who_works_most() -> None:
    """Growth counts, not totals; a process with the same number and another start is another."""
    before = {"7.1": ["1", "old", 9000, 0, 0], "8.1": ["1", "train", 0, 1000, 2000]}
    after = {"7.2": ["1", "new", 5, 0, 0], "8.1": ["1", "train", 600, 5000, 10000]}
    cores, worker, read, written = samples.rates(before, after, 4.0)
    assert cores == pytest.approx(605 / samples.TICKS / 4)
    assert worker == "train"
    assert (read, written) == (1000, 2000)
