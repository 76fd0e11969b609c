"""`python -m tests.system.road.real_aws --state DIR`: the simulated AWS's API, with real hosts behind it.

Every instance is a `RealHost`: systemd, cloud-init and sshd in namespaces of their own, booted with
the user-data and the public key that RunInstances got. With `--lan` all are in one subnet, where they reach
each other, and a package index, by the private addresses that DescribeInstances tells; each start gives a new
public address, and to those named in the state folder's `moves` a new private one as well.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.hosts.spec import HostAddress, HostSpec
from jupyter_awsgpu.demo.server import prepare, serve
from tests.system.hosts import RealHost
from tests.system.lan import Lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OFF_WITHIN_S = 60.0
"""How long a host may take to shut down before its power is cut, as EC2 does after minutes."""

SSH_PORT = 22


class RealFleet:
    """The fleet interface of the simulated AWS (`demo.aws.world.Fleet`) over real hosts."""

    def __init__(self, lan: Lan | None = None, layers: Iterable[Path] = ()) -> None:
        """On a `lan`, the first hosts have one layer each of `layers`, all further ones the last."""
        self._lan = lan
        self._layers = list(layers)
        self.moves = Path()
        self.on_shutdown: Callable[[str], None] | None = None
        self._hosts: dict[str, RealHost] = {}
        self._told: set[str] = set()
        self._more = itertools.count(10)

    def boot(self, spec: HostSpec) -> HostAddress:
        """Power a host on: with a fresh disk the first time, with its own after a stop."""
        host = self._hosts.get(spec.instance_id)
        if host is None:
            host = self._new(spec)
        elif self._lan is not None:
            host.move(self._moved(spec))
        self._told.discard(spec.instance_id)
        host.start()
        threading.Thread(target=self._watch, args=(spec.instance_id, host), daemon=True).start()
        return HostAddress(host.address, SSH_PORT)

    def _new(self, spec: HostSpec) -> RealHost:
        host = RealHost(spec.folder, spec.user_data, spec.authorized_keys, spec.instance_id)
        if self._lan is not None:
            host.lan, host.private_address = self._lan, spec.private_address
            host.layers = tuple(self._layers[:1])
            del self._layers[: len(self._layers) > 1]
        self._hosts[spec.instance_id] = host
        return host

    def _moved(self, spec: HostSpec) -> str | None:
        """Return the host's new private address, where the test wants it to have one."""
        names = self.moves.read_text().split() if self.moves.is_file() else []
        return f"172.31.240.{next(self._more)}" if spec.instance_id in names else None

    def private_address(self, spec: HostSpec) -> str:
        """Return where the other hosts of its subnet reach the host."""
        host = self._hosts.get(spec.instance_id)
        return host.private_address if host is not None and host.lan is not None else spec.private_address

    def stop(self, instance_id: str) -> None:
        """Shut the host down as EC2 does: by its power button, and by its power supply if it does not obey."""
        host = self._hosts.get(instance_id)
        if host is None:
            return
        self._told.add(instance_id)
        with contextlib.suppress(OSError, IndexError, subprocess.SubprocessError, TimeoutError):
            host.run("systemctl", "--no-block", "poweroff", check=False)
            host.wait_until_off(OFF_WITHIN_S)
            return
        host.cut_power()

    def terminate(self, instance_id: str) -> None:
        """Shut the host down and leave nothing of it."""
        self.stop(instance_id)
        host = self._hosts.pop(instance_id, None)
        if host is not None:
            host.destroy()

    def reboot(self, instance_id: str) -> None:
        """Restart the host; `RealHost` starts again what reboots."""
        self._hosts[instance_id].run("systemctl", "--no-block", "reboot", check=False)

    def console(self, instance_id: str) -> str:
        """Return what the host printed."""
        host = self._hosts.get(instance_id)
        return host.console() if host else ""

    def set_busy(self, instance_id: str, percent: int) -> None:
        """A real host has no sham GPU."""

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """A real host has no metadata service here."""

    def interrupt(self, instance_id: str, action: str, time: str) -> None:
        """A real host has no metadata service here."""

    def make_image(self, folder: Path, image_folder: Path) -> None:
        """Refuse: images are the demo hosts' matter."""
        raise NotImplementedError

    def close(self) -> None:
        """Cut every host's power and remove it; the API is going, nobody waits for a shutdown."""
        while self._hosts:
            instance_id, host = self._hosts.popitem()
            self._told.add(instance_id)
            host.destroy()
        if self._lan is not None:
            self._lan.end()

    def _watch(self, instance_id: str, host: RealHost) -> None:
        """Tell EC2 when the host powers itself off."""
        with contextlib.suppress(TimeoutError):
            host.wait_until_off(threading.TIMEOUT_MAX)
        if instance_id not in self._told and self.on_shutdown is not None:
            self.on_shutdown(instance_id)


def main() -> int:
    """Serve until told to end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--lan", action="store_true")
    asked = parser.parse_args()
    state = asked.state.resolve()
    prepare(state)
    fleet: Any = _on_a_lan() if asked.lan else RealFleet()
    fleet.moves = state / "moves"
    return serve(state, fleet)


def _on_a_lan() -> RealFleet:
    """Return a fleet on one subnet: the first two hosts install a cluster's packages, the others have them."""
    from tests.system.cluster import packages

    heavy, whole = packages.layer(packages.HEAVY), packages.layer(packages.WHOLE)
    lan = Lan(packages.wheels())
    lan.begin()
    return RealFleet(lan, (heavy, heavy, whole))


if __name__ == "__main__":
    sys.exit(main())
