"""From which of this machine's addresses the instance would be reached now: a change means another network."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

ELSEWHERE = "192.0.2.1"
"""A documentation address (RFC 5737): stands for the internet where the instance has no literal address."""


class RouteWatch:
    """Tells, each time it is asked, whether the way to an address begins at another of ours than before."""

    def __init__(self) -> None:
        self._towards: str | None = None
        self.own_address: str | None = None

    def moved(self, address: str) -> bool:
        """Return whether our own address changed; having none for a while is no change."""
        own = own_address_towards(address)
        same_way, before = address == self._towards, self.own_address
        self._towards = address
        if same_way and own is None:
            return False
        self.own_address = own
        return same_way and before is not None and own != before


def own_address_towards(address: str) -> str | None:
    """Return this machine's address on the way to `address`, None without a way; nothing is sent."""
    target = ELSEWHERE
    with suppress(ValueError):
        target = str(ipaddress.ip_address(address))
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((target, 9))
        return str(sock.getsockname()[0])
    return None
