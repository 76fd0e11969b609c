"""The bill's two ends, the cap and the idle stop, on real systemd: kept whatever has stopped working."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.remote.user_data import GuestConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import GuestReport

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
LAUNCH = "l-0123456789abcdef"
TICK_S = 5
CAP_S = 150
SHUTDOWN_S = 30
"""How long a shutdown waits for what will not go."""

SLOW_S = 40
"""What a machine with much else to do may add to a boot or a shutdown."""

STUBBORN = """
trap "" TERM HUP
while :; do head -c 300000 /dev/zero >/tmp/moving; sleep 0.5; done </dev/null >/dev/null 2>&1 &
"""
"""A program that works, and will not go."""


class Watched:
    """A machine, when it began, and when it went off."""

    def __init__(self, one: Any) -> None:
        self.one, self.real, self.begun = one, one.real, time.monotonic()

    def get_ready(self) -> None:
        """Visit it as `launch` does, and have its watchdog tick fast."""
        with self.one.connect() as host:
            guest.provision_when_there(host)
            self.real.run("sed", "-i", f's/^{{/{{"tick_seconds": {TICK_S}, /', "/etc/awsgpu/config.json")
            guest.provision(host)
            guest.follow_progress(host, lambda step: None)

    def off_after(self, timeout_s: float) -> float:
        """Return how many seconds after its start it was off."""
        assert self.real.wait_until_off(timeout_s) == "off"
        return time.monotonic() - self.begun


@pytest.fixture(scope="module", autouse=True)
def machines(launching: Callable[..., Any]) -> dict[str, Watched]:
    """Both machines of these tests, started together: they run down side by side."""
    capped = Watched(
        launching(config=GuestConfig("gpu", LAUNCH, "ubuntu", max_hours=CAP_S / 3600, idle_stop_minutes=None))
    )
    idle = Watched(launching(config=GuestConfig("gpu", LAUNCH, "ubuntu", idle_stop_minutes=1, max_hours=None)))
    capped.get_ready()
    with capped.one.connect() as host:
        host.run(["sh", "-c", STUBBORN])
        capped.real.run("systemctl", "kill", "-s", "STOP", "awsgpu-jupyter")
        capped.real.until(lambda: guest.read_report(host).busy_because, 60, "the process is not seen")
    idle.get_ready()
    return {"capped": capped, "idle": idle}


def test_an_idle_machine_stops_with_the_laptop_looking_on(machines: dict[str, Watched]) -> None:
    """A connection that is open, kept alive and read from is no work; who looks on is told before the end."""
    idle, reports, seen = machines["idle"], [], b""
    with suppress(AwsGpuError, OSError, EOFError), idle.one.connect() as host:
        host.transport.set_keepalive(1)
        reading = threading.Thread(target=_collect, args=(host, reports), daemon=True)
        reading.start()
        terminal = host.transport.open_session()
        terminal.get_pty()
        terminal.invoke_shell()
        while data := terminal.recv(4096):
            seen += data
    idle.off_after(200 + SLOW_S)
    reading.join(30)
    assert b"This machine stops itself" in seen
    assert any("nothing is working on it" in (one.notice or "") for one in reports)


def _collect(host: Any, reports: list[GuestReport]) -> None:
    with suppress(AwsGpuError, OSError, EOFError):
        guest.watch_reports(host, reports.append)


def test_the_cap_ends_a_machine_whose_jupyter_hangs_and_whose_work_goes_on(machines: dict[str, Watched]) -> None:
    """Within a tick of its deadline, with a process that will not go; the next start has its whole time again."""
    capped = machines["capped"]
    assert CAP_S - 10 < capped.off_after(300 + SLOW_S) < CAP_S + TICK_S + SHUTDOWN_S + SLOW_S
    capped.real.start()
    with capped.one.connect() as host:
        capped.real.until(lambda: guest.read_report(host).cap_in_s is not None, 60, "no cap is told")
        assert (guest.read_report(host).cap_in_s or 0) > CAP_S / 2
    assert "active" in capped.real.run("systemctl", "is-active", "awsgpu-deadline.timer")
