"""From a running instance to its link, on the simulated AWS with hosts: logins, and what is noticed how soon.

python tests/bench/road_bench.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu import wiring
from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.verbs.connect import server
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import wishes_from

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Event, Instance

GOALS = {
    "SSH logins from launch to ready": 2,
    "SSH logins in all, the tunnel's own and the token's": 3,
    "SSH answered after it could": 0.5,
    "ready on the guest to link shown": 1,
}
UNITS = {"SSH answered after it could": "s", "ready on the guest to link shown": "s"}
KNOCK_S = 0.02


class Road:
    """One launch with somebody at the instance's door who notes when SSH begins to answer there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at: dict[tuple[str, str], float] = {}
        self.answered = 0.0
        settings = {"demo": True, "data_dir": str(folder), "region": "us-west-2"}
        self.bench = wiring.bench(settings, listener=self._hear)

    def _hear(self, event: Event) -> None:
        self.at[event.step, event.phase] = time.time()

    def measure(self) -> dict[str, float]:
        """Launch, and return the figures."""
        self.at.clear()
        self.answered = 0.0
        door = threading.Thread(target=self._knock, daemon=True)
        door.start()
        box = launch(self.bench, wishes_from(self.bench.settings, "g4dn.xlarge"), yes=True)
        server(self.bench, box)
        try:
            ready, logins = self._guest(box)
            could = max(self.answered, self.at["running", "done"])
            seen = (
                logins - 1,
                logins,
                self.at["ssh", "done"] - could,
                self.at["answer", "done"] - ready,
            )
        finally:
            terminate(self.bench, box.name, yes=True)
            door.join()
        return dict(zip(GOALS, seen, strict=True))

    def _knock(self) -> None:
        """Wait until the instance has an address, then until something there says that it speaks SSH."""
        while not self.answered:
            time.sleep(KNOCK_S)
            with suppress(OSError, AwsGpuError):
                for one in self.bench.cloud().instances(name="gpu"):
                    if one.public_address is not None:
                        self._wait_for_banner(one)

    def _wait_for_banner(self, box: Instance) -> None:
        while True:
            with (
                suppress(OSError),
                socket.create_connection((str(box.public_address), box.ssh_port), timeout=1) as line,
            ):
                line.settimeout(1)
                if line.recv(4) == b"SSH-":
                    self.answered = time.time()
                    return
            time.sleep(KNOCK_S)

    def _guest(self, box: Instance) -> tuple[float, int]:
        """Return when the guest called itself ready, and the logins so far: from its own files, from outside."""
        (progress,) = self.folder.glob(f"demo/aws/hosts/{box.instance_id}/**/progress.jsonl")
        rows = [json.loads(line) for line in progress.read_text(encoding="utf-8").splitlines()]
        root = next(one for one in progress.parents if (one / "var").is_dir() and (one / "etc").is_dir())
        logins = (root / "var/log/auth.log").read_text(encoding="utf-8").count("Accepted publickey")
        return max(float(row["at"]) for row in rows if row.get("phase") == "ended"), logins


def measure(rounds: int) -> dict[str, float]:
    """Return every figure of `GOALS`, medians."""
    with tempfile.TemporaryDirectory() as place:
        road = Road(Path(place))
        try:
            seen = [road.measure() for _round in range(rounds)]
        finally:
            client.down(Path(place) / "demo" / "aws")
    return {name: statistics.median(one[name] for one in seen) for name in GOALS}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    for name, seen in measure(parser.parse_args().rounds).items():
        sys.stdout.write(f"{name:66} {GOALS[name]:>6g} {seen:>8.4g}\n")


if __name__ == "__main__":
    main()
