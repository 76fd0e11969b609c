"""Three real hosts on one subnet as a Dask cluster: one's power fails while it computes, and idleness ends them all."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.model import Membership
from jupyter_awsgpu.remote import cluster, guest
from jupyter_awsgpu.remote.user_data import GuestConfig
from tests.system.cluster import packages
from tests.system.lan import Lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
LAUNCH = "l-0123456789abcdef"
CONFIG = GuestConfig("gpu", LAUNCH, "ubuntu", engine="dask", nodes=3, version="1.2.3")
COMPUTE = """
import time
import dask.array as da
from distributed import Client

def slowly(block):
    time.sleep(0.2)
    return block ** 2

with Client(timeout=60) as client:
    client.wait_for_workers(3, timeout=90)
    future = client.compute((da.arange(12000, chunks=100).map_blocks(slowly, dtype=int)).sum())
    while not any(client.processing().values()):
        time.sleep(0.05)
    print("begun", flush=True)
    print(future.result(timeout=240), len(client.scheduler_info(n_workers=-1)["workers"]), flush=True)
"""
SAVE = """
import time
with open("/home/ubuntu/saved", "wb", buffering=0) as file:
    while True:
        file.seek(0)
        file.write(bytes(400_000))
        time.sleep(0.05)
"""
"""Work that a crowded machine does not slow down."""

WORK = "node 1: files are moving"
RIGHT = sum(number**2 for number in range(12000))


@pytest.fixture(scope="module")
def nodes(launching: Callable[..., Any]) -> Iterator[list[Any]]:
    """A head and two workers that have joined; their image has Dask."""
    lan = Lan(packages.wheels())
    lan.begin()
    layer = packages.layer(packages.WHOLE)
    addresses = [f"172.31.0.{10 + number}" for number in range(3)]
    made = [launching(config=CONFIG, lan=lan, private_address=one, layers=(layer,)) for one in addresses]
    secrets = cluster.make_secrets(LAUNCH)
    versions = None
    for number, one in enumerate(made):
        with one.connect() as host:
            guest.follow_progress(host, lambda step: None)
            cluster.join(
                host, Membership("dask", number, 3, LAUNCH, addresses[0], addresses[number], secrets, versions)
            )
            report = guest.follow_progress(host, lambda step: None)
            versions = versions or cluster.show(host).versions
        assert {step.phase for step in report.steps if step.key == "engine"} == {"skipped"}
    yield made
    lan.end()


def test_the_result_is_right_though_a_worker_loses_its_power(nodes: list[Any]) -> None:
    """Its tasks go to the others; when it is on again, it is back without anybody's help."""
    enter = ["nsenter", "-t", str(nodes[0].real._inside()[0]), "-a", "-r", "-w"]
    argv = [*enter, "su", "-", "ubuntu", "-c", f"/opt/pytorch/bin/python -c '{COMPUTE}'"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as computing:
        assert computing.stdout is not None
        assert computing.stdout.readline() == "begun\n"
        nodes[2].real.cut_power()
        assert computing.stdout.readline().split() == [str(RIGHT), "2"]
    nodes[2].real.start()
    _until_present(nodes, (0, 1, 2))


def test_a_busy_cluster_stays_and_an_idle_one_goes(nodes: list[Any]) -> None:
    """One node works for somebody: all stay, long past their idle time. It ends: all power off by themselves."""
    worker = nodes[1].real
    worker.run("systemd-run", "--unit=work", "--uid=ubuntu", "python3", "-c", SAVE)
    for one in nodes:
        _configure(one, tick_seconds=3)
        one.real.run("awsgpu-guest", "provision")
    nodes[0].real.until(lambda: _busy(nodes[0]).startswith(WORK), 120, "the head does not hear of it")
    nodes[2].real.until(lambda: _busy(nodes[2]).startswith(WORK), 60, "the other worker does not")
    for one in nodes:
        _configure(one, idle_stop_minutes=0.1)
    kept = _looked(nodes[0])
    nodes[0].real.until(lambda: _looked(nodes[0]) > kept + 12, 120, "the watchdog does not look")
    assert not any(one.real.ended[-1:] == ["off"] for one in nodes)
    worker.run("systemctl", "stop", "work")
    for one in (*nodes[1:], nodes[0]):
        assert one.real.wait_until_off(240) == "off"
    said = nodes[0].real.disk("/var/log/awsgpu/watch.log").read_text()
    assert said.endswith("awsgpu: stopping: idle\n")


def _until_present(nodes: list[Any], there: tuple[int, ...]) -> None:
    with nodes[0].connect() as host:
        nodes[0].real.until(lambda: cluster.show(host).present == there, 120, "the worker is not back")


def _busy(one: Any) -> str:
    return str(json.loads(one.real.run("awsgpu-guest", "status", "--json"))["busy_because"] or "")


def _configure(one: Any, **config: float) -> None:
    path = one.real.path("/etc/awsgpu/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))


def _looked(one: Any) -> float:
    """Return when the watchdog last looked, in seconds."""
    return float(json.loads(one.real.path("/var/lib/awsgpu/report.json").read_text())["at"])
