"""The countdown on a real instance in a folder, its clock set by the test: notices, holds, jumps, the stop."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.remote.user_data import BRING, GuestConfig, whole_program
from tests.behaviour.guest.conftest import FolderHost, instance_in

if TYPE_CHECKING:
    from collections.abc import Iterator

AT_ANOTHER_TIME = """
import runpy, sys, time
shift = {name: float(value) for name, value in zip(("monotonic", "time", "slept"), sys.argv[1:4])}
steady, wall, clock_gettime = time.monotonic, time.time, time.clock_gettime
time.monotonic = lambda: steady() + shift["monotonic"]
time.time = lambda: wall() + shift["time"]
time.clock_gettime = lambda which: clock_gettime(which) + shift["monotonic"] + (
    shift["slept"] if which == time.CLOCK_BOOTTIME else 0)
sys.argv = sys.argv[4:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a program of the guest's with the operating system's clocks moved."""


class Instance:
    """A quiet instance, looked at by its watchdog whenever the test says."""

    def __init__(self, host: FolderHost) -> None:
        self.host = host
        self.passed_s = self.wall_s = self.slept_s = 0.0

    def guest(self, *words: str) -> dict[str, Any]:
        """Run the guest at the test's time; return the watchdog's last report."""
        times = [str(self.passed_s), str(self.passed_s + self.wall_s), str(self.slept_s)]
        main = str(self.host.path("/opt/awsgpu/main.py"))
        self.host.run([sys.executable, "-c", AT_ANOTHER_TIME, *times, main, *words])
        report = self.host.path("/var/lib/awsgpu/report.json")
        found: dict[str, Any] = json.loads(report.read_text()) if report.is_file() else {}
        return found

    def tick(self, after_s: float = 60.0) -> dict[str, Any]:
        """Let time pass and the watchdog look."""
        self.passed_s += after_s
        return self.guest("tick")

    def until(self, minutes: int) -> dict[str, Any]:
        """Let minutes pass, a tick each; return the last report."""
        return [self.tick() for _ in range(minutes)][-1]

    def stopped(self) -> bool:
        """Whether a shutdown was asked for."""
        return self.host.path("/shutdown.log").exists()


CONFIG = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", idle_stop_minutes=10, max_hours=None)


@pytest.fixture
def instance(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Instance]:
    host = instance_in(tmp_path / "host")
    host.path("/dev/pts").mkdir(parents=True)
    host.path("/dev/pts/0").touch()
    config = replace(CONFIG, **getattr(request, "param", {}))
    host.run(["sh", "-c", BRING], stdin=whole_program(config))  # the program alone: no services run beside us
    path = host.path("/etc/awsgpu/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "tick_seconds": 60}))
    made = Instance(host)
    made.guest("tick")
    yield made
    host.end()


def test_an_idle_machine_says_that_it_will_stop_then_stops(instance: Instance) -> None:
    """Counted down all along; in its last minutes told on every terminal, once; then shut down."""
    assert instance.until(3)["idle_stop_in_s"] == pytest.approx(7 * 60, abs=30)
    assert instance.host.path("/dev/pts/0").read_text() == ""
    told = instance.until(4)
    assert "nothing is working on it" in told["notice"]
    assert instance.host.path("/dev/pts/0").read_text().count("This machine stops itself") == 1
    assert instance.host.path("/run/awsgpu/kernels/notice").read_text().startswith("This machine stops itself")
    assert not instance.stopped()
    assert instance.until(4)["stop"] == "idle"
    assert instance.stopped()


def test_a_disk_that_takes_nothing_more_ends_no_countdown(instance: Instance) -> None:
    """Full or read-only, so that no report can be written: the idle stop comes all the same, at its time."""
    instance.until(3)
    notes = instance.host.path("/var/lib/awsgpu")
    shutil.rmtree(notes)
    notes.touch()  # whatever is written below it fails, for root, too
    instance.until(6)
    assert not instance.stopped()
    instance.until(2)
    assert instance.stopped()


def test_a_hold_takes_the_notice_back(instance: Instance) -> None:
    """`keep` moves the stop behind its end; who was told is told nothing more."""
    assert instance.until(7)["notice"]
    held = instance.guest("keep", "1")
    assert held["notice"] is None
    assert held["idle_stop_in_s"] == pytest.approx(3600 + 600, abs=30)
    assert instance.host.path("/run/awsgpu/kernels/notice").read_text() == ""
    instance.until(12)
    assert not instance.stopped()


@pytest.mark.parametrize("jump_s", [-86400.0 * 400, 86400.0 * 400, 3599.0])
def test_a_wall_clock_that_jumps_decides_nothing(instance: Instance, jump_s: float) -> None:
    """Set back or forward by an hour or a year, before the first look or after: the countdown goes on as before."""
    instance.until(4)
    instance.wall_s = jump_s
    assert instance.tick()["idle_stop_in_s"] == pytest.approx(5 * 60, abs=30)
    assert not instance.stopped()


@pytest.mark.parametrize("how", ["suspended", "stood still"])
def test_after_a_resume_five_minutes_are_granted_and_idleness_counts_anew(instance: Instance, how: str) -> None:
    """A machine that slept, or was paused so that its clock went on, does not stop on waking."""
    instance.until(8)
    if how == "suspended":
        instance.slept_s = 7200.0
        resumed = instance.tick()
    else:
        resumed = instance.tick(7200)
    assert resumed["stop"] is None
    assert resumed["idle_stop_in_s"] == pytest.approx(600, abs=30)
    instance.until(5)
    assert not instance.stopped()
    assert instance.until(6)["stop"] == "idle"


@pytest.mark.parametrize("instance", [{"idle_stop_minutes": None, "max_hours": 0.25}], indirect=True)
def test_the_cap_counts_this_start_alone(instance: Instance) -> None:
    """Seen from the start, told before its end, kept whatever works; the next start has its whole time again."""
    assert instance.until(5)["cap_in_s"] == pytest.approx(600, abs=60)
    assert "used up" in instance.until(6)["notice"]
    while not instance.stopped():
        assert instance.tick()["cap_in_s"] > -60  # never passed by more than a tick
    instance.host.path("/shutdown.log").unlink()
    shutil.rmtree(instance.host.path("/run/awsgpu"))  # as a stop does
    assert instance.tick(0)["cap_in_s"] == pytest.approx(900, abs=60)
