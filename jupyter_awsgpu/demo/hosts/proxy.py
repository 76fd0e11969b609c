"""The hosts' only way out: a forward proxy to package indexes, served outside for listeners inside.

An isolated host has no route. Its process opens a listener on its own loopback and hands it to the
fleet; what connects there may reach the hosts named here and nothing else. HTTPS passes as an
opaque CONNECT, plain HTTP (Debian's archives) line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

ALLOWED = (
    "pypi.org", "files.pythonhosted.org", "download.pytorch.org", "deb.debian.org", "security.debian.org",
    "archive.ubuntu.com", "security.ubuntu.com", "registry.npmjs.org", "conda.anaconda.org", "repo.anaconda.com",
    "github.com", "objects.githubusercontent.com", "release-assets.githubusercontent.com",
)  # fmt: skip
"""Public package indexes, and where Miniforge is published.

A machine whose own index is another names it in `AWSGPU_DEMO_PROXY_ALLOW` (names, with spaces between).
"""


class Proxy:
    """One thread with an event loop that serves the listeners of every host."""

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self._allowed = frozenset((*ALLOWED, *extra))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo proxy", daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def serve(self, listener: socket.socket) -> None:
        """Serve one host's listener; it ends when the host's network does."""
        asyncio.run_coroutine_threadsafe(self._serve(listener), self._loop)

    async def _serve(self, listener: socket.socket) -> None:
        self._servers.append(await asyncio.start_server(self._talk, sock=listener))

    def close(self) -> None:
        """Stop serving."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self._answer(reader, writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        method, target, version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        url = urllib.parse.urlsplit("//" + target if method == "CONNECT" else target)
        port = url.port or 80
        if url.hostname not in self._allowed or port not in (80, 443):
            text = f"{url.hostname} is not on the simulated instance's list of package indexes\n".encode()
            writer.write(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(text) + text
            )
            await writer.drain()
            return
        try:
            out_reader, out_writer = await asyncio.wait_for(asyncio.open_connection(url.hostname, port), 20)
        except OSError as unreachable:
            writer.write(f"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n{unreachable}\n".encode())
            await writer.drain()
            return
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = urllib.parse.urlunsplit(("", "", url.path or "/", url.query, ""))
            lines = head.split(b"\r\n")[1:-2]
            kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:"))]
            first = f"{method} {path} {version}".encode("latin-1")
            out_writer.write(b"\r\n".join([first, *kept, b"Connection: close", b"", b""]))
        await asyncio.gather(_carry(reader, out_writer), _carry(out_reader, writer))


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
