"""Private SSH keys: made here, never sent anywhere, readable by their owner alone."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import KeyFolderTooOpen, KeyMissing, KeyTooOpen
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
        """Return `path` if it is a private key only its owner can read, and, where it is one of ours, replace.

        A person's own `--key` may lie in any folder. Raises `KeyMissing`, `KeyTooOpen` or `KeyFolderTooOpen`.
        """
        if not path.is_file():
            raise KeyMissing(name="this instance", key_file=path)
        if mode := _open_to_others(path):
            raise KeyTooOpen(key_file=path, mode=mode)
        if path.parent.resolve() == self._folder.resolve():
            self._require_folder()
        return path

    def take(self, key_name: str, data: bytes) -> Path:
        """Keep a private key that comes from elsewhere, and return where. Raises `KeyFolderTooOpen`."""
        path = self.path(key_name)
        self._write(path, data)
        return path

    def _require_folder(self) -> None:
        if mode := _open_to_others(self._folder):
            raise KeyFolderTooOpen(folder=self._folder, mode=mode)

    def _create(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = Ed25519PrivateKey.generate()
        self._write(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))

    def _write(self, path: Path, data: bytes) -> None:
        private_folder(self._folder)
        self._require_folder()  # before a key is there: whoever may write there could put another in its place
        write_private(path, data)
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


def _open_to_others(path: Path) -> str:
    """Return the mode of what others can read or enter, else nothing; Windows has an ACL in a mode's place."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{mode:04o}" if os.name == "posix" and mode & 0o077 else ""


def _restrict_on_windows(path: Path) -> None:
    if os.name != "nt":
        return
    user = os.environ.get("USERNAME", "")
    subprocess.run(["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:F"], check=True, capture_output=True)  # noqa: S607 - Windows' own tool
