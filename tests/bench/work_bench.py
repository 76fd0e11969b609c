"""How fast work travels: files against rsync and scp, a cell's round trip against a local kernel's.

    python tests/bench/work_bench.py [--quick]

On one loopback sshd, rounds of one and the other in turn, medians of their ratios; on a busy machine
trust the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2]))

from jupyter_awsgpu.host import Hosts, ssh_command
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.verbs.journey import Journey, Leg, Way
from tests.system.host.private_sshd import LAUNCH, PrivateSshd


@contextmanager
def sshd(folder):
    """Run an OpenSSH server, and hand over how to reach it, verified."""
    server = PrivateSshd(folder / "sshd")
    server.options["SetEnv"] = (
        f"PATH={Path(sys.executable).parent}:/usr/bin:/bin HOME={folder}"  # a Python with a kernel
    )
    server.options["Subsystem"] = "sftp internal-sftp"
    server.start()
    records = Records(folder / "data")
    records.pins.write(LAUNCH, (server.host_keys["ed25519"],))
    where = Endpoint("i-00000000000000001", server.address, server.port, server.user, server.client_key)
    try:
        yield SimpleNamespace(server=server, records=records, endpoint=where)
    finally:
        server.kill()


class Bench:
    """A workbench with one instance: the sshd."""

    def __init__(self, desk):
        self.records = desk.records
        self.hosts = Hosts(pins=desk.records.pins, keys=desk.records.keys)
        self.listener = None


class LoopbackWay(Way):
    """The way to the sshd, without asking AWS."""

    def __init__(self, desk):
        self._bench = Bench(desk)
        self._endpoint = desk.endpoint
        self.instance = SimpleNamespace(name="bench", launch_id=LAUNCH, instance_id=desk.endpoint.instance_id)
        self.ssh = self._openssh()


def push(desk, here, there):
    """Push a folder as the verb does once AWS has answered; return the seconds."""
    journey = Journey.__new__(Journey)
    journey.__dict__.update(
        _bench=Bench(desk), verb="push", push=True, way=LoopbackWay(desk), _everything=False, _yes=True, _moved=[0, 0],
        _restless=[], began_there=0.0,
    )  # fmt: skip
    began = time.monotonic()
    journey.travel((Leg(here, str(there), ("",)),), "push")
    return time.monotonic() - began


def options(desk):
    """Return OpenSSH's options for the verified way, without the destination."""
    known = desk.records.root / "known_hosts" / "bench"
    *ssh, _ = ssh_command(desk.endpoint, known, desk.records.pins.read(LAUNCH), name="bench")
    return ssh


def timed(argv):
    """Run a command and return its seconds."""
    began = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def many_files(desk, folder, count, rounds):
    """Return rsync's seconds over ours for what changed in a tree of `count` files, a round each."""
    import shlex

    here, ours, theirs = folder / "tree", folder / "ours", folder / "theirs"
    for number in range(count):
        path = here / f"d{number % 200}" / f"f{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (number % 4000))
    host = f"{desk.endpoint.user}@{desk.endpoint.address}"
    rsync = ["rsync", "-a", "-e", shlex.join(options(desk)), f"{here}/", f"{host}:{theirs}/"]
    theirs.mkdir()
    print(f"first time: ours {push(desk, here, ours):.2f} s, rsync {timed(rsync):.2f} s")  # noqa: T201
    found = []
    for number in range(rounds):
        for changed in range(number, count, 40):
            (here / f"d{changed % 200}" / f"f{changed}").write_bytes(os.urandom(2000 + number))
        pair = (push(desk, here, ours), timed(rsync))
        print(f"changed {count // 40} of {count}: ours {pair[0]:.2f} s, rsync {pair[1]:.2f} s")  # noqa: T201
        found.append(pair[1] / pair[0])
    return found


def one_file(desk, folder, size, rounds):
    """Return scp's seconds over ours for a new file, a round each."""
    here = folder / "one"
    here.mkdir()
    with (here / "big").open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    scp = ["scp", "-q", *["-P" if part == "-p" else part for part in options(desk)[1:]]]
    host = f"{desk.endpoint.user}@{desk.endpoint.address}"
    found = []
    for number in range(rounds):
        ours, theirs = folder / f"big-ours-{number}", folder / f"big-theirs-{number}"
        pair = (push(desk, here, ours), timed([*scp, str(here / "big"), f"{host}:{theirs}"]))
        print(f"{size >> 20} MiB: ours {pair[0]:.2f} s, scp {pair[1]:.2f} s")  # noqa: T201
        found.append(pair[1] / pair[0])
        shutil.rmtree(ours)
        theirs.unlink()
    return found


def cells(desk, rounds):
    """Return a cell's round trip there over a local kernel's, a round each."""
    from jupyter_client.manager import start_new_kernel

    from jupyter_awsgpu.remote.cells.kernel import CellKernel

    hosts = Hosts(pins=desk.records.pins, keys=desk.records.keys)
    there = CellKernel("bench", lambda: hosts.connect(desk.endpoint, launch_id=LAUNCH, name="bench"))
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        found = []
        for _ in range(rounds):
            began = time.monotonic()
            there.run("1 + 1", Silent())
            middle = time.monotonic()
            client.execute_interactive("1 + 1", output_hook=lambda message: None)
            found.append((middle - began) / (time.monotonic() - middle))
        return found
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        there.close()


class Silent:
    """Shows nothing."""

    def hear(self, kind, content):
        """Hear a message."""

    def answer(self, prompt, *, password):
        """Answer nothing."""
        del prompt, password
        return ""


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 files and 100 MiB")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as name, sshd(Path(name)) as desk:
        folder = Path(name)
        for what, ratios in (
            ("a cell's round trip, there / here (goal < 3)", cells(desk, 20 if quick else 100)),
            (
                "changed files, rsync / ours (goal 0.9)",
                many_files(desk, folder, 2000 if quick else 20_000, 3 if quick else 7),
            ),
            (
                "one file, scp / ours (goal 0.9)",
                one_file(desk, folder, (100 if quick else 1024) << 20, 3 if quick else 5),
            ),
        ):
            print(f"{what}: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")  # noqa: T201


if __name__ == "__main__":
    main()
