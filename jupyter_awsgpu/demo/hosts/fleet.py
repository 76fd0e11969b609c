"""The fleet: boots, stops and removes the hosts that stand for instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.demo.hosts.spec import HostAddress, HostSpec


class HostFleet:
    """Every host of one simulated AWS. Thread-safe; the hosts end with the process that owns it."""

    def __init__(self, *, on_shutdown: Callable[[str], None] | None = None) -> None:
        self.on_shutdown = on_shutdown
        """Called with the instance id, from a thread of the fleet's, after the guest powered itself off."""

    def boot(self, spec: HostSpec) -> HostAddress:
        """Start the host and return where its SSH answers (at once: it boots in the background)."""
        raise NotImplementedError

    def stop(self, instance_id: str) -> None:
        """End everything that runs on the host, within two seconds; its disk stays."""
        raise NotImplementedError

    def terminate(self, instance_id: str) -> None:
        """Stop the host and remove its disk."""
        raise NotImplementedError

    def reboot(self, instance_id: str) -> None:
        """Stop the host and boot it again at the same address, with the same disk."""
        raise NotImplementedError

    def console(self, instance_id: str) -> str:
        """Return the host's console output since its last boot ("" for one the fleet does not know)."""
        raise NotImplementedError

    def set_busy(self, instance_id: str, percent: int) -> None:
        """Make the simulated GPU report this utilisation (0 to 100)."""
        raise NotImplementedError

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """Give the host's metadata service new tags."""
        raise NotImplementedError

    def interrupt(self, instance_id: str, action: str, time: str) -> None:
        """Announce a spot interruption (`action` "stop" or "terminate" at `time`, ISO 8601) in the metadata."""
        raise NotImplementedError

    def make_image(self, folder: Path, image_folder: Path) -> None:
        """Copy what a host has on its disk (`HostSpec.folder`) into an image's folder."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop every host; their disks stay."""
        raise NotImplementedError
