"""Private SSH keys: made here, never sent anywhere, readable by their owner alone."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import KeyMissing, KeyTooOpen
from jupyter_awsgpu.records.files import private_folder, write_private

if TYPE_CHECKING:
    from pathlib import Path


class KeyStore:
    """A 0700 folder of ed25519 private keys, one per key pair at AWS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key_name: str) -> Path:
        """Return where the private half of a key pair is kept, present or not."""
        return self._folder / f"{key_name}.pem"

    def public_line(self, key_name: str) -> str:
        """Return the public half as an OpenSSH line, making the key first if there is none."""
        path = self.path(key_name)
        if not path.exists():
            self._create(path)
        return public_line_of(self.require(path))

    def require(self, path: Path) -> Path:
        """Return `path` if it is a private key only its owner can read.

        Raises `KeyMissing` or `KeyTooOpen`.
        """
        if not path.is_file():
            raise KeyMissing(name="this instance", key_file=path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            raise KeyTooOpen(key_file=path, mode=f"{mode:04o}")
        return path

    def _create(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        private_folder(self._folder)
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        _restrict_on_windows(path)


def public_line_of(path: Path) -> str:
    """Return the OpenSSH public line of a private key file (`ssh-ed25519 AAAA…`).

    Raises `KeyMissing` where the file is no private key that can be read without a passphrase.
    """
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
        load_ssh_private_key,
    )

    data = path.read_bytes()
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError) as exc:
        raise KeyMissing(name="this instance", key_file=f"{path} is not a private key without a passphrase") from exc
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _restrict_on_windows(path: Path) -> None:
    if os.name != "nt":
        return
    user = os.environ.get("USERNAME", "")
    subprocess.run(["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:F"], check=True, capture_output=True)  # noqa: S607 - Windows' own tool
