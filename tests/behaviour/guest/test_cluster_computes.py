"""Two nodes and a real Dask between them: what computes, what comes back, and who is kept out."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from distributed import LocalCluster

from jupyter_awsgpu.errors import RemoteCommandFailed
from jupyter_awsgpu.guest import engine_dask, paths
from jupyter_awsgpu.remote.cluster import make_secrets
from tests.behaviour.guest.nodes import Node, cluster_of, network, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:Creating scratch directories is taking")  # Dask, on a busy machine

COMPUTE = """
import dask.array as da
from distributed import Client
with Client(timeout=60) as client:
    client.wait_for_workers(2, timeout=60)
    squares = (da.arange(1000, chunks=50) ** 2).sum()
    where = {one["name"] for one in client.scheduler_info(n_workers=-1)["workers"].values()}
    print(int(squares.compute()), sorted(where), client.dashboard_link)
"""
RIGHT = "332833500 [0, 1] /proxy/{port}/status"

KNOCK = """
import sys
from distributed import Client, Security
ca, cert, key = sys.argv[2:]
security = Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True) if ca else None
try:
    Client(sys.argv[1], security=security, timeout=5)
except (OSError, RuntimeError) as exc:
    print("refused")
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """A head and a worker that have joined."""
    made = cluster_of(tmp_path_factory.mktemp("cluster"), 2)
    for one in made:
        assert one.join() == {"key": "cluster", "skipped": False, "right": True}
    yield made
    for one in made:
        one.host.end()


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A scheduler with eight workers in this process, told of where the guest looks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWSGPU_ROOT", str(tmp_path_factory.mktemp("eight")))
        page = str(files("jupyter_awsgpu.guest") / "dask_preload.py")
        with LocalCluster(
            n_workers=8,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"preload": [page]},
        ) as cluster:
            paths.write_json(paths.state("cluster", "scheduler.json"), cluster.scheduler.identity())
            yield cluster


def test_the_scheduler_tells_of_every_worker(eight: LocalCluster) -> None:
    """Eight, though `Client.scheduler_info` shows five of them in newer releases: none counts as absent."""
    del eight
    said = engine_dask.look()
    assert (said["joined"], said["present"], said["working"]) == (8, list(range(8)), 0)


def test_workers_are_known_while_they_compute(eight: LocalCluster) -> None:
    """Dask's own page about them fails as soon as one has computed (dask/distributed#8370): ours does not."""

    def tells() -> bool:
        try:
            json.dumps(eight.scheduler.identity())
        except TypeError:
            return True
        return False

    with eight.get_client() as client:
        client.gather(client.map(lambda number: sum(range(number)), range(100_000, 100_100)))
        until(tells, "a heartbeat with such metrics")
        assert engine_dask.look()["present"] == list(range(8))


CARDS = """
import os
from distributed import Client
with Client(timeout=60) as client:
    client.wait_for_workers(2, timeout=60)
    cards = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
    asked = client.submit(lambda: os.environ["CUDA_VISIBLE_DEVICES"], resources={"GPU": 1}).result(timeout=60)
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    print(sorted(cards.values()), asked in "01", sorted((one["name"], one["nthreads"]) for one in workers))
"""


def right(head: Node) -> str:
    return RIGHT.format(port=head.show().dashboard_port)


def test_a_client_without_words_computes_on_all_workers(nodes: list[Node]) -> None:
    """`Client()` in the remote notebook, nothing else: the right sum, by both workers, with a link to the dashboard."""
    head = nodes[0]
    assert head.python(COMPUTE).strip() == right(head)
    assert nodes[1].python(COMPUTE).startswith("332833500 [0, 1] ")
    told = head.show()
    assert (told.joined, told.present, told.tasks) == (2, (0, 1), 0)
    assert {"dask", "distributed", "cloudpickle", "msgpack", "python"} <= set(told.versions)
    assert told.secrets is None


def test_each_gpu_has_a_worker_of_its_own(tmp_path: Path) -> None:
    """Two GPUs, two workers that see one each, one thing at a time; after a resize to one GPU, one worker."""
    (one,) = cluster_of(tmp_path, 1)
    smi = one.host.path("/usr/local/bin/nvidia-smi")
    smi.write_text('#!/bin/sh\ncase "$*" in *=index*) echo 0; echo 1;; *) exit 9;; esac\n')
    smi.chmod(0o755)
    try:
        one.join()
        assert one.python(CARDS).strip() == "['0', '1'] True [('0-0', 1), ('0-1', 1)]"
        smi.write_text("#!/bin/sh\necho 0\n")
        assert one.join()["right"] is True
        assert (one.pid("dask-worker-0") > 0, one.pid("dask-worker-1")) == (True, 0)
        until(lambda: one.show().joined == 1, "the end of the other worker")
    finally:
        one.host.end()


