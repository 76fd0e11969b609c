"""A plain image with a GPU: driver, toolkit, Python, through a real reboot, power cuts and vendors' faults."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.remote import guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig
from tests.system.guest.vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
CONFIG = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", python="miniforge", cuda="12.6", version="1.2.3")
STEPS = (
    "watch",
    "nouveau",
    "headers",
    "repository",
    "driver",
    "module",
    "gpu",
    "cuda",
    "path",
    "python",
    "packages",
    "jupyter",
)
CUT_AT = STEPS if os.environ.get("AWSGPU_TESTS_FULL") else ("nouveau", "driver", "cuda", "packages")
"""Where the power is cut: in front of a reboot, inside apt, inside a download, inside pip."""


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    with Vendor(tmp_path / "vendor") as served:
        yield served


def test_driver_reboot_toolkit_miniforge_and_jupyter(machine: Callable[..., Any], vendor: Vendor) -> None:
    """The laptop visits once; the machine reboots in the middle and goes on by itself; later an environment.yml."""
    one = machine(config=CONFIG, prepare=vendor.with_gpu)
    with one.connect() as host:
        guest.provision_when_there(host)
    _until_ready(one)
    assert one.real.boots == 2
    assert one.real.ended == ["reboot"]
    steps = _steps(one)
    assert tuple(steps) == STEPS
    assert one.real.run("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").strip() == "580.95.05"
    login = one.real.run("su", "-", "ubuntu", "-c", "nvcc --version; echo $LD_LIBRARY_PATH; command -v conda")
    assert "release 12.6" in login
    assert "/usr/local/cuda/lib64" in login
    assert "/opt/miniforge3/bin/conda" in login
    with one.connect() as host:
        server = jupyter.find_server(host)
        before = _disk(one)
        guest.provision(host)
        report = guest.follow_progress(host, lambda step: None)
        assert jupyter.find_server(host) == server
        assert {step.phase for step in report.steps} == {"skipped"}
        assert _disk(one) == before
        wanted = "name: mine\ndependencies:\n  - python=3.11\n  - attrs>=22\n"
        guest.provision(host, extra={"environment.yml": wanted}, changes={"environment": "environment.yml"})
        guest.follow_progress(host, lambda step: None)
    assert one.real.run("/opt/awsgpu-env/bin/python", "-c", "import attrs, ipykernel; print(1)").strip() == "1"


def test_power_cuts_inside_steps_end_in_the_same_state(machine: Callable[..., Any], vendor: Vendor) -> None:
    """Cut while each step runs, started again: the program goes on, and nothing is missing in the end."""
    one = machine(config=CONFIG, prepare=vendor.with_gpu)
    with one.connect() as host:
        guest.provision_when_there(host)
    for step in CUT_AT:
        one.real.until(lambda step=step: _reached(one, step), 240, f"{step} was not reached")
        one.real.cut_power()
        one.real.start()
        one.real.wait_for_ssh()
    _until_ready(one)
    assert one.real.ended.count("cut") == len(CUT_AT)
    assert one.real.run("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").strip() == "580.95.05"
    assert "release 12.6" in one.real.run("/usr/local/cuda/bin/nvcc", "--version")
    assert not one.real.run("dpkg", "--audit").strip()
    with one.connect() as host:
        assert jupyter.find_server(host).token


def test_vendors_faults_are_waited_for_or_said_in_a_sentence(machine: Callable[..., Any], vendor: Vendor) -> None:
    """A download cut short is repeated and an apt lock waited for; a published checksum that differs fails, clearly."""
    config = GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", python="miniforge", version="1.2.3")

    def prepare(host: Any) -> None:
        vendor.with_gpu(host)
        vendor.broken["/Miniforge3.sh"] = 2
        (vendor.folder / "Miniforge3.sh.sha256").write_text("0" * 64 + "  x.sh\n")

    one = machine(config=config, prepare=prepare)
    one.real.wait_for_ssh()
    lock = (
        "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f, fcntl.LOCK_EX); time.sleep(900)"
    )
    one.real.run("systemd-run", "--unit=unattended", "python3", "-c", lock)
    with one.connect() as host:
        guest.provision_when_there(host)
    one.real.until(lambda: "Waiting for another apt" in json.dumps(_report(one)), 60, "the lock is not told")
    one.real.run("systemctl", "stop", "unattended")
    one.real.until(lambda: _phase(one) == "failed", 300, "it did not give up")
    failed = next(step for step in _report(one)["steps"] if step["phase"] == "failed")
    assert "published checksum" in failed["log"]
    good = (vendor.folder / "Miniforge3.sh").read_bytes()
    (vendor.folder / "Miniforge3.sh.sha256").write_text(hashlib.sha256(good).hexdigest())
    with one.connect() as host:
        guest.provision(host)
    one.real.until(lambda: _steps(one).get("python") == "done", 200, "it did not go on from there")


def _report(one: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(one.real.run("awsgpu-guest", "status", "--json", timeout_s=20))
    return found


def _phase(one: Any) -> str:
    return str(_report(one)["phase"])


def _steps(one: Any) -> dict[str, str]:
    return {step["key"]: step["phase"] for step in _report(one)["steps"]}


def _reached(one: Any, step: str) -> bool:
    """Whether the step runs, or lies behind us."""
    report = _report(one)
    phases = {row["key"]: row["phase"] for row in report["steps"]}
    return report["phase"] == "ready" or phases.get(step) in ("running", "done", "skipped")


def _until_ready(one: Any) -> None:
    def ready() -> bool:
        phase = _phase(one)
        if phase == "failed":
            pytest.fail(str(_report(one)["steps"]), pytrace=False)
        return phase == "ready"

    one.real.until(ready, 400, "it did not become ready")


def _disk(one: Any) -> str:
    """Return a listing of what provisioning may change, with times."""
    found = "find /etc /opt/miniforge3 /usr/local -newer /var/lib/awsgpu/python.json -type f"
    return str(one.real.run("sh", "-c", f"{found} | grep -v -e __pycache__ -e /etc/awsgpu | sort"))
