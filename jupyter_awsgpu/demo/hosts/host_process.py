"""One host, seen from outside: its process, its control socket, and the thread that listens to it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.hosts.isolation import Kind
    from jupyter_awsgpu.demo.hosts.network import Switch
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

STOP_S = 4.0
"""After this long without an answer a host that was told to stop is killed (it gives itself two seconds)."""


class HostProcess:
    """A host from its boot to its end. `stop`, `reboot` and `tell` may come from any thread."""

    def __init__(
        self,
        spec: HostSpec,
        kind: Kind,
        listener: socket.socket,
        *,
        serve_proxy: Callable[[socket.socket], None],
        network: Switch,
        powered_off: Callable[[str], None],
    ) -> None:
        self.spec = spec
        self._kind = kind
        self._listener = listener
        self._serve_proxy = serve_proxy
        self._network = network
        self._powered_off = powered_off
        self._ready = threading.Event()
        self._gone = threading.Event()
        self._lock = threading.RLock()
        self._stopping = False
        self._again = False
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and the thread that hears it."""
        self._spawn()
        threading.Thread(target=self._hear, name=f"host {self.spec.instance_id}", daemon=True).start()

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        console = os.open(self.spec.folder / "console.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        descriptors = (self._listener.fileno(), console)
        module = "jupyter_awsgpu.demo.hosts.instance"
        arguments = [self._kind, str(descriptors[0]), str(self.spec.folder.resolve()), str(console)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=theirs.fileno(),
                stdout=console,
                stderr=console,
                pass_fds=descriptors,
                start_new_session=True,
                cwd=self.spec.folder,
            )
        finally:
            theirs.close()
            os.close(console)
        document = self.spec.to_json().encode()
        ours.sendall(len(document).to_bytes(4, "big") + document)
        self._control = ours

    def _hear(self) -> None:
        """Follow the host to its end; boot it again if the end was a reboot."""
        while True:
            how = self._follow()
            with self._lock:
                again = (how == "reboot" or self._again) and not self._stopping
                self._again = False
                if not again:
                    self._listener.close()
                    break
                self._ready.clear()
                self._spawn()
        self._gone.set()
        if how in ("shutdown", "lost") and not self._stopping:  # a host that was killed is off as well
            self._powered_off(self.spec.instance_id)

    def _follow(self) -> str:
        """Read the host's messages until its process has ended; return how it ended."""
        how = "lost"
        if self._control is None or self._process is None:
            return how
        if self._kind != "folder":
            _, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
            for descriptor in descriptors[:1]:
                self._serve_proxy(socket.socket(fileno=descriptor))
            for descriptor in descriptors[1:]:
                self._network.join(self.spec.vpc, self.spec.private_address, descriptor)
        with self._control, self._control.makefile("rb") as messages:
            for line in messages:
                event = json.loads(line)["event"]
                if event == "ready":
                    self._ready.set()
                elif event in ("shutdown", "reboot", "stopped", "failed"):
                    how = event
        self._network.leave(self.spec.vpc, self.spec.private_address)
        self._process.wait()
        return how

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until SSH answers."""
        return self._ready.wait(timeout_s)

    def tell(self, order: dict[str, object]) -> None:
        """Send the host an order; a host that has ended does not mind."""
        with self._lock:
            try:
                if self._control:
                    self._control.sendall(json.dumps(order).encode() + b"\n")
            except OSError:
                return

    def stop(self) -> None:
        """End the host and wait for its end."""
        with self._lock:
            self._stopping = True
            self.tell({"do": "stop"})
        if not self._gone.wait(STOP_S):
            self.kill()
            self._gone.wait(STOP_S)

    def reboot(self) -> None:
        """End the host's processes and boot it again; returns at once."""
        with self._lock:
            self._again = True
            self.tell({"do": "stop"})

    def kill(self) -> None:
        """Kill the outermost process; everything inside dies with it."""
        if self._process and self._process.poll() is None:
            self._process.kill()

    def console(self) -> str:
        """Return what the host wrote on its console."""
        try:
            return (self.spec.folder / "console.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""
