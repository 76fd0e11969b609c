"""A network that fails as networks do: links that go down, packets that vanish (in a namespace of the test's own)."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
import uuid

import pytest

from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.records import KeyStore
from tests.system.tunnel.small_web import get, get_until_it_answers
from tests.system.tunnel.tunnel_case import BUSY_S, HERE, LAUNCH, Bench, PrivateSshd

pytestmark = pytest.mark.system


class Namespace:
    """A network namespace joined to this machine by a veth pair: `there` is its address, `here` ours."""

    def __init__(self) -> None:
        tag = uuid.uuid4().hex[:6]
        self.name, self.ours, self.theirs = f"awsgpu-{tag}", f"ag{tag}a", f"ag{tag}b"
        octet = int(tag[:2], 16) % 250
        self.here, self.there = f"198.18.{octet}.1", f"198.18.{octet}.2"  # RFC 2544: for such trials
        _ip("netns", "add", self.name)
        _ip("link", "add", self.ours, "type", "veth", "peer", "name", self.theirs, "netns", self.name)
        _ip("addr", "add", f"{self.here}/29", "dev", self.ours)
        _ip("link", "set", self.ours, "up")
        self.inside("addr", "add", f"{self.there}/29", "dev", self.theirs)
        self.inside("link", "set", self.theirs, "up")
        self.inside("link", "set", "lo", "up")

    def inside(self, *arguments: str) -> None:
        _ip("-n", self.name, *arguments)

    def drop(self, *, on: bool) -> None:
        """Let every packet that arrives there vanish, or arrive again."""
        change = "-A" if on else "-D"
        for chain in ("INPUT", "OUTPUT"):
            _run(
                "ip",
                "netns",
                "exec",
                self.name,
                "iptables",
                change,
                chain,
                "!",
                "-o" if chain == "OUTPUT" else "-i",
                "lo",
                "-j",
                "DROP",
            )

    def move_us(self) -> None:
        """Give this machine another address on the same network, as a roaming laptop gets one."""
        before, self.here = self.here, self.here[:-1] + "3"
        _ip("addr", "add", f"{self.here}/29", "dev", self.ours)
        _ip("addr", "del", f"{before}/29", "dev", self.ours)
        if not _has_address(self.ours, self.here):  # the kernel drops secondary addresses with the first
            _ip("addr", "add", f"{self.here}/29", "dev", self.ours)

    def remove(self) -> None:
        _run("ip", "netns", "del", self.name)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=20)


def _has_address(device: str, address: str) -> bool:
    shown = subprocess.run(["ip", "-o", "addr", "show", "dev", device], check=True, capture_output=True, text=True)
    return f" {address}/" in shown.stdout


@pytest.fixture
def namespace():
    if not shutil.which("ip") or not shutil.which("iptables"):
        pytest.skip("needs iproute2 and iptables")
    try:
        space = Namespace()
    except subprocess.CalledProcessError as exc:
        pytest.skip(f"no network namespace to be had: {exc.stderr.decode().strip()}")
    yield space
    space.remove()


@pytest.fixture
def distant(tmp_path, namespace):
    """An instance in the namespace, its web server on the namespace's own loopback."""
    sshd = PrivateSshd(
        tmp_path / "sshd", address=namespace.there, port=2222, prefix=("ip", "netns", "exec", namespace.name)
    )
    argv = ["ip", "netns", "exec", namespace.name, sys.executable, str(HERE.parents[1] / "bench" / "web_process.py")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as web:
        port = int(web.stdout.readline())
        sshd.start()
        bench = Bench(tmp_path, sshd, type("Port", (), {"port": port}))
        yield bench
        bench.tunnels.close(bench.instance.instance_id)
        sshd.kill()
        web.kill()


def test_a_link_that_goes_down_and_up_is_survived(distant, namespace):
    """The interface goes down for some seconds: answers come again within 2 s of its return."""
    port = distant.open().local_port
    assert get(port) == b"hi"
    namespace.inside("link", "set", namespace.theirs, "down")
    time.sleep(4)
    namespace.inside("link", "set", namespace.theirs, "up")
    assert get_until_it_answers(port) < 4 + BUSY_S


def test_packets_that_vanish_are_noticed_and_survived(distant, namespace):
    """A black hole: lost within 15 s, connected again within 2 s of its end."""
    port = distant.open().local_port
    namespace.drop(on=True)
    began = time.monotonic()
    distant.wait_for("lost")
    assert 5 < time.monotonic() - began < 15 + BUSY_S
    namespace.drop(on=False)
    assert get_until_it_answers(port) < 2 + BUSY_S


def test_another_address_of_our_own_is_noticed_at_once(distant, namespace):
    """The laptop roams: no keepalive has to run out before the tunnel connects from the new address."""
    port = distant.open().local_port
    assert get(port) == b"hi"
    namespace.move_us()
    assert get_until_it_answers(port) < 7 + BUSY_S
    assert "this machine's address is" in distant.log()


def test_waiting_for_ssh_notices_it_through_dropped_packets(distant, namespace, tmp_path):
    """An instance whose group swallows the first packets: connected within 0.6 s of their end."""
    namespace.drop(on=True)
    opened = []

    def open_late():
        time.sleep(2.5)
        namespace.drop(on=False)
        opened.append(time.monotonic())

    thread = threading.Thread(target=open_late)
    thread.start()
    hosts = Hosts(pins=distant.pins, keys=KeyStore(tmp_path / "keys"))
    with hosts.connect(distant.endpoint, launch_id=LAUNCH, name="gpu", wait=True, timeout_s=30):
        thread.join()
        assert time.monotonic() - opened[0] < 0.9 + BUSY_S / 6
