"""From user-data to services up, on real systemd and real cloud-init."""

from __future__ import annotations

import gzip
import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.host import exchange_host_key, generate_host_key
from jupyter_awsgpu.remote import guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from jupyter_awsgpu.model import GuestStep

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
LAUNCH = "l-0123456789abcdef"


def test_user_data_is_valid_cloud_config(base_root: Path, tmp_path: Path) -> None:
    """cloud-init's own schema command finds nothing to say."""
    config = GuestConfig("gpu", LAUNCH, "ubuntu", budget=5, price_per_hour=0.9)
    path = tmp_path / "user-data"
    path.write_bytes(gzip.decompress(user_data(config, generate_host_key(), "ubuntu")))
    inside = "mount --bind $1 $2/mnt && exec chroot $2 cloud-init schema --config-file /mnt/user-data"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", inside, "sh", tmp_path, base_root], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid" in done.stdout


@pytest.fixture(scope="module", autouse=True)
def left_alone(launching: Callable[..., Any]) -> Mapping[str, Any]:
    """Three machines whose time is short, started before the other tests: they go off while those run."""
    short = GuestConfig("gpu", LAUNCH, "ubuntu", max_hours=0.01, idle_stop_minutes=None)
    idle = GuestConfig("gpu", LAUNCH, "ubuntu", idle_stop_minutes=1, max_hours=None)
    left = {
        "lonely": launching(config=replace(idle, idle_stop_minutes=2)),
        "robbed": launching(config=short),
        "visited": launching(config=idle),
    }
    left["robbed"].real.wait_for_ssh()
    left["robbed"].real.run("rm", "-rf", "/opt/awsgpu", "/usr/local/bin/awsgpu-guest", "/etc/awsgpu")
    with left["visited"].connect() as host:
        guest.provision_when_there(host)
        left["visited"].real.run("sed", "-i", 's/^{/{"tick_seconds": 5, /', "/etc/awsgpu/config.json")
        guest.provision(host)
        guest.follow_progress(host, lambda step: None)
    return left


@pytest.fixture(scope="module")
def one(launching: Callable[..., Any]) -> Any:
    """A machine on the main road, shared by the tests below in their order."""
    return launching()


def test_a_machine_nobody_comes_to_becomes_ready(left_alone: Mapping[str, Any]) -> None:
    """The laptop slept right after RunInstances: no connection ever, and Jupyter answers."""
    real = left_alone["lonely"].real
    real.until(lambda: "ready" in real.run("awsgpu-guest", "status", "--json"), 100, "it did not become ready")
    assert not real.path("/opt/awsgpu/guest").exists()
    token = real.path("/var/lib/awsgpu/jupyter/token").read_text().strip()
    assert _status(left_alone["lonely"], 8888, token) == "200"


def test_from_user_data_to_jupyter_and_both_guards(one: Any) -> None:
    """SSH answers with the key we know, the key is exchanged, and the guest's services run under systemd."""
    told: list[GuestStep] = []
    with one.connect() as host:
        assert "active" in one.real.run("systemctl", "is-active", "awsgpu-deadline.timer")
        assert "active" in one.real.run("systemctl", "is-active", "awsgpu-lonely.timer")
        guest.provision_when_there(host)
        exchange_host_key(host, one.records.pins, LAUNCH)
        report = guest.follow_progress(host, told.append)
        server = jupyter.find_server(host)
    assert report.phase == "ready"
    assert one.real.run("systemctl", "is-active", "awsgpu-lonely.timer", check=False).strip() == "inactive"
    assert "active" in one.real.run("systemctl", "is-active", "awsgpu-watch.timer")
    assert one.real.run("systemctl", "show", "-P", "User", "awsgpu-jupyter").strip() == "ubuntu"
    assert f"127.0.0.1:{server.port}" in one.real.run("ss", "-ltnH")
    assert one.real.run("stat", "-c", "%U %a", "/var/lib/awsgpu/jupyter/token").split() == ["ubuntu", "600"]
    assert _status(one, server.port, server.token) == "200"
    assert _status(one, server.port, "wrong") == "403"


def test_only_the_instances_own_key_is_served_after_the_exchange(one: Any) -> None:
    """The key that travelled in user-data is gone from the disk and from sshd; the new one stands alone."""
    files = one.real.run("sh", "-c", "ls /etc/ssh/ssh_host_*").split()
    assert files == ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ed25519_key.pub"]
    assert len(one.records.pins.read(LAUNCH)) == 1
    with one.connect() as host:
        assert host.run(["true"]).status == 0


def test_jupyter_comes_back_when_it_is_killed(one: Any) -> None:
    """The service restarts it, with the same token."""
    with one.connect() as host:
        before = jupyter.find_server(host)
        one.real.run("kill", "-9", str(before.pid))
        one.real.until(lambda: _new_server(host, before.pid), 60, "Jupyter does not come back")


def test_token_port_and_guards_after_stop_and_start(one: Any) -> None:
    """`shutdown -h` is off, the next start has the same token, Jupyter running and the guard armed anew."""
    with one.connect() as host:
        before = jupyter.find_server(host)
    one.real.run("shutdown", "-h", "now", check=False)
    assert one.real.wait_until_off(60) == "off"
    one.real.start()
    with one.connect() as host:
        guest.follow_progress(host, lambda step: None)
        after = jupyter.find_server(host)
    assert after.token == before.token
    assert "active" in one.real.run("systemctl", "is-active", "awsgpu-deadline.timer")


def test_the_plain_shutdown_fires_with_everything_of_ours_gone(left_alone: Mapping[str, Any]) -> None:
    """The guard armed in bootcmd needs none of our files: its time over, the machine goes off."""
    assert left_alone["robbed"].real.wait_until_off(120) == "off"


def test_a_machine_nobody_came_to_ends_by_itself(left_alone: Mapping[str, Any]) -> None:
    """The plain idle stop that user-data armed: nobody can have begun to work there."""
    assert left_alone["lonely"].real.wait_until_off(200) == "off"


def test_an_idle_machine_stops_itself_with_the_laptop_gone(left_alone: Mapping[str, Any]) -> None:
    """One minute of idleness allowed: it goes off within a tick of its deadline, nobody connected."""
    assert left_alone["visited"].real.wait_until_off(240) == "off"


def _new_server(host: Any, old: int | None) -> bool:
    done = host.run(["awsgpu-guest", "jupyter", "--json"], sudo=True, check=False)
    return done.status == 0 and json.loads(done.stdout)["pid"] != old


def _status(one: Any, port: int, token: str) -> str:
    header = f"Authorization: token {token}"
    url = f"http://127.0.0.1:{port}/api/status"
    return one.real.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", header, url)
