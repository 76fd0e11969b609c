"""The yard: hosts of the demo as peers see them, booted for real and visited with paramiko and OpenSSH."""

from __future__ import annotations

import queue
import socket
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import paramiko

from jupyter_awsgpu.demo.hosts import HostAddress, HostFleet, HostSpec

if TYPE_CHECKING:
    from pathlib import Path

KEY = paramiko.ECDSAKey.generate(bits=256)
PUBLIC = f"{KEY.get_name()} {KEY.get_base64()}"


@dataclass
class Yard:
    """A fleet, its hosts, and the connections a test opened."""

    fleet: HostFleet
    folder: Path
    powered_off: queue.Queue[str] = field(default_factory=queue.Queue)
    addresses: dict[str, HostAddress] = field(default_factory=dict)
    specs: dict[str, HostSpec] = field(default_factory=dict)
    clients: list[paramiko.SSHClient] = field(default_factory=list)

    def boot(self, name: str = "one", user_data: bytes = b"", **wishes: Any) -> HostSpec:
        """Boot a host and wait until its SSH answers."""
        instance_id = f"i-{name:0>17}"
        usual: dict[str, Any] = {"user": "ubuntu", "authorized_keys": (PUBLIC,), "instance_type": "p2.xlarge"}
        usual |= {"image": {"kind": "ubuntu"}, "folder": self.folder / instance_id}
        spec = HostSpec(instance_id=instance_id, user_data=user_data, **(usual | wishes))
        return self.boot_spec(spec)

    def boot_spec(self, spec: HostSpec) -> HostSpec:
        """Boot exactly this."""
        self.addresses[spec.instance_id] = self.fleet.boot(spec)
        self.specs[spec.instance_id] = spec
        assert self.fleet.wait_ready(spec.instance_id), self.fleet.console(spec.instance_id)
        return spec

    def again(self, spec: HostSpec, **changes: Any) -> HostSpec:
        """Boot a stopped host again."""
        return self.boot_spec(replace(spec, **changes))

    def connect(self, spec: HostSpec, user: str | None = None, **options: Any) -> paramiko.SSHClient:
        """Log in as the default user with the key pair's key."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # noqa: S507 - tests look at keys themselves
        address = self.addresses[spec.instance_id]
        usual: dict[str, Any] = {"pkey": KEY, "allow_agent": False, "look_for_keys": False, "timeout": 10}
        client.connect(address.address, address.port, username=user or spec.user, **(usual | options))
        self.clients.append(client)
        return client

    def run(self, spec: HostSpec, command: str, stdin: bytes = b"") -> tuple[int, str, str]:
        """Run a command over a connection of its own: status, stdout, stderr."""
        with self.connect(spec) as client:
            into, out, err = client.exec_command(command, timeout=30)
            into.write(stdin)
            into.channel.shutdown_write()
            text, errors = out.read().decode(), err.read().decode()
            return out.channel.recv_exit_status(), text, errors

    def wait_booted(self, spec: HostSpec) -> None:
        """Wait for the end of the host's user-data, by cloud-init's own means."""
        self.run(spec, "cloud-init status --wait")


def openssh(yard: Yard, spec: HostSpec, key_file: Path, *arguments: str, program: str = "ssh") -> list[str]:
    """Return an OpenSSH command to a host."""
    address = yard.addresses[spec.instance_id]
    port = "-p" if program == "ssh" else "-P"
    options = ["-F", "none", "-q", port, str(address.port), "-i", str(key_file), "-o", "BatchMode=yes"]
    options += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    return [program, *options, f"{spec.user}@{address.address}", *arguments]


def refuses(address: HostAddress) -> bool:
    """Say whether nobody listens there any more."""
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def answer(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program of this machine's."""
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)
