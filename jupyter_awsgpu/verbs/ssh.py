"""`ssh`: the exact command, with our key and our pinned host keys, and why it could not connect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.host import ssh_command
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, endpoint, reach

if TYPE_CHECKING:
    from jupyter_awsgpu.verbs.workbench import Workbench


def ssh(bench: Workbench, name: str | None = None, *, command: tuple[str, ...] = ()) -> list[str]:
    """Return the OpenSSH command line for the instance, running `command` there if one is given.

    Writes the known_hosts file it names. Raises `HostKeyUnknown` where nothing is pinned.
    """
    instance = choose(bench, name, "ssh")
    require_running(instance, "take an SSH login")
    pins = bench.records.pins.read(instance.pin_id)
    known_hosts = bench.records.root / "known_hosts" / instance.instance_id
    return [*ssh_command(endpoint(bench, instance), known_hosts, pins, name=instance.name), *command]


def explain(bench: Workbench, name: str | None = None) -> None:
    """Raise what stands between us and the instance, after OpenSSH failed; return where nothing does.

    Our own connection gives the cause a name and a remedy: `HostKeyWrong`, `SshUnreachable`, `SshRefused`.
    """
    instance = choose(bench, name, "ssh")
    reach(bench, instance).close()
