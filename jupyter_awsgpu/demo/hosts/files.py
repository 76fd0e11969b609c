"""SFTP as the default user: relative paths start at home, and nothing is touched with more rights than theirs."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.hosts.accounts import Accounts

_TOUCHING = (
    "open", "open56", "lstat", "stat", "setstat", "lsetstat", "remove", "mkdir", "rmdir", "realpath", "rename",
    "readlink", "symlink", "link", "posix_rename", "statvfs",
)  # fmt: skip
"""The calls that take a path; the others work on what these opened."""


class HomeFiles(asyncssh.SFTPServer):
    """The SFTP side of one session."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], accounts: Accounts) -> None:
        super().__init__(channel)
        self._accounts = accounts
        self._root = os.fsencode(accounts.ground.root)

    def map_path(self, path: bytes) -> bytes:
        """Return where a path lies for this process; in a sandbox folder, /opt is the folder's opt."""
        if not path.startswith(b"/"):
            return os.fsencode(self._accounts.home) + b"/" + path
        if self._accounts.ground.isolated or path.startswith(self._root):
            return path
        return self._root + path


def _as_user(name: str) -> Callable[..., Any]:
    original = getattr(asyncssh.SFTPServer, name)

    @functools.wraps(original)
    def touched(self: HomeFiles, *arguments: Any) -> Any:
        with self._accounts.acting():
            return original(self, *arguments)

    return touched


for _name in _TOUCHING:
    setattr(HomeFiles, _name, _as_user(_name))
