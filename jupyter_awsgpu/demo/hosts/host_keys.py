"""A host's SSH keys: the files in /etc/ssh, as sshd and cloud-init have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from jupyter_awsgpu.demo.hosts.isolation import Ground

_ALGORITHMS = {"ecdsa": "ecdsa-sha2-nistp256", "ed25519": "ssh-ed25519"}
"""What is made where user-data brings no key. Real cloud-init also makes an RSA key (slow, and nobody asks for it)."""


def load(ground: Ground) -> list[asyncssh.SSHKey]:
    """Read every host key that can be read; one kind of key may occur once."""
    keys: dict[str, asyncssh.SSHKey] = {}
    for path in sorted(ground.path("etc/ssh").glob("ssh_host_*_key")):
        try:
            key = asyncssh.read_private_key(path)
        except (OSError, asyncssh.KeyImportError):
            continue
        keys.setdefault(key.get_algorithm(), key)
    return list(keys.values())


def delete(ground: Ground) -> None:
    """Remove every host key, as cloud-init does on a new instance id (`ssh_deletekeys`)."""
    for path in ground.path("etc/ssh").glob("ssh_host_*key*"):
        path.unlink()


def write_given(ground: Ground, given: Mapping[str, str]) -> None:
    """Write the keys of user-data's `ssh_keys`: `<kind>_private` and `<kind>_public`."""
    for entry, text in given.items():
        kind, _, half = entry.rpartition("_")
        path = ground.path(f"etc/ssh/ssh_host_{kind}_key")
        if half == "private":
            _write(path, text.rstrip("\n") + "\n", 0o600)
        elif half == "public":
            _write(path.with_suffix(".pub"), text.rstrip("\n") + "\n", 0o644)


def generate(ground: Ground, hostname: str) -> None:
    """Make the keys that are missing on a host that has none."""
    for kind, algorithm in _ALGORITHMS.items():
        key = asyncssh.generate_private_key(algorithm, comment=f"root@{hostname}")
        path = ground.path(f"etc/ssh/ssh_host_{kind}_key")
        _write(path, key.export_private_key("openssh").decode(), 0o600)
        _write(path.with_suffix(".pub"), key.export_public_key("openssh").decode(), 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)


def console_text(keys: Iterable[asyncssh.SSHKey], hostname: str) -> str:
    """Return what cloud-init tells the console of the host keys (ssh-authkey-fingerprints, keys-to-console)."""
    prints, publics = [], []
    for key in keys:
        algorithm, data = key.export_public_key("openssh").decode().split()[:2]
        kind = algorithm.removeprefix("ssh-").partition("-")[0].upper()
        bits = {"ED25519": 256, "ECDSA": 256}.get(kind, 3072)
        prints.append(f"{bits} {key.get_fingerprint()} root@{hostname} ({kind})")
        publics.append(f"{algorithm} {data} root@{hostname}")
    frame = "#" * 61
    return "\n".join(
        [
            f"ec2: {frame}",
            "ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----",
            *(f"ec2: {line}" for line in prints),
            "ec2: -----END SSH HOST KEY FINGERPRINTS-----",
            f"ec2: {frame}",
            "-----BEGIN SSH HOST KEY KEYS-----",
            *publics,
            "-----END SSH HOST KEY KEYS-----",
            "",
        ]
    )
