"""The nodes' conversation, over real mutual TLS: a cluster stops when all of it is idle, together, and not before."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.remote.cluster import make_secrets
from tests.behaviour.guest.nodes import Node, cluster_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jupyter_awsgpu.model import ClusterSecrets

PORT = 8785
SAVE = """
import os, time
with open(os.environ["HOME"] + "/saved", "wb", buffering=0) as file:
    while True:
        file.seek(0)
        file.write(bytes(400_000))
        time.sleep(0.05)
"""
"""Work that a crowded machine does not slow down."""

WORK = "node 1: files are moving"
TASKS = """
import sys, time
from distributed import Client
with Client(timeout=60) as client:
    future = client.submit(time.sleep, 600)
    print("submitted", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """A head and two workers that have joined; their watchdogs look when the test says so."""
    made = cluster_of(tmp_path_factory.mktemp("cluster"), 3)
    for one in made:
        one.join()
    for one in made[1:]:
        one.configure(tick_seconds=60)  # so long may this machine take between two looks
    yield made
    for one in made:
        one.host.end()


def look(nodes: list[Node]) -> str:
    """Let the watchdogs of the workers look, and then the head's; return why that is busy."""
    return [one.tick()["busy_because"] or "" for one in (*nodes[1:], nodes[0])][-1]


def stays(nodes: list[Node], reason: str) -> None:
    """See that nobody stops for the moment's reason, though the time for idleness is over."""
    until(lambda: look(nodes).startswith(reason), "word of it")
    for one in nodes:
        one.configure(idle_stop_minutes=0.001)
    for _ in range(2):
        assert look(nodes).startswith(reason)
        assert nodes[2].tick()["busy_because"].startswith(reason)
    assert not any(one.stopped() for one in nodes)
    for one in nodes:
        one.configure(idle_stop_minutes=60)


# ── who is heard ──


def ask(head: Node, secrets: ClusterSecrets | None, folder: Path, body: object) -> int:
    """Speak to the head's service as anybody might; return the status."""
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    if secrets:
        (folder / "pair.pem").write_text(secrets.cert + secrets.key)
        trust.load_cert_chain(folder / "pair.pem")
    line = http.client.HTTPSConnection(head.part.head, PORT, context=trust, timeout=10)
    try:
        line.request("POST", "/", json.dumps(body))
        return line.getresponse().status
    finally:
        line.close()


def test_the_head_hears_the_clusters_own_and_nobody_else(nodes: list[Node], tmp_path: Path) -> None:
    """Another cluster's certificate, none at all, no TLS: the conversation ends before a word is read."""
    head, word = nodes[0], {"node": 1, "busy_because": "I say so", "every": 60}
    for stranger in (make_secrets("l-another"), None):
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
            ask(head, stranger, tmp_path, word)
    plain = http.client.HTTPConnection(head.part.head, PORT, timeout=10)
    plain.request("POST", "/", json.dumps(word))
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        plain.getresponse()
    plain.close()
    assert head.report()["cluster"]["nodes_seen"] == {}
    for nonsense in ([], {"node": 0, "every": 60}, {"node": 3, "every": 60}, {"node": 1, "every": "x"}, {"node": "1"}):
        assert ask(head, head.part.secrets, tmp_path, nonsense) == 400
    assert ask(head, head.part.secrets, tmp_path, {"node": 2, "busy_because": None, "every": 5}) == 200
    assert set(head.report()["cluster"]["nodes_seen"]) == {"2"}


# ── who is busy ──


def test_one_busy_worker_keeps_the_whole_cluster(nodes: list[Node]) -> None:
    """A person's process on one node: the head names node and reason, and the other worker takes it over."""
    child = nodes[1].at_work(SAVE)
    try:
        stays(nodes, WORK)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    seen = nodes[0].report()["cluster"]
    assert (seen["engine"], seen["node"], seen["nodes"], seen["joined"], seen["present"]) == (
        "dask",
        0,
        3,
        3,
        [0, 1, 2],
    )
    assert set(seen["nodes_seen"]) == {"1", "2"}
    assert nodes[1].report()["cluster"] == {"engine": "dask", "node": 1, "nodes": 3}


def test_a_task_of_the_engines_keeps_it_too(nodes: list[Node]) -> None:
    """A task that only sleeps takes no processor: the scheduler knows of it all the same."""
    python = [str(nodes[0].host.path("/opt/pytorch/bin/python3")), "-c", TASKS]
    environment = {**nodes[0].host.environment, "AWSGPU_ROOT": ""}  # the client is on a laptop
    client = subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        assert client.stdout.readline() == b"submitted\n"
        until(lambda: nodes[0].show().tasks, "the task")
        stays(nodes, "a task is computing on the cluster")
    finally:
        client.stdin.close()
        client.wait()
        client.stdout.close()
    until(lambda: nodes[0].show().tasks == 0, "the end of the task")


# ── who stops ──


def test_a_worker_without_its_head_judges_for_itself(nodes: list[Node]) -> None:
    """Its head is silent: its own idle time counts from then on, and it stops alone."""
    alone = nodes[2]
    alone.tick()
    alone.join(head="127.0.0.9")  # nobody there
    assert alone.tick()["stop"] is None
    alone.configure(idle_stop_minutes=0.01)
    until(lambda: alone.tick()["stop"] == "idle", "its own verdict")
    assert alone.stopped()
    alone.host.path("/shutdown.log").unlink()
    alone.join(head=nodes[0].part.head)


def test_a_hold_holds_a_head_that_is_saying_goodbye(nodes: list[Node]) -> None:
    """`awsgpu keep` while an idle head waits for its workers to hear that all stop: it waits no longer, and stays."""
    head, over = nodes[0], threading.Event()
    until(lambda: not look(nodes), "the end of all work")

    def watching() -> None:
        while not over.is_set():
            head.tick()

    watchdog = threading.Thread(target=watching, daemon=True)
    head.configure(idle_stop_minutes=0.01)
    watchdog.start()
    report = head.host.path("/var/lib/awsgpu/report.json")
    until(lambda: json.loads(report.read_text())["stop"] == "idle", "the head's verdict")
    head.host.run(["awsgpu-guest", "keep", "1"], timeout_s=120)
    over.set()
    watchdog.join(60)  # its workers look every minute: it would wait for two
    assert not watchdog.is_alive()
    assert [one.tick()["stop"] for one in nodes[1:]] == [None, None]
    assert not any(one.stopped() for one in nodes)
    head.configure(idle_stop_minutes=60)
    head.host.run(["awsgpu-guest", "keep", "0"], timeout_s=120)


def test_an_idle_cluster_stops_together(nodes: list[Node]) -> None:
    """The head waits until its workers have heard it, each at its own next look, and then goes itself."""
    head, workers = nodes[0], nodes[1:]
    for one in workers:
        one.configure(idle_stop_minutes=60)  # by themselves they would stay for an hour
    until(lambda: not look(nodes), "the end of all work")
    assert not any(one.stopped() for one in nodes)
    head.configure(idle_stop_minutes=0.01)
    leaving = threading.Thread(target=lambda: until(lambda: head.tick()["stop"] == "idle", "idleness"), daemon=True)
    leaving.start()
    report = head.host.path("/var/lib/awsgpu/report.json")
    until(lambda: json.loads(report.read_text())["stop"] == "idle", "the head's verdict")
    assert not head.stopped()
    for one in workers:
        assert one.tick()["stop"] == "idle"
        assert one.stopped()
    leaving.join(60)
    assert head.host.path("/shutdown.log").read_text() == "-h now\n"
