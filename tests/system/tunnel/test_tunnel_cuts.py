"""A hundred cuts while a browser-like client works: none needs a hand, nothing hangs, nothing leaks.

As a test, a sample of the cuts; all hundred, and ten thousand connections, with AWSGPU_TESTS_FULL=1.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest

from tests.system.tunnel.small_web import get, get_over
from tests.system.tunnel.tunnel_case import BUSY_S

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

FULL = os.environ.get("AWSGPU_TESTS_FULL") == "1"
CUTS = 100 if FULL else 8
CONNECTIONS = 10_000 if FULL else 600
ANSWER_WITHIN_S = 40.0
"""A request is answered or fails within this time, whatever happens: nothing hangs."""


class Browser:
    """Four clients that ask again and again over kept connections, as a page with a kernel does."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answers = 0
        self.longest_s = 0.0
        self.wrong: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(4)]
        for thread in self._threads:
            thread.start()

    def _work(self, number: int) -> None:
        size = (2, 5_000, 200_000, 3_000_000)[number]
        while not self._stop.is_set():
            with suppress(OSError):
                self._session(size)
            self._stop.wait(0.05)

    def _session(self, size: int) -> None:
        with socket.create_connection(("127.0.0.1", self.port), ANSWER_WITHIN_S) as sock:
            sock.settimeout(ANSWER_WITHIN_S)
            while not self._stop.is_set():
                self._ask(sock, size)
                self._stop.wait(0.02)

    def _ask(self, sock: socket.socket, size: int) -> None:
        began = time.monotonic()
        try:
            got = len(get_over(sock, f"/size/{size}"))
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - began)
        if got != size:
            self.wrong.append(f"{got} bytes of {size}")
        self.answers += 1

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(ANSWER_WITHIN_S + 10)
            assert not thread.is_alive(), "a request hangs"


def _peer_killed(bench, namespace) -> None:
    bench.sshd.kill()
    time.sleep(random.uniform(0, 2))
    bench.sshd.start()


def _sessions_killed(bench, namespace) -> None:
    bench.sshd.kill_sessions()


def _peer_frozen(bench, namespace) -> None:
    bench.sshd.freeze()
    time.sleep(random.choice([1.0, 3.0, 16.0]) if FULL else 1.0)
    bench.sshd.thaw()


def _process_killed(bench, namespace) -> None:
    with suppress(psutil.NoSuchProcess):
        psutil.Process(bench.tunnel().pid).kill()


def _process_frozen(bench, namespace) -> None:
    """What a sleeping laptop looks like from outside: the process stands still, its clock has jumped after."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(bench.tunnel().pid)
        process.suspend()
        time.sleep(7 if FULL else 5.6)  # more than the clock's own threshold
        process.resume()


def _address_changed(bench, namespace) -> None:
    bench.move_sshd(random.choice([one for one in namespace.elsewhere if one != bench.sshd.address]))


def _link_down(bench, namespace) -> None:
    namespace.inside("link", "set", namespace.theirs, "down")
    time.sleep(random.uniform(1, 20) if FULL else 1)
    namespace.inside("link", "set", namespace.theirs, "up")


def _packets_dropped(bench, namespace) -> None:
    namespace.drop(on=True)
    time.sleep(random.uniform(1, 20) if FULL else 1)
    namespace.drop(on=False)


KINDS = (
    _peer_killed,
    _sessions_killed,
    _peer_frozen,
    _process_killed,
    _process_frozen,
    _address_changed,
    _link_down,
    _packets_dropped,
)


def test_no_cut_needs_a_hand(distant, namespace):
    """After each cut answers come again by themselves, on the same port; the slowest is told."""
    bench = distant
    port = bench.open().local_port
    browser = Browser(port)
    recovered: dict[str, list[float]] = {}
    try:
        for index in range(CUTS):
            kind = KINDS[index % len(KINDS)]
            kind(bench, namespace)
            recovered.setdefault(kind.__name__, []).append(_answers_again(port))
            time.sleep(random.uniform(0.2, 1.0))
    finally:
        browser.close()
    slowest = {name: round(max(taken), 2) for name, taken in recovered.items()}
    assert browser.answers > CUTS
    assert not browser.wrong
    assert browser.longest_s < ANSWER_WITHIN_S
    assert max(slowest.values()) < 20, slowest
    assert bench.tunnel().local_port == port
    if FULL:
        print(f"{CUTS} cuts, {browser.answers} answers, longest {browser.longest_s:.1f} s, slowest return {slowest}")  # noqa: T201


def _answers_again(port: int) -> float:
    began = time.monotonic()
    while time.monotonic() - began < ANSWER_WITHIN_S:
        with suppress(OSError):
            if get(port, timeout_s=ANSWER_WITHIN_S) == b"hi":
                return time.monotonic() - began
        time.sleep(0.05)
    pytest.fail("a cut was not recovered from")


def test_nothing_is_left_over_from_many_connections(bench):
    """Threads, sockets and memory are the same after thousands of connections, a tenth of them cut short."""
    port = bench.open().local_port
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda index: _visit(port, index), range(500)))
        process = bench.process()
        _settle(process, 8)
        before = (process.num_threads(), process.num_fds(), process.memory_info().rss)
        list(pool.map(lambda index: _visit(port, index), range(CONNECTIONS)))
    _settle(process, before[0] + 1)
    after = (process.num_threads(), process.num_fds(), process.memory_info().rss)
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1] + 1
    assert after[2] < before[2] + 12e6, (before, after)
    assert "lost" not in bench.log()
    if FULL:
        print(f"{CONNECTIONS} connections: threads, sockets, memory {before} before, {after} after")  # noqa: T201


def _visit(port: int, index: int) -> None:
    kind = index % 10
    with socket.create_connection(("127.0.0.1", port), 30) as sock:
        if kind == 0:  # cut short
            sock.sendall(b"GET /size/2000000 HTTP/1.1\r\n\r\n")
            sock.recv(1 + index % 50_000)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", index % 20 == 0, 0))
        elif kind == 1:  # half-closed
            sock.sendall(b"GET /count-until-end HTTP/1.1\r\n\r\n" + bytes(index))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b"%d" % index
        else:
            assert get_over(sock) == b"hi"


def _settle(process: psutil.Process, threads: int) -> None:
    """Wait until no more threads than these are left: those that served the connections stay idle some seconds."""
    deadline = time.monotonic() + 20 + BUSY_S
    while process.num_threads() > threads and time.monotonic() < deadline:
        time.sleep(0.2)
