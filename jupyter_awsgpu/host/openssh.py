"""The command line with which a person's own OpenSSH client opens the same verified connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.host.identity import host_key_algorithms, require_pins
from jupyter_awsgpu.host.proxy import CONFIG

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Endpoint


def ssh_command(endpoint: Endpoint, known_hosts: Path, pins: tuple[str, ...], *, name: str = "") -> list[str]:
    """Return `ssh …` for the endpoint, and write the known_hosts file it names.

    The host is known by its instance id, so an address that another instance had before is no matter.
    Raises `HostKeyUnknown` where nothing is pinned.
    """
    alias = endpoint.instance_id
    accepted = require_pins(pins, name or alias)
    known_hosts.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known_hosts.write_text("".join(f"{alias} {line}\n" for line in accepted), encoding="utf-8")
    options = {
        "UserKnownHostsFile": _quoted(known_hosts),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "HashKnownHosts": "no",
        "UpdateHostKeys": "no",
        "HostKeyAlias": alias,
        "HostKeyAlgorithms": ",".join(host_key_algorithms(accepted)),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ServerAliveInterval": "15",
    }
    command = ["ssh", "-i", str(endpoint.key_file), "-p", str(endpoint.port)]
    for key, value in options.items():
        command += ["-o", f"{key}={value}"]
    return [*command, *_destination(endpoint)]


def _destination(endpoint: Endpoint) -> list[str]:
    if endpoint.via == CONFIG:  # the person's configuration knows the way by the instance's id
        return [f"{endpoint.user}@{endpoint.instance_id}"]
    jump = ["-J", endpoint.via] if endpoint.via else []
    return [*jump, f"{endpoint.user}@{endpoint.address}"]


def _quoted(path: Path) -> str:
    """Quote a path for an ssh option's value, where a space separates files."""
    return f'"{path}"' if " " in str(path) else str(path)
