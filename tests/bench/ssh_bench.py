"""What SSH adds to a launch: logins from launch to ready, and provisioning at 50 ms against one bare session.

    python tests/bench/ssh_bench.py [--rounds 5] [--json FILE]

On the simulated AWS, whose hosts are real SSH servers; the distance is a delaying relay in this process, which
counts the connections too. The bare session logs in once and runs the same two commands as one, with the
same upload on its stdin. Ratios are within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu import wiring
from jupyter_awsgpu.model import GUEST_COMMAND, Wishes
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.remote.user_data import upload
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.selection import endpoint
from jupyter_awsgpu.verbs.terminate import terminate

sys.path[:0] = [str(Path(__file__).parent)]

from delaying_relay import Line  # noqa: E402 - it lives beside this file

if TYPE_CHECKING:
    from jupyter_awsgpu.host import Host, Hosts
    from jupyter_awsgpu.model import Endpoint, Event

ROUND_TRIP_S = 0.050
RATE = 12.5e6
"""100 Mbit/s."""


class Distance:
    """A relay to one address that adds the round trip, and counts connections that spoke."""

    def __init__(self, address: str, port: int) -> None:
        self._target = (address, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target)
        except OSError:  # it boots
            near.close()
            return
        self.connections += 1
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Line(near, far, ROUND_TRIP_S / 2, RATE)
        Line(far, near, ROUND_TRIP_S / 2, RATE)

    def close(self) -> None:
        self._listener.close()


class DistantHosts:
    """The bench's hosts, each behind its own distance."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self.relays: dict[tuple[str, int], Distance] = {}

    def away(self, target: Endpoint) -> Endpoint:
        """Return the same host, far away."""
        at = (target.address, target.port)
        if at not in self.relays:
            self.relays[at] = Distance(*at)
        return replace(target, address="127.0.0.1", port=self.relays[at].port)

    def connect(self, target: Endpoint, **how: Any) -> Host:
        """As `Hosts.connect`."""
        return self._hosts.connect(self.away(target), **how)

    def logins(self) -> int:
        """Return how many connections there were so far."""
        return sum(relay.connections for relay in self.relays.values())


def measure(rounds: int) -> dict[str, Any]:
    """Launch once, provision again and again; return the figures."""
    os.environ["AWSGPU_OPEN_BROWSER"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        bench = wiring.bench({"demo": True, "data_dir": folder})
        hosts = DistantHosts(bench.hosts)
        ready_after: list[int] = []

        def hear(event: Event) -> None:
            if event.step == "provision" and event.phase == "done":
                ready_after.append(hosts.logins())

        far = replace(bench, hosts=hosts, listener=hear)  # type: ignore[arg-type] # it connects as Hosts does
        try:
            instance = launch(far, Wishes(instance_type="p2.xlarge"), yes=True)
            target, how = endpoint(far, instance), {"launch_id": instance.launch_id, "name": instance.name}
            until_ready = ready_after[-1]
            taken = [(_ours(hosts, target, how), _bare(hosts, target, how)) for _ in range(rounds)]
            terminate(bench, instance.name, yes=True)
        finally:
            for relay in hosts.relays.values():
                relay.close()
            wiring.demo_down(bench.settings)
    return {
        "SSH logins, launch to ready": until_ready,
        "provisioning at 50 ms, s": statistics.median(ours for ours, _ in taken),
        "one bare session, s": statistics.median(bare for _, bare in taken),
        "ratio": statistics.median(ours / bare for ours, bare in taken),
        "rounds": rounds,
    }


def _ours(hosts: DistantHosts, target: Endpoint, how: dict[str, Any]) -> float:
    began = time.monotonic()
    with hosts.connect(target, **how) as host:
        guest.provision(host)
        return time.monotonic() - began


def _bare(hosts: DistantHosts, target: Endpoint, how: dict[str, Any]) -> float:
    both = f"{GUEST_COMMAND} update && exec {GUEST_COMMAND} provision"
    began = time.monotonic()
    with hosts.connect(target, **how) as host:
        host.run(["sh", "-c", both], stdin=upload(None, {}), sudo=True)
        return time.monotonic() - began


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure what SSH adds to a launch.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.rounds)
    for key, value in found.items():
        print(f"{key:32}{value:8.2f}")  # noqa: T201 - the table
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
