"""Real hosts as one Dask cluster, from the verb that launches them to nothing left.

The tests share the cluster and run in this order. Its first two machines install Dask from the subnet's index.
It has four machines, and eight with AWSGPU_TESTS_FULL=1.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.behaviour.road.remote_jupyter import computed, fresh_kernel
from tests.system.cluster.conftest import LAUNCH, NODES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.serving import Awsgpu

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SIZE = 3000 * NODES
CLIENT = f"from distributed import Client; client = Client(timeout=60); client.wait_for_workers({NODES}, timeout=90)"
BEGIN = f"""
import time
import dask.array as da

def slowly(block):
    time.sleep(0.8)
    return block**2

squares = da.arange({SIZE}, chunks=100).map_blocks(slowly, dtype=int).persist()
total = client.compute(squares.sum())
while len([one for one in client.has_what().values() if one]) < {NODES}:
    time.sleep(0.05)
print("begun")
"""
END = "print(total.result(timeout=150))"
WHERE = "print(*sorted(one['name'] for one in client.scheduler_info(n_workers=-1)['workers'].values()))"
RIGHT = str(sum(number**2 for number in range(SIZE)))
EVERYBODY = " ".join(map(str, range(NODES)))

HURRY = """
import json, subprocess
path = "/etc/awsgpu/config.json"
config = json.load(open(path))
json.dump({**config, "tick_seconds": 3, "idle_stop_minutes": 0.2}, open(path, "w"))
subprocess.run(["awsgpu-guest", "provision"], check=True)
"""
"""Look every three seconds and stop after twelve idle ones: the test has no hour."""

WORK_S = 45
"""Far longer than the cluster may be idle."""


def test_a_result_over_all_machines_is_right_though_two_break(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """`Client()` finds a worker on each; one loses its processes, one more resets; both come back."""
    last = f"gpu/{NODES - 1}"
    before = booted(awsgpu, last)
    with fresh_kernel(box) as run:
        assert run(CLIENT + "\n" + WHERE).strip() == EVERYBODY
        assert run(BEGIN).strip() == "begun"
        remote(awsgpu, f"gpu/{NODES - 3}", "sudo", "systemctl", "kill", "-s", "KILL", "awsgpu-dask-worker")
        awsgpu("ssh", last, "--", "sudo", "systemctl", "reboot", "--force", "--force")  # ends in mid-word
        assert run(END).strip() == RIGHT
        assert run(f"client.wait_for_workers({NODES}, timeout=90)\n" + WHERE).strip() == EVERYBODY
    assert booted(awsgpu, last) != before


def test_a_machine_that_is_gone_is_replaced_by_the_same_launch(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """One ends while all compute: the result is right, `status` lacks it, and the launch makes that one alone anew."""
    with fresh_kernel(box) as run:
        run(CLIENT)
        assert run(BEGIN).strip() == "begun"
        assert awsgpu("terminate", f"gpu/{NODES - 2}", "--yes").status == 0
        assert run(END).strip() == RIGHT
    before = ids(awsgpu)
    assert sorted(before) == [*range(NODES - 2), NODES - 1]
    again = awsgpu(*LAUNCH, "--yes", "--no-open")
    assert again.status == 0, again.err
    after = ids(awsgpu)
    assert {number: after[number] for number in before} == before
    assert sorted(after) == list(range(NODES))
    assert computed(box, CLIENT + "\n" + WHERE)[0].strip() == EVERYBODY


def test_stopped_and_started_it_is_whole_at_new_addresses(
    box: dict[str, Any], awsgpu: Awsgpu, data_folder: Path
) -> None:
    """The head has another public and another private address; the workers find it and the sum is right."""
    (data_folder / "demo/aws/moves").write_text(box["instance_id"])
    assert awsgpu("stop").status == 0
    assert {one["state"] for one in awsgpu("status").document} == {"stopped"}
    started = awsgpu("start", "--no-open")
    assert started.status == 0, started.err
    (head,) = [one for one in awsgpu("status").document if one["node"] == 0]
    assert head["public_address"] != box["public_address"]
    assert head["private_address"] != box["private_address"]
    there = started.document | {"token": box["token"]}
    who, begun, total = computed(there, CLIENT + "\n" + WHERE, BEGIN, END)
    assert (who.strip(), begun.strip(), total.strip()) == (EVERYBODY, "begun", RIGHT)


def test_a_busy_cluster_stays_and_an_idle_one_stops(box: dict[str, Any], awsgpu: Awsgpu) -> None:
    """One task on one worker keeps all of them; when it is done they stop by themselves, and EC2 says so."""
    with fresh_kernel(box) as run:
        work = f"import time, distributed; distributed.fire_and_forget(client.submit(time.sleep, {WORK_S}, pure=False))"
        assert run(CLIENT + "\n" + work + "\nprint('begun')").strip() == "begun"
    began = time.monotonic()
    with ThreadPoolExecutor(NODES) as pool:
        list(pool.map(lambda name: remote(awsgpu, name, "sudo", "python3", "-c", HURRY), titles(awsgpu)))
    hurried = time.monotonic() - began
    assert hurried < WORK_S / 2, "the machines took so long to be told that the work says nothing"
    until(
        lambda: "on the cluster" in (seen(awsgpu)["guest"]["busy_because"] or ""), "the head does not say why it stays"
    )
    ran = seen(awsgpu)["guest"]["ran_s"]
    until(lambda: seen(awsgpu)["guest"]["ran_s"] > ran + 16, "the watchdog does not look")
    assert [one["state"] for one in awsgpu("status").document] == ["running"] * NODES
    until(lambda: {one["state"] for one in awsgpu("status").document} == {"stopped"}, "an idle cluster does not stop")


def test_nothing_is_left_after_terminate(awsgpu: Awsgpu, data_folder: Path) -> None:
    """No machine, no disk of one, no group and no key: `cleanup` takes what clutters, and then there is nothing."""
    assert awsgpu("terminate", "gpu", "--yes").status == 0
    assert awsgpu("status").document == []
    assert awsgpu("cleanup", "--yes").status == 0
    assert awsgpu("cleanup").document in ([], {})
    assert list((data_folder / "demo/aws/hosts").glob("i-*")) == []


def remote(awsgpu: Awsgpu, name: str, *command: str) -> str:
    """Run a command on a machine by the person's own OpenSSH client; return its output."""
    answer = awsgpu("ssh", name, "--", *command)
    assert answer.status == 0, answer.err
    return answer.out


def booted(awsgpu: Awsgpu, name: str) -> str:
    """Return when a machine's first process began, in ticks."""
    return remote(awsgpu, name, "cat", "/proc/1/stat").split()[21]


def ids(awsgpu: Awsgpu) -> dict[int, str]:
    """Return the machines' ids by their number in the cluster."""
    return {one["node"]: one["instance_id"] for one in awsgpu("status").document}


def titles(awsgpu: Awsgpu) -> list[str]:
    """Return the names by which each machine is meant."""
    return [f"gpu/{number}" if number else "gpu" for number in ids(awsgpu)]


def seen(awsgpu: Awsgpu) -> dict[str, Any]:
    """Return what `status` shows of the head."""
    (head,) = [one for one in awsgpu("status").document if one["node"] == 0]
    return head


def until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as what the machines bring about by themselves is so."""
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)