def test_whoever_lacks_the_clusters_certificate_is_refused(nodes: list[Node], tmp_path: Path) -> None:
    """Another cluster's pair, signed by its own authority, and no encryption at all: neither gets in."""
    others = make_secrets("l-another")
    paths = []
    for key in ("ca", "cert", "key"):
        (tmp_path / key).write_text(getattr(others, key))
        paths.append(str(tmp_path / key))
    ours = str(nodes[0].host.path("/var/lib/awsgpu/cluster/ca.pem"))
    address = f"{nodes[0].part.head}:8786"
    assert nodes[0].python(KNOCK, f"tls://{address}", *paths).strip() == "refused"
    assert nodes[0].python(KNOCK, f"tls://{address}", ours, *paths[1:]).strip() == "refused"
    assert nodes[0].python(KNOCK, f"tcp://{address}", "", "", "").strip() == "refused"


def test_joining_again_changes_nothing(nodes: list[Node]) -> None:
    """The same part, and every service keeps its process."""
    services = ("dask-scheduler", "dask-worker", "cluster")
    before = [nodes[0].pid(name) for name in services]
    assert nodes[0].join() == {"key": "cluster", "skipped": True, "right": True}
    assert [nodes[0].pid(name) for name in services] == before
    assert all(before)


def test_a_worker_that_is_killed_comes_back(nodes: list[Node]) -> None:
    """Killed as the kernel kills what takes too much memory; the scheduler has it again, and computes."""
    before = nodes[1].pid("dask-worker")
    os.killpg(before, signal.SIGKILL)
    until(lambda: nodes[1].pid("dask-worker") not in (0, before), "another worker")
    assert nodes[0].python(COMPUTE).strip() == right(nodes[0])


def test_a_head_with_another_address_is_joined_there(nodes: list[Node]) -> None:
    """After a stop and a start the addresses may be others: told so, all nodes meet again, and computing goes on."""
    net = network()
    for number, one in enumerate(nodes):
        assert one.join(head=f"{net}.1", address=f"{net}.{number + 1}")["skipped"] is False
    assert nodes[0].python(COMPUTE).strip() == right(nodes[0])
    assert nodes[1].show().head == f"{net}.1"


@contextmanager
def late_to_obey(one: Node, service: str) -> Iterator[None]:
    """Hold the node's supervisor until a second after it was told to start the service again: a busy machine."""
    wanted = one.host.path(f"/var/lib/awsgpu/services/{service}.json")
    before = wanted.read_text()
    supervisor = json.loads(one.host.path("/run/awsgpu/supervisor.json").read_text())["pid"]

    def held() -> None:
        until(lambda: wanted.read_text() != before, "the order")
        time.sleep(1)
        os.kill(supervisor, signal.SIGCONT)

    os.kill(supervisor, signal.SIGSTOP)
    letting_go = threading.Thread(target=held)
    letting_go.start()
    try:
        yield
    except BaseException:
        os.kill(supervisor, signal.SIGCONT)  # what failed may have given no order
        raise
    finally:
        letting_go.join()


def test_other_certificates_start_everything_again(nodes: list[Node]) -> None:
    """A pair that was changed is the one that counts, at once and on all nodes."""
    before = nodes[0].pid("dask-scheduler")
    fresh = make_secrets("l-0123456789abcdef")
    with late_to_obey(nodes[0], "dask-scheduler"):
        nodes[0].join(secrets=fresh)
        assert nodes[0].pid("dask-scheduler") != before
    nodes[1].join(secrets=fresh)
    assert nodes[0].python(COMPUTE).strip() == right(nodes[0])


def test_the_power_goes_and_the_cluster_is_whole_again(nodes: list[Node]) -> None:
    """Both nodes off and on: services come back by themselves, and nobody has to join again."""
    for one in nodes:
        one.power_cut()
    assert nodes[0].python(COMPUTE).strip() == right(nodes[0])


def test_another_machine_with_this_disk_has_no_part_in_the_cluster(nodes: list[Node]) -> None:
    """An image of a node boots elsewhere: part, keys, settings and services are gone before anything starts."""
    other = nodes.pop()
    other.host.end()
    other.host.path("/run").mkdir()
    other.host.path("/var/lib/awsgpu/identity.json").write_text(json.dumps({"instance_id": "i-0ddddddddddddddd1"}))
    other.host.run(["awsgpu-guest", "boot", "--early"])
    with pytest.raises(RemoteCommandFailed, match="no part of a cluster"):
        other.host.run(["awsgpu-guest", "cluster", "show"])
    home = other.host.path("/home/ubuntu")
    left = [path.name for path in (*home.rglob("*awsgpu*"), *other.host.path("/var/lib/awsgpu").rglob("*.pem"))]
    assert left == []
    assert not list(other.host.path("/var/lib/awsgpu/services").glob("dask*"))
    other.host.end()
