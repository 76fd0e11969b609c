"""Hosts of one VPC reach each other by private address; hosts of another do not, and nobody outside does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.hosts import HostSpec
    from tests.behaviour.hosts.hosts_yard import Yard

LISTEN = (
    "import socket, sys; s = socket.create_server((sys.argv[1], 8786)); print('up', flush=True); "
    "c, who = s.accept(); n = 0\n"
    "while d := c.recv(1 << 16): n += len(d)\n"
    "open('/tmp/heard', 'w').write(f'{who[0]} {n}')"
)
SPEAK = (
    "import socket, sys; c = socket.create_connection((sys.argv[1], 8786), 10); "
    "c.sendall(b'x' * 20_000_000); c.close(); print('said')"
)
ASK = "import socket, sys; socket.create_connection((sys.argv[1], 8786), 2)"


@pytest.fixture
def connected(yard: Yard) -> None:
    """Skip where hosts have no device for a network."""
    if yard.fleet.isolation_kind != "folder" and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("needs a /dev/net/tun that one may open")


@pytest.mark.usefixtures("connected", "isolated")
def test_hosts_of_a_vpc_reach_each_other_by_private_address(yard: Yard) -> None:
    """What one sends arrives whole at the other, from its private address; also after the other booted again."""
    here = yard.boot("one", vpc="v", private_address="172.31.0.11", address="127.64.9.1")
    there = yard.boot("two", vpc="v", private_address="172.31.16.12", address="127.64.9.2")
    for _ in range(2):
        heard(yard, here, there)
        yard.fleet.stop(there.instance_id)
        there = yard.again(there, address="127.64.9.3")


def heard(yard: Yard, here: HostSpec, there: HostSpec) -> None:
    """Let one listen on its private address, the other speak."""
    listen(yard, there)
    assert yard.run(here, f'python3 -c "{SPEAK}" {there.private_address}')[1] == "said\n"
    said = yard.run(there, "until [ -s /tmp/heard ]; do sleep 0.05; done; cat /tmp/heard; rm /tmp/heard")[1]
    assert said == f"{here.private_address} 20000000"


def listen(yard: Yard, spec: HostSpec) -> None:
    """Leave a listener on the host's private address."""
    begin = f'setsid python3 -c "{LISTEN}" {spec.private_address} > /tmp/says 2>&1 < /dev/null &'
    assert yard.run(spec, f"{begin} until grep -q up /tmp/says; do sleep 0.05; done")[0] == 0


@pytest.mark.usefixtures("connected", "isolated")
def test_another_vpc_and_this_machine_are_apart(yard: Yard) -> None:
    """The same address in another VPC is another host's, and this machine has no way to either."""
    here = yard.boot("one", vpc="v", private_address="172.31.0.11", address="127.64.9.1")
    other = yard.boot("two", vpc="w", private_address="172.31.0.12", address="127.64.9.2")
    listen(yard, other)
    status, _, said = yard.run(here, f'python3 -c "{ASK}" {other.private_address}')
    assert (status, "timed out" in said or "unreachable" in said) == (1, True)
    assert "172.31.0.1" not in Path("/proc/net/fib_trie").read_text()


def test_hosts_that_are_folders_have_loopback_addresses(yard: Yard) -> None:
    """Where hosts share this machine's network, the private address is the one they can be reached at."""
    spec = yard.boot("one", private_address="172.31.0.11")
    wanted = spec.address if yard.fleet.isolation_kind == "folder" else "172.31.0.11"
    assert yard.fleet.private_address(spec) == wanted
