"""Nodes of a cluster in folders: the real services on the guest's own supervisor, each node an address of the loopback.

What is left out is pip: the interpreter is the tests' own, which has `distributed`. Hosts that install everything
are in `tests/system`.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.model import Membership
from jupyter_awsgpu.remote.cluster import make_secrets, show
from tests.behaviour.guest.conftest import FolderHost, instance_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.model import ClusterSecrets, ClusterState

WITHIN_S = 90.0
_nets = itertools.count()
_JOIN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from guest import cluster, cluster_steps, paths
cluster.join(sys.stdin.read())
step = cluster_steps.steps(paths.config())[-1]
skipped = step.right()
if not skipped:
    step.act(lambda text: None)
print(json.dumps({"key": step.key, "skipped": skipped, "right": step.right()}))
"""
_DAEMON = "import sys; sys.path.insert(0, sys.argv[1]); from guest import supervisor; supervisor.start_daemon()"


def network() -> str:
    """Return the first three numbers of addresses that nobody else here listens on."""
    return f"127.{64 + next(_nets) % 60}.{os.getpid() & 255}"


@dataclass
class Node:
    """One node, and the laptop's side of it."""

    host: FolderHost
    part: Membership

    def join(self, **changes: Any) -> dict[str, Any]:
        """Take part as the provisioning does; `changes` to the part are kept."""
        self.part = replace(self.part, **changes)
        said = {key: getattr(self.part, key) for key in ("engine", "node", "nodes", "cluster", "head", "address")}
        secrets = self.part.secrets
        said |= {"ca": secrets.ca, "cert": secrets.cert, "key": secrets.key, "versions": self.part.versions}
        done = self.host.run(
            [sys.executable, "-c", _JOIN, str(self.host.path("/opt/awsgpu"))],
            stdin=json.dumps(said).encode(),
            timeout_s=180,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def show(self) -> ClusterState:
        """Ask it as the laptop does."""
        return show(self.host)  # type: ignore[arg-type]

    def report(self) -> dict[str, Any]:
        """Return its report."""
        found: dict[str, Any] = json.loads(self.host.run(["awsgpu-guest", "status", "--json"]).stdout)
        return found

    def tick(self) -> dict[str, Any]:
        """Let its watchdog look; return what it found."""
        self.host.run(["awsgpu-guest", "tick"], timeout_s=120)
        found: dict[str, Any] = json.loads(self.host.path("/var/lib/awsgpu/report.json").read_text())
        return found

    def stopped(self) -> bool:
        """Whether it has shut itself down."""
        return self.host.path("/shutdown.log").exists()

    def configure(self, **config: Any) -> None:
        """Change its configuration."""
        path = self.host.path("/etc/awsgpu/config.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **config}))

    def pid(self, service: str) -> int:
        """Return a service's process."""
        record = self.host.path(f"/run/awsgpu/services/{service}.json")
        return int(json.loads(record.read_text())["pid"]) if record.exists() else 0

    def power_cut(self) -> None:
        """Power off and on; the supervisor alone starts, as whoever starts such a host starts it."""
        self.host.end()
        self.host.path("/run").mkdir()
        self.host.run([sys.executable, "-c", _DAEMON, str(self.host.path("/opt/awsgpu"))])

    def python(self, code: str, *words: str) -> str:
        """Run Python as a notebook's kernel on the node would."""
        python = str(self.host.path("/opt/pytorch/bin/python3"))
        return self.host.run([python, "-c", code, *words], timeout_s=180).stdout.decode()

    def at_work(self, code: str) -> subprocess.Popen[bytes]:
        """Start a Python of a person's on it."""
        return subprocess.Popen([sys.executable, "-c", code], env=self.host.environment, start_new_session=True)


def node(root: Path, number: int, nodes: int, net: str, secrets: ClusterSecrets) -> Node:
    """Lay out a node, provisioned but for its part in the cluster."""
    host = instance_in(root)
    shutil.copytree(str(files("jupyter_awsgpu.guest")), host.path("/opt/awsgpu/guest"))
    shutil.copy(host.path("/opt/awsgpu/guest/main.py"), host.path("/opt/awsgpu/main.py"))
    shutil.copy(host.path("/opt/awsgpu/guest/awsgpu-guest.sh"), host.path("/usr/local/bin/awsgpu-guest"))
    host.path("/usr/local/bin/awsgpu-guest").chmod(0o755)
    config = {"engine": "dask", "nodes": nodes, "instance_user": "ubuntu", "tick_seconds": 5}
    python = {"path": str(host.path("/opt/pytorch/bin/python3")), "wish": "auto"}
    for path, value in (("/etc/awsgpu/config.json", config), ("/var/lib/awsgpu/python.json", python)):
        host.path(path).parent.mkdir(parents=True, exist_ok=True)
        host.path(path).write_text(json.dumps(value))
    host.path("/home/ubuntu/work").mkdir()
    part = Membership("dask", number, nodes, "l-0123456789abcdef", f"{net}.1", f"{net}.{number + 1}", secrets)
    return Node(host, part)


def cluster_of(root: Path, nodes: int) -> list[Node]:
    """Lay out the nodes of one cluster."""
    secrets, net = make_secrets("l-0123456789abcdef"), network()
    return [node(root / f"node{number}", number, nodes, net, secrets) for number in range(nodes)]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come about")
        time.sleep(0.1)
