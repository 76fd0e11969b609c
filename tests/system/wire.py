"""The wire between this machine and one real host: a veth pair into the host's namespace, and addresses for it."""

from __future__ import annotations

import itertools
import os
import subprocess

from tests.system.rootfs import ip

_numbers = itertools.count(os.getpid() % 200 * 60)


class Wire:
    """One pair. `name` is the namespace's, and of this machine's end; `gateway` is here, `address` the host's."""

    def __init__(self) -> None:
        number, net = _free()
        self.name = f"ag{os.getpid() % 10000}x{number % 1000}"
        self.gateway, self.address = f"{net}.1", f"{net}.2"

    def lay(self) -> None:
        """Make the namespace and the pair."""
        ip("netns", "add", self.name)
        ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self.name, "up")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "link", "set", "lo", "up")
        self._put()

    def move(self) -> None:
        """Give both ends other addresses."""
        ip("addr", "flush", "dev", self.name)
        ip("-n", self.name, "addr", "flush", "dev", "eth0")
        _, net = _free()
        self.gateway, self.address = f"{net}.1", f"{net}.2"
        self._put()

    def _put(self) -> None:
        ip("addr", "add", f"{self.gateway}/30", "dev", self.name)
        ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", "eth0")

    def take_away(self) -> None:
        """Leave nothing of it."""
        ip("netns", "del", self.name, check=False)
        ip("link", "del", self.name, check=False)


def _free() -> tuple[int, str]:
    """Return the number of a network that nobody has, and its first three numbers."""
    taken = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=False).stdout
    return next((number, net) for number in _numbers if f" {(net := _network(number))}.1/" not in taken)


def _network(number: int) -> str:
    """Return the first three numbers of a network that another run's hosts are unlikely to have."""
    return f"10.{200 + number // 64 % 50}.{number % 64 * 4}"
