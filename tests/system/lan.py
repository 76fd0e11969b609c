"""A subnet for real hosts: one bridge in a network namespace of its own, with a package index on it and no way out.

Real: Ethernet frames between the hosts, ARP, their private addresses, pip over HTTP. Not there: any route to
anywhere else. The index serves one folder of wheels to all hosts, as a company's mirror inside a VPC does.
"""

from __future__ import annotations

import ctypes
import functools
import http.server
import itertools
import os
import re
import socket
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

from tests.system.rootfs import ip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.hosts import RealHost

BLOCK = "172.31.0.0/16"
"""A default VPC's block, whose subnets hold the private addresses that the simulated AWS gives."""

OWN = "172.31.255.1"
"""The bridge's own address, of no subnet: the index answers there."""

CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1000)


class Lan:
    """One bridge and its index. `wheels` is the folder the index serves."""

    def __init__(self, wheels: Path | None = None) -> None:
        self.name = f"ag{os.getpid() % 10000}x{next(_numbers)}"
        self.asked: list[str] = []
        """What the hosts asked the index for, in order."""
        self._wheels = wheels
        self._members = itertools.count(1)
        self._server: http.server.ThreadingHTTPServer | None = None

    def begin(self) -> None:
        """Make the bridge; with wheels, serve them on it."""
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "add", "name", "lan", "type", "bridge")
        ip("-n", self.name, "addr", "add", f"{OWN}/16", "dev", "lan")
        for device in ("lo", "lan"):
            ip("-n", self.name, "link", "set", device, "up")
        if self._wheels is not None:
            self._serve(self._wheels)

    def end(self) -> None:
        """Leave nothing of it."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        ip("netns", "del", self.name, check=False)

    def join(self, host: RealHost, address: str) -> None:
        """Plug a host's namespace in, at this private address."""
        port = f"port{next(self._members)}"
        ip("-n", self.name, "link", "add", port, "type", "veth", "peer", "name", "ens6", "netns", host.name)
        ip("-n", self.name, "link", "set", port, "master", "lan", "up")
        ip("-n", host.name, "link", "set", "ens6", "up")
        self.move(host, address)

    def move(self, host: RealHost, address: str) -> None:
        """Give a host that is plugged in this address instead of the one it has."""
        ip("-n", host.name, "addr", "flush", "dev", "ens6")
        ip("-n", host.name, "addr", "add", f"{address}/16", "dev", "ens6")

    def point(self, host: RealHost) -> None:
        """Let pip on a host that is off ask the index here, and nobody else."""
        if self._server is not None:
            where = f"http://{OWN}:{self._server.server_port}/simple"
            host.disk("/etc/pip.conf").write_text(f"[global]\nindex-url = {where}\ntrusted-host = {OWN}\n")

    def _serve(self, wheels: Path) -> None:
        """Listen in the bridge's namespace, serve from here."""
        listening: list[socket.socket] = []
        thread = threading.Thread(target=lambda: listening.append(_listen_in(self.name)))  # a namespace is a thread's
        thread.start()
        thread.join()
        handler = functools.partial(_Index, wheels, self.asked)
        self._server = http.server.ThreadingHTTPServer((OWN, 0), handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening[0]
        self._server.server_address = listening[0].getsockname()
        self._server.server_port = listening[0].getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _listen_in(namespace: str) -> socket.socket:
    """Move this thread into a namespace for good and listen there; the socket stays of that namespace."""
    with open(f"/run/netns/{namespace}", "rb") as file:  # noqa: PTH123 - a descriptor is wanted
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    return socket.create_server((OWN, 0), backlog=128)


class _Index(http.server.BaseHTTPRequestHandler):
    """A simple index (PEP 503) over a folder of wheels; connections stay open, files leave by sendfile."""

    protocol_version = "HTTP/1.1"

    def __init__(self, wheels: Path, asked: list[str], *words: Any) -> None:
        self._wheels = wheels
        self._asked = asked
        super().__init__(*words)

    def do_GET(self) -> None:
        """Answer with a page of links, or with a wheel."""
        self._asked.append(self.path)
        *_, name = urllib.parse.unquote(self.path.rstrip("/")).split("/")
        if not name.endswith(".whl"):
            names = sorted(one.name for one in self._wheels.glob("*.whl") if _of(one.name) == plain(name))
            page = "".join(f'<a href="/wheels/{urllib.parse.quote(one)}">{one}</a>\n' for one in names).encode()
            self._begin(200 if names else 404, "text/html", len(page))
            self.wfile.write(page)
            return
        with (self._wheels / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self._begin(200, "application/octet-stream", size)
            self.wfile.flush()
            self.connection.sendfile(file)

    def _begin(self, status: int, kind: str, size: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _of(wheel: str) -> str:
    return plain(wheel.partition("-")[0])


def plain(name: str) -> str:
    """Return a package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
