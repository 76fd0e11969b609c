"""The private network of a simulated VPC: a TUN device on each isolated host, and one switch outside for all.

Simulated is the network alone: what one host sends to another's private address is a real packet of a real
kernel, carried by the fleet between hosts whose VPC is the same. Nothing of this machine's own network is
touched and nothing leaves it. Security groups are not enforced here, as nowhere in the simulated AWS. Where
this machine lends its users no `/dev/net/tun`, each host has its private address for itself only; hosts that
are mere folders share loopback, and their private addresses are loopback addresses.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import selectors
import socket
import threading

LARGEST = 65535
"""Bytes of the largest IPv4 packet."""

Place = tuple[str, bytes]
"""A VPC, and an address in it, as IPv4 carries it."""


class Switch:
    """Carries IPv4 packets between the devices that have joined. One thread, begun with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._devices: dict[Place, int] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._thread: threading.Thread | None = None

    def join(self, vpc: str, address: str, device: int) -> None:
        """Serve a TUN device, whose descriptor is the switch's from now on, as this address of the VPC."""
        place = (vpc, ipaddress.IPv4Address(address).packed)
        os.set_blocking(device, False)
        with self._lock:
            self._drop(place)
            self._devices[place] = device
            self._selector.register(device, selectors.EVENT_READ, vpc)
            if self._thread is None:
                self._selector.register(self._woken, selectors.EVENT_READ, None)
                self._thread = threading.Thread(target=self._serve, name="demo network", daemon=True)
                self._thread.start()
        self._wake.send(b"x")

    def leave(self, vpc: str, address: str) -> None:
        """Take a host's device away; its network namespace ends with it."""
        with self._lock:
            self._drop((vpc, ipaddress.IPv4Address(address).packed))

    def close(self) -> None:
        """Carry nothing more."""
        with self._lock:
            for place in tuple(self._devices):
                self._drop(place)
            self._wake.close()
        if self._thread is not None:
            self._thread.join(5)
        self._selector.close()
        self._woken.close()

    def _drop(self, place: Place) -> None:
        device = self._devices.pop(place, None)
        if device is not None:
            self._selector.unregister(device)
            os.close(device)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fd == self._woken.fileno():
                    if not self._woken.recv(64):
                        return
                    continue
                with self._lock, contextlib.suppress(OSError):  # it may have left since
                    if key.fd in self._devices.values():
                        self._carry(key.fd, key.data)

    def _carry(self, device: int, vpc: str) -> None:
        """Bring what the device has to say to where it belongs; what belongs nowhere is lost, as in any network."""
        while True:
            try:
                packet = os.read(device, LARGEST)
            except BlockingIOError:
                return
            target = self._devices.get((vpc, packet[16:20])) if packet[:1] >= b"\x45" and packet[:1] < b"\x50" else None
            if target is not None:
                with contextlib.suppress(BlockingIOError):
                    os.write(target, packet)
