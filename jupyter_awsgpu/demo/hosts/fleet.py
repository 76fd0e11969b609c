"""The fleet: boots, stops and removes the hosts that stand for instances.

It runs in the simulated AWS' server process, outside every host, and knows them by their control
sockets. A host whose fleet is gone ends by itself, so a killed server leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo.hosts import isolation, volumes
from jupyter_awsgpu.demo.hosts.host_process import HostProcess
from jupyter_awsgpu.demo.hosts.network import Switch
from jupyter_awsgpu.demo.hosts.proxy import Proxy
from jupyter_awsgpu.demo.hosts.spec import HostAddress

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.hosts.spec import HostSpec


class HostFleet:
    """Every host of one simulated AWS. Thread-safe; the hosts end with the process that owns it."""

    def __init__(
        self, *, on_shutdown: Callable[[str], None] | None = None, isolation_kind: isolation.Kind | None = None
    ) -> None:
        """`isolation_kind` is for tests; otherwise the best this machine allows, tried at the first boot."""
        self.on_shutdown = on_shutdown
        """Called with the instance id, from a thread of the fleet's, after the guest powered itself off."""
        self._kind = isolation_kind
        self._hosts: dict[str, HostProcess] = {}
        self._lock = threading.RLock()
        self._network = Switch()
        self._proxy = Proxy(tuple(os.environ.get("AWSGPU_DEMO_PROXY_ALLOW", "").split()))

    @property
    def isolation_kind(self) -> isolation.Kind:
        """How hosts are kept apart here: "root", "user" (namespaces) or "folder". Raises IsolationError."""
        with self._lock:
            if self._kind is None:
                self._kind = isolation.available()
            return self._kind

    def boot(self, spec: HostSpec) -> HostAddress:
        """Start the host and return where its SSH answers (at once: it boots in the background).

        Raises IsolationError where this machine cannot keep a host apart, OSError where the port is taken.
        """
        kind = self.isolation_kind
        self.stop(spec.instance_id)
        spec = replace(spec, private_address=self.private_address(spec))
        listener = _listen(spec.address, spec.port)
        try:
            _prepare(spec)
            host = HostProcess(
                spec, kind, listener, serve_proxy=self._proxy.serve, network=self._network, powered_off=self._ended
            )
        except BaseException:
            listener.close()
            raise
        with self._lock:
            self._hosts[spec.instance_id] = host
        host.start()
        return HostAddress(*listener.getsockname()[:2])

    def private_address(self, spec: HostSpec) -> str:
        """Return where other hosts of its VPC reach it: the address it was given, or its loopback one for a folder."""
        return spec.address if self.isolation_kind == "folder" else spec.private_address

    def wait_ready(self, instance_id: str, timeout_s: float = 30) -> bool:
        """Wait until the host's SSH answers; False if it does not in time, or the host failed."""
        with self._lock:
            host = self._hosts.get(instance_id)
        return host is not None and host.wait_ready(timeout_s)

    def stop(self, instance_id: str) -> None:
        """End everything that runs on the host, within two seconds; its disk stays."""
        with self._lock:
            host = self._hosts.get(instance_id)
        if host:
            host.stop()

    def terminate(self, instance_id: str) -> None:
        """Stop the host and remove its disk."""
        self.stop(instance_id)
        with self._lock:
            host = self._hosts.pop(instance_id, None)
        if host:
            volumes.give_back(host.spec.folder)
            _remove(host.spec.folder)

    def reboot(self, instance_id: str) -> None:
        """Stop the host and boot it again at the same address, with the same disk."""
        with self._lock:
            host = self._hosts[instance_id]
        host.reboot()

    def console(self, instance_id: str) -> str:
        """Return the host's console output since its last boot ("" for one the fleet does not know)."""
        with self._lock:
            host = self._hosts.get(instance_id)
        return host.console() if host else ""

    def set_busy(self, instance_id: str, percent: int) -> None:
        """Make the simulated GPU report this utilisation (0 to 100)."""
        self._tell(instance_id, {"do": "busy", "percent": percent})

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """Give the host's metadata service new tags."""
        self._tell(instance_id, {"do": "tags", "tags": tags})

    def interrupt(self, instance_id: str, action: str, time: str) -> None:
        """Announce a spot interruption (`action` "stop" or "terminate" at `time`, ISO 8601) in the metadata."""
        self._tell(instance_id, {"do": "interrupt", "action": action, "time": time})

    def cut(self, instance_id: str, seconds: float) -> None:
        """Cut the host's SSH connections, and refuse new ones for so long: its network is away, the host is not."""
        self._tell(instance_id, {"do": "cut", "seconds": seconds})

    def _tell(self, instance_id: str, order: dict[str, object]) -> None:
        with self._lock:
            host = self._hosts.get(instance_id)
        if host:
            host.tell(order)

    def make_image(self, folder: Path, image_folder: Path) -> None:
        """Copy what a host has on its disk (`HostSpec.folder`) into an image's folder."""
        from jupyter_awsgpu.demo.hosts.images import copy_disk

        copy_disk(folder / "disk", image_folder)

    def attach(self, folder: Path, volume_folder: Path) -> None:
        """Show the files of a data volume to the host whose folder this is, running or not."""
        volumes.attach(folder, volume_folder)

    def detach(self, folder: Path, volume_folder: Path) -> None:
        """Take the files of a data volume back from the host."""
        volumes.detach(folder, volume_folder)

    def files_of(self, volume_folder: Path, instance_id: str | None) -> Path | None:
        """Return where the files of a data volume lie now, None where it never had any."""
        return volumes.files_of(volume_folder, instance_id)

    def close(self) -> None:
        """Stop every host; their disks stay."""
        with self._lock:
            hosts = list(self._hosts.values())
        stopping = [threading.Thread(target=host.stop) for host in hosts]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self._proxy.close()
        self._network.close()

    def _ended(self, instance_id: str) -> None:
        """Hear that a guest powered itself off."""
        if self.on_shutdown:
            self.on_shutdown(instance_id)


def _listen(address: str, port: int) -> socket.socket:
    """Open the host's SSH port outside its namespaces; it travels inside as a descriptor."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove(folder: Path) -> None:
    """Remove an instance's folder, whatever the guest (or overlayfs) did to its folders' permissions."""
    for place, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(place) / name
            if not path.is_symlink() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _prepare(spec: HostSpec) -> None:
    """Make the instance's folder, with its image's files if it is new."""
    new = not (spec.folder / "disk").exists()
    spec.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if new and spec.image_folder and spec.image_folder.is_dir():
        from jupyter_awsgpu.demo.hosts.images import copy_disk

        copy_disk(spec.image_folder, spec.folder / "disk")
