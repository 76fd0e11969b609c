"""An instance that is a private sshd, a web server behind it, and the tunnels to it."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from jupyter_awsgpu.model import Endpoint, Instance, InstanceState
from jupyter_awsgpu.records import Pins
from jupyter_awsgpu.tunnel import Tunnels

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2])]  # for a script that imports this file alone

from tests.ports import free_port  # noqa: E402
from tests.system.host.private_sshd import LAUNCH, PrivateSshd  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.tunnel.small_web import Web

ID = "i-0123456789abcdef0"

BUSY_S = 60.0
"""What a busy machine may add to a time that is promised; how long it takes on a quiet one is tests/bench' to tell."""


def tunnels_of(root: Path) -> Tunnels:
    """Return the tunnels of a data folder, their processes started as wiring does."""
    process = str(HERE / "tunnel_process.py")
    return Tunnels(root / "tunnels", root / "logs", lambda record: [sys.executable, process, record])


class Bench:
    """A private sshd that stands for the instance, a web server behind it, and tunnels between."""

    def __init__(self, root: Path, sshd: PrivateSshd, web: Web) -> None:
        self.root, self.sshd, self.web = root, sshd, web
        self.pins = Pins(root / "pins")
        self.pins.write(LAUNCH, (sshd.host_keys["ecdsa"],))
        self.tunnels = self.more_tunnels()
        self.instance = Instance(
            "gpu", ID, "p2.xlarge", InstanceState.RUNNING, "r", "z", LAUNCH, "o", "ami", datetime.now(UTC), "root"
        )
        self.endpoint = Endpoint(ID, sshd.address, sshd.port, sshd.user, sshd.client_key)
        self.locate_at(self.endpoint)

    def more_tunnels(self) -> Tunnels:
        """Return what another process would make of the same folders."""
        return tunnels_of(self.root)

    def open(self, **options):
        wish = {"remote_port": self.web.port, "local_port": free_port(), "endpoint": self.endpoint} | options
        return self.tunnels.open(self.instance, **wish)

    def locate_at(self, endpoint: Endpoint | str) -> None:
        """What AWS would say from now on."""
        if isinstance(endpoint, Endpoint):
            said = {"address": endpoint.address, "port": endpoint.port, "user": endpoint.user}
            endpoint = said | {"key_file": str(endpoint.key_file)}
        (self.root / "located.json").write_text(json.dumps(endpoint))

    def times_located(self) -> int:
        path = self.root / "located.log"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def move_sshd(self, address: str) -> None:
        """The instance stops, and starts with another address."""
        self.sshd.kill()
        self.sshd.address = address
        if not self.sshd.prefix:  # in another network namespace, the port is its own
            self.sshd.port = free_port(address)
        self.sshd.start()
        self.locate_at(replace(self.endpoint, address=address, port=self.sshd.port))

    def tunnel(self):
        return self.tunnels.find(ID)

    def process(self) -> psutil.Process:
        return psutil.Process(self.tunnel().pid)

    def wait_for(self, phase: str, within_s: float = 20 + BUSY_S):
        """Wait until the tunnel is in a phase."""
        return self.until(lambda: (one := self.tunnel()) and one.phase == phase and one, phase, within_s)

    def until(self, condition: Callable[[], object], what: str, within_s: float = 20 + BUSY_S):
        """Wait until a condition holds, and return what it says."""
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: {self.tunnel()}\n{self.log()}")
            time.sleep(0.02)
        return found

    def log(self) -> str:
        return "\n".join(self.tunnels.log_lines(ID))
