"""The tunnel against OpenSSH's `ssh -L`: same sshd, same machine, interleaved rounds, medians.

    python tests/bench/tunnel_bench.py [--rounds 7] [--json FILE] [--quick]

Needs root on Linux and OpenSSH. The 40 ms round trip is made by a small delaying relay of 125 MB/s
between client and sshd, because not every kernel has netem. Ratios are ours / ssh's within a round,
and the median over the rounds; noise of the machine hits both alike.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import psutil

from jupyter_awsgpu.model import Endpoint, Instance, InstanceState
from jupyter_awsgpu.records import Pins
from jupyter_awsgpu.tunnel import Tunnels

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent)]  # it is a script, too

from tests.ports import free_port  # noqa: E402
from tests.system.host.private_sshd import PrivateSshd  # noqa: E402
from tests.system.tunnel.small_web import get, get_over  # noqa: E402

MIB = 1 << 20
LAUNCH = "l-00000000000000bb"
BLOCK = bytes(MIB)

MUST = {
    "download 40 ms": (">=", 1.0, 1.5),
    "upload 40 ms": (">=", 0.95, 1.0),
    "download": (">=", 0.8, 1.0),
    "upload": (">=", 0.7, 0.9),
    "new connection": ("<=", 3.0, 1.2),
    "until the end": ("<=", 1.0, 0.2),
    "200 x 1 MiB": ("<=", 1.5, 1.2),
    "CPU down": ("<=", 2.0, 1.5),
    "CPU up": ("<=", 2.0, 1.5),
}
"""What is asked of the ratio ours / ssh's: (direction, must, aim)."""


class SshForward:
    """OpenSSH's own `ssh -N -L`."""

    name = "ssh -L"

    def __init__(self, sshd: PrivateSshd, target: int, port: int) -> None:
        self.port = free_port()
        known = sshd.folder / "known_hosts"
        known.write_text(f"bench {sshd.host_keys['ecdsa']}\n")
        options = [
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={known}",
            "HostKeyAlias=bench",
            "IdentitiesOnly=yes",
        ]
        argv = [
            "ssh",
            "-F",
            "none",
            "-N",
            "-L",
            f"127.0.0.1:{self.port}:127.0.0.1:{target}",
            "-i",
            str(sshd.client_key),
        ]
        argv += [part for option in options for part in ("-o", option)]
        self._process = subprocess.Popen([*argv, "-p", str(port), "root@127.0.0.1"], stdin=subprocess.DEVNULL)
        self.pid = self._process.pid
        _until_answers(self.port)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class OurForward:
    """Our tunnel, in its own process as always."""

    name = "ours"

    def __init__(self, sshd: PrivateSshd, target: int, port: int) -> None:
        self._root = Path(tempfile.mkdtemp(dir=sshd.folder))
        Pins(self._root / "pins").write(LAUNCH, (sshd.host_keys["ecdsa"],))
        at = {"address": "127.0.0.1", "port": port, "user": "root", "key_file": str(sshd.client_key)}
        (self._root / "located.json").write_text(json.dumps(at))
        process = TESTS / "system" / "tunnel" / "tunnel_process.py"
        self._tunnels = Tunnels(
            self._root / "tunnels", self._root / "logs", lambda record: [sys.executable, str(process), record]
        )
        endpoint = Endpoint("i-bench", "127.0.0.1", port, "root", sshd.client_key)
        opened = self._tunnels.open(_instance(), remote_port=target, local_port=free_port(), endpoint=endpoint)
        self.port, self.pid = opened.local_port, opened.pid
        _until_answers(self.port)

    def close(self) -> None:
        self._tunnels.close("i-bench")


def _instance() -> Instance:
    return Instance(
        "bench", "i-bench", "p2.xlarge", InstanceState.RUNNING, "r", "z", LAUNCH, "o", "ami", datetime.now(UTC), "root"
    )


def _until_answers(port: int) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with suppress(OSError):
            get(port, timeout_s=5)
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing answers on {port}")


# ── what is measured ─────────────────────────────────────────────────────────────────────────


