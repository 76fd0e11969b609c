"""A fleet without hosts, for the tests of the API alone: addresses nobody answers at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class NoHosts:
    """Keeps what it was told, boots nothing."""

    def __init__(self) -> None:
        self.on_shutdown: Callable[[str], None] | None = None
        self._consoles: dict[str, str] = {}

    def boot(self, spec: Any) -> Any:
        """Say where the host would answer."""
        from jupyter_awsgpu.demo.hosts.spec import HostAddress

        self._consoles[spec.instance_id] = f"[    0.0] no host stands behind {spec.instance_id}\n"
        return HostAddress(spec.address, spec.port or 22)

    def private_address(self, spec: Any) -> str:
        """Return the address it was given: nobody answers there either."""
        return str(spec.private_address)

    def stop(self, instance_id: str) -> None:
        """Nothing runs."""

    def terminate(self, instance_id: str) -> None:
        """Forget its console."""
        self._consoles.pop(instance_id, None)

    def reboot(self, instance_id: str) -> None:
        """Nothing runs."""

    def console(self, instance_id: str) -> str:
        """Return the one line it has."""
        return self._consoles.get(instance_id, "")

    def set_busy(self, instance_id: str, percent: int) -> None:
        """Nothing runs."""

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """Nothing runs."""

    def interrupt(self, instance_id: str, action: str, time: str) -> None:  # noqa: ARG002
        """Play the guest's part where a test wants a shutdown: `shutdown` as action calls back."""
        if action == "shutdown" and self.on_shutdown is not None:
            self.on_shutdown(instance_id)

    def cut(self, instance_id: str, seconds: float) -> None:
        """Nothing is connected."""

    def make_image(self, folder: Path, image_folder: Path) -> None:
        """There is no disk to copy."""

    def attach(self, folder: Path, volume_folder: Path) -> None:
        """There is no host to show files to."""

    def detach(self, folder: Path, volume_folder: Path) -> None:
        """There is no host that has them."""

    def files_of(self, volume_folder: Path, instance_id: str | None) -> Path | None:  # noqa: ARG002
        """There are no files."""
        return None

    def close(self) -> None:
        """Nothing runs."""
