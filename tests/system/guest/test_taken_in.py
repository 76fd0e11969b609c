"""A machine that was launched without us: known by what real cloud-init prints on its console, then set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.host import console_host_keys
from jupyter_awsgpu.remote import guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig
from tests.system.guest.conftest import LAUNCH

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
NO_LIMITS = GuestConfig("gpu", LAUNCH, "ubuntu", idle_stop_minutes=None, max_hours=None, version="1.2.3")


def test_its_console_leads_to_a_jupyter_and_its_host_keys_stay(machine: Callable[..., Any]) -> None:
    """No user-data of ours was there: the whole program comes over SSH, verified by the console's key."""
    one = machine(ssh_keys=False)
    console = one.real.folder / "console.log"
    one.real.until(lambda: console_host_keys(console.read_text(errors="replace")), 120, "no host key on the console")
    keys = console_host_keys(console.read_text(errors="replace"))
    one.records.pins.write(LAUNCH, keys[:1])
    with one.connect() as host:
        guest.install(host, NO_LIMITS)
        report = guest.follow_progress(host, lambda step: None)
        assert (report.phase, report.cap_in_s, report.idle_stop_in_s) == ("ready", None, None)
        assert jupyter.find_server(host).token
        served = host.run(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.decode()
        assert " ".join(served.split()[:2]) == keys[0]
        assert "awsgpu-deadline" not in host.run(["systemctl", "list-timers", "--all"]).stdout.decode()
