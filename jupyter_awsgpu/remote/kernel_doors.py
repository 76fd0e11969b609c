"""Five local sockets that lead to a kernel's five on the instance, over whatever connection stands.

Jupyter's messages travel over ZeroMQ, whose clients connect again by themselves: a connection that
breaks closes what it carried, and the sockets here stay. Private unix sockets where there are any,
loopback ports on Windows; each message is signed with the kernel's key on either.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.host.streams import Stream

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
WAIT_S = 20.0
"""How long a local connection waits for the way to the instance; then it is closed, and the client comes again."""

LISTENER_WITHIN_S = 1.0
"""How long cells wait, on a new way, for whoever shows their output to be connected first."""

SUBSCRIBED_S = 0.2
"""How long after the output's stream opened its subscription has reached the kernel, round trips apart."""

_CHUNK = 256 * 1024


class Doors:
    """The local ends. `connection` is their part of a Jupyter connection file."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="awsgpu-"))  # only its owner may enter
        self._listeners = {name: self._listen(number) for number, name in enumerate(CHANNELS, start=1)}
        self.connection = self._addresses()
        self.show()
        self._way = threading.Condition()
        self._host: Host | None = None
        self._there: Mapping[str, Any] = {}
        self._streams: set[socket.socket] = set()
        self._closed = False
        self._cells_from = 0.0
        for name, listener in self._listeners.items():
            threading.Thread(target=self._accept, args=(name, listener), name=f"kernel-{name}", daemon=True).start()

    def show(self) -> None:
        """Have the sockets where `connection` says: Jupyter removes those names whenever a kernel ends."""
        if os.name == "nt":
            return
        for number in range(1, len(CHANNELS) + 1):
            with suppress(FileExistsError):
                (self._folder / f"s-{number}").symlink_to(f"{number}")

    def lead(self, host: Host, there: Mapping[str, Any]) -> None:
        """Carry connections to the kernel that listens as `there` says, from now on."""
        self.shut()
        with self._way:
            self._host, self._there = host, there
            self._cells_from = time.monotonic() + LISTENER_WITHIN_S
            self._way.notify_all()

    def shut(self) -> None:
        """Lead nowhere: what was carried is closed, what comes waits."""
        with self._way:
            self._host = None
            carried, self._streams = self._streams, set()
        for one in carried:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close for good, and take the sockets away."""
        self._closed = True
        self.shut()
        with self._way:
            self._way.notify_all()
        for one in self._listeners.values():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, on Linux
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self, number: int) -> socket.socket:
        if os.name == "nt":
            listener = socket.socket(socket.AF_INET)
            listener.bind(("127.0.0.1", 0))
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(f"{self._folder}/{number}")
        listener.listen(64)
        return listener

    def _addresses(self) -> dict[str, Any]:
        if os.name == "nt":
            ports = {f"{name}_port": one.getsockname()[1] for name, one in self._listeners.items()}
            return {"transport": "tcp", "ip": "127.0.0.1", **ports}
        ports = {f"{name}_port": number for number, name in enumerate(CHANNELS, start=1)}
        return {"transport": "ipc", "ip": f"{self._folder}/s", **ports}

    def _accept(self, name: str, listener: socket.socket) -> None:
        while not self._closed:
            try:
                local, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(name, local), name=f"kernel-{name}-in", daemon=True).start()

    def _carry(self, name: str, local: socket.socket) -> None:
        with local:
            stream = self._open(name, local)
            if stream is None:
                return
            back = threading.Thread(target=_copy_back, args=(stream, local), name=f"kernel-{name}-out", daemon=True)
            back.start()
            try:
                with suppress(OSError, EOFError):
                    while piece := local.recv(_CHUNK):
                        stream.sendall(piece)
            finally:
                stream.close()
                back.join()
                with self._way:
                    self._streams.discard(local)

    def _open(self, name: str, local: socket.socket) -> Stream | None:
        host, there = self._wait_for_way(name)
        if host is None:
            return None
        port = there[f"{name}_port"]
        try:
            stream = host.open_stream(f"{there['ip']}-{port}" if there["transport"] == "ipc" else port)
        except OSError:  # the kernel is not there yet, or the connection broke just now
            return None
        with self._way:
            if self._host is not host:
                stream.close()
                return None
            self._streams.add(local)
            if name == "iopub":
                round_trip_s = min(host.liveness.round_trip_s, LISTENER_WITHIN_S)
                self._cells_from = min(self._cells_from, time.monotonic() + SUBSCRIBED_S + 2 * round_trip_s)
        return stream

    def _wait_for_way(self, name: str) -> tuple[Host | None, Mapping[str, Any]]:
        """Return the way, or None if there is none in time. Cells follow their listeners: what nobody hears is lost."""
        deadline = time.monotonic() + WAIT_S
        with self._way:
            while not self._closed and time.monotonic() < deadline:
                if self._host is not None and (name != "shell" or time.monotonic() >= self._cells_from):
                    return self._host, self._there
                self._way.wait(0.1)
        return None, {}


def _copy_back(stream: Stream, local: socket.socket) -> None:
    with suppress(OSError, EOFError):
        while piece := stream.recv(_CHUNK):
            local.sendall(piece)
    with suppress(OSError):
        local.shutdown(socket.SHUT_RDWR)