def download(port: int, size: int) -> float:
    """Return MB/s of one large answer."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        buffer = bytearray(MIB)
        began = time.perf_counter()
        sock.sendall(f"GET /size/{size} HTTP/1.1\r\n\r\n".encode())
        left = size
        while left > 0:
            count = sock.recv_into(buffer)
            if not count:
                raise ConnectionError("the answer ended early")
            left -= count
        return size / 1e6 / (time.perf_counter() - began)


def upload(port: int, size: int) -> float:
    """Return MB/s of one large request, counted when the far side says it has all of it."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        began = time.perf_counter()
        sock.sendall(b"GET /count-until-end HTTP/1.1\r\n\r\n")
        for _ in range(size // MIB):
            sock.sendall(BLOCK)
        sock.shutdown(socket.SHUT_WR)
        if int(sock.recv(64)) != size // MIB * MIB:
            raise ConnectionError("bytes were lost")
        return size / 1e6 / (time.perf_counter() - began)


def new_connection(port: int, times: int) -> float:
    """Return the median ms of a connection of its own with a small GET."""
    return _median_ms(lambda: get(port), times)


def until_the_end(port: int, times: int) -> float:
    """Return the median ms of the same, until the server's end of stream arrives."""

    def ask() -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /close HTTP/1.1\r\n\r\n")
            while sock.recv(65536):
                pass

    return _median_ms(ask, times)


def kept_alive(port: int, times: int) -> float:
    """Return the median ms of a small GET over a connection that is kept."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _median_ms(lambda: get_over(sock), times)


def _median_ms(work: object, times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


def at_once(port: int, connections: int) -> tuple[int, float]:
    """Return how many of so many simultaneous downloads of 1 MiB succeeded, and the seconds for all."""
    succeeded = []

    def one() -> None:
        with suppress(OSError):
            succeeded.append(len(get(port, f"/size/{MIB}", timeout_s=60)) == MIB)

    threads = [threading.Thread(target=one) for _ in range(connections)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(succeeded), time.perf_counter() - began


def with_cpu(pid: int, size: int, work: object) -> tuple[float, float]:
    """Return what `work` returns, and the client's CPU seconds per GiB."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    value = work()  # type: ignore[operator]
    after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return value, spent / (size / (1 << 30))


# ── rounds ───────────────────────────────────────────────────────────────────────────────────


def measure(forward: SshForward | OurForward, distant: SshForward | OurForward, scale: float) -> dict[str, float]:
    """Return one round's figures of one contender."""
    size, far = int(256 * scale) * MIB, int(160 * scale) * MIB
    found: dict[str, float] = {}
    found["download"], found["CPU down"] = with_cpu(forward.pid, size, lambda: download(forward.port, size))
    found["upload"], found["CPU up"] = with_cpu(forward.pid, size, lambda: upload(forward.port, size))
    found["new connection"] = new_connection(forward.port, 60)
    found["until the end"] = until_the_end(forward.port, 20)
    found["kept alive"] = kept_alive(forward.port, 300)
    succeeded, found["200 x 1 MiB"] = at_once(forward.port, 200)
    found["200: succeeded"] = succeeded
    found["download 40 ms"] = download(distant.port, far)
    found["upload 40 ms"] = upload(distant.port, far)
    return found


def returning(sshd: PrivateSshd, target: int, rounds: int) -> list[float]:
    """Return, for each time sshd was killed and came back, the seconds until a GET answers again."""
    taken = []
    forward = OurForward(sshd, target, sshd.port)
    with closing(forward):
        for index in range(rounds):
            sshd.kill()
            time.sleep(1.0 + 0.37 * (index % 5))
            sshd.start()
            began = time.monotonic()
            get(forward.port, timeout_s=30)
            taken.append(time.monotonic() - began)
    return taken


def bench(rounds: int, scale: float, returns: int) -> dict[str, object]:
    """Run everything; return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        sshd = PrivateSshd(Path(folder) / "sshd").start()
        web, relay = _child("web_process.py"), _child("delaying_relay.py", str(sshd.port), "0.040", "125e6")
        target, delayed = _port(web), _port(relay)
        contenders = [SshForward, OurForward]
        figures: dict[str, list[dict[str, float]]] = {one.name: [] for one in contenders}
        try:
            near = [one(sshd, target, sshd.port) for one in contenders]
            far = [one(sshd, target, delayed) for one in contenders]
            for index in range(rounds):
                order = (0, 1) if index % 2 else (1, 0)
                for which in order:
                    figures[contenders[which].name].append(measure(near[which], far[which], scale))
                _say(f"round {index + 1} of {rounds}", sys.stderr)
            for one in near + far:
                one.close()
            back = returning(sshd, target, returns) if returns else []
        finally:
            for child in (web, relay):
                child.kill()
                child.wait()
            sshd.kill()
    return summary(figures, back)


def _child(script: str, *arguments: str) -> subprocess.Popen[str]:
    argv = [sys.executable, str(Path(__file__).parent / script), *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def _port(child: subprocess.Popen[str]) -> int:
    if child.stdout is None:
        raise RuntimeError("the child has no output")
    return int(child.stdout.readline())


def summary(figures: dict[str, list[dict[str, float]]], back: list[float]) -> dict[str, object]:
    """Return medians, and the medians of the ratios within rounds."""
    theirs, ours = figures["ssh -L"], figures["ours"]
    rows = {}
    for key in ours[0]:
        ratios = [mine[key] / other[key] for mine, other in zip(ours, theirs, strict=True) if other[key]]
        rows[key] = {
            "ssh -L": statistics.median(one[key] for one in theirs),
            "ours": statistics.median(one[key] for one in ours),
            "ratio": statistics.median(ratios) if ratios else None,
        }
    rows["200: succeeded"]["ours"] = min(one["200: succeeded"] for one in ours)
    returned = {"median": statistics.median(back), "worst": max(back), "times": len(back)} if back else None
    return {"rounds": len(ours), "rows": rows, "back after the peer returns, s": returned}


def show(result: dict[str, object]) -> None:
    """Print the table."""
    _say(f"{'':18}{'ssh -L':>10}{'ours':>10}{'ratio':>8}   asked")
    for key, row in result["rows"].items():  # type: ignore[attr-defined]
        ratio = f"{row['ratio']:8.2f}" if row["ratio"] is not None else " " * 8
        _say(f"{key:18}{row['ssh -L']:10.2f}{row['ours']:10.2f}{ratio}   {_verdict(key, row['ratio'])}")
    if back := result["back after the peer returns, s"]:
        _say(f"back after the peer returns: {back}   must <= 2 s, aim <= 1 s")


def _verdict(key: str, ratio: float | None) -> str:
    if key not in MUST or ratio is None:
        return ""
    way, must, aim = MUST[key]
    met = [(ratio >= bound) if way == ">=" else (ratio <= bound) for bound in (must, aim)]
    return f"{way} {must:g} {'met' if met[0] else 'MISSED'}, aim {aim:g} {'met' if met[1] else 'not met'}"


def _say(text: str, stream: TextIO | None = None) -> None:
    print(text, file=stream or sys.stdout, flush=True)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Measure the tunnel against ssh -L.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--returns", type=int, default=9, help="times sshd is killed and comes back")
    parser.add_argument("--quick", action="store_true", help="smaller amounts, for a look")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = bench(options.rounds, 0.25 if options.quick else 1.0, options.returns)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
