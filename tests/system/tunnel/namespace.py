"""A network of the test's own: a namespace joined to this machine, whose link can fail as links do."""

from __future__ import annotations

import itertools
import os
import subprocess
import uuid

_numbers = itertools.count(5000)


class Namespace:
    """A network namespace joined to this machine by a veth pair: `there` is its address, `here` ours."""

    def __init__(self) -> None:
        tag = uuid.uuid4().hex[:6]
        self.name = f"ag{os.getpid() % 10000}x{next(_numbers)}"  # as tests/conftest.py knows whose it is
        self.ours, self.theirs = f"ag{tag}a", f"ag{tag}b"
        octet = int(tag[:2], 16) % 250
        self.here, self.there = f"198.18.{octet}.1", f"198.18.{octet}.2"  # RFC 2544: for such trials
        _ip("netns", "add", self.name)
        _ip("link", "add", self.ours, "type", "veth", "peer", "name", self.theirs, "netns", self.name)
        _ip("addr", "add", f"{self.here}/29", "dev", self.ours)
        _ip("link", "set", self.ours, "up")
        self.elsewhere = [f"198.18.{octet}.{last}" for last in (4, 5, 6)]  # further addresses of the instance
        for address in (self.there, *self.elsewhere):
            self.inside("addr", "add", f"{address}/29", "dev", self.theirs)
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
