"""The host's SSH server: the default user, by public key, as OpenSSH's sshd would serve it.

It runs inside the host, so commands, files and forwards are the host's by nature. Host keys are
read from /etc/ssh, at start and whenever told; connections that live keep theirs.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import asyncssh

from jupyter_awsgpu.demo.hosts import host_keys
from jupyter_awsgpu.demo.hosts.files import HomeFiles
from jupyter_awsgpu.demo.hosts.listeners import listening_at
from jupyter_awsgpu.demo.hosts.sessions import serve_session

if TYPE_CHECKING:
    import socket

    from jupyter_awsgpu.demo.hosts.accounts import Accounts

asyncssh.set_log_level("ERROR")


class _Login(asyncssh.SSHServer):
    """One connection: who may log in, and what may be forwarded."""

    def __init__(self, server: SshServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)
        if time.monotonic() < self._server.cut_until:
            conn.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._server.connections.discard(self._connection)

    def begin_auth(self, _username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._server.accounts.user and self._server.authorizes(key)

    def auth_completed(self) -> None:
        """Note the login where Ubuntu's sshd does."""
        address, port = self._connection.get_extra_info("peername")[:2]
        line = f"sshd: Accepted publickey for {self._server.accounts.user} from {address} port {port} ssh2\n"
        with suppress(OSError), self._server.accounts.ground.path("/var/log/auth.log").open("a") as log:
            log.write(line)

    def connection_requested(self, _dest_host: str, dest_port: int, _orig_host: str, _orig_port: int) -> Any:
        ground = self._server.accounts.ground
        if ground.isolated:
            return True
        where = listening_at(ground, dest_port)
        if where is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")
        return self._connection.forward_connection(where, dest_port)

    def unix_connection_requested(self, dest_path: str) -> bool:
        ground = self._server.accounts.ground
        return ground.isolated or dest_path.startswith(str(ground.root))

    def server_requested(self, _listen_host: str, _listen_port: int) -> bool:
        return True

    def unix_server_requested(self, _listen_path: str) -> bool:
        return self._server.accounts.ground.isolated


class SshServer:
    """The listening server and its live connections."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self.cut_until = 0.0

    async def start(self, listener: socket.socket) -> None:
        """Serve a socket that listens already."""
        self._acceptor = await asyncssh.listen(
            sock=listener,
            server_factory=lambda: _Login(self),
            server_host_keys=host_keys.load(self.accounts.ground),
            process_factory=lambda process: serve_session(process, self.accounts),
            sftp_factory=lambda channel: HomeFiles(channel, self.accounts),
            encoding=None,
            line_editor=False,
            allow_scp=False,
            agent_forwarding=False,
            server_version="OpenSSH_9.6p1-compatible_SIMULATED",
            login_timeout=30,
        )

    def reload(self) -> bool:
        """Serve the keys that lie in /etc/ssh now, to new connections; False (and no change) if none do."""
        keys = host_keys.load(self.accounts.ground)
        if not keys or self._acceptor is None:
            return False
        self._acceptor.update(server_host_keys=keys)
        return True

    def authorizes(self, key: asyncssh.SSHKey) -> bool:
        """Say whether the user's authorized_keys, as it is now, holds the key."""
        try:
            lines = self.accounts.authorized_keys.read_text(errors="replace").splitlines()
        except OSError:
            return False
        wanted = key.export_public_key("openssh").split()[1].decode()
        return any(wanted in line.split() for line in lines if not line.lstrip().startswith("#"))

    def cut(self, seconds: float) -> None:
        """Cut every connection now, and each new one for so long."""
        self.cut_until = time.monotonic() + seconds
        for connection in tuple(self.connections):
            connection.abort()

    def close(self) -> None:
        """Stop listening and cut every connection, as a host does that loses power."""
        if self._acceptor:
            self._acceptor.close()
        for connection in tuple(self.connections):
            connection.abort()
