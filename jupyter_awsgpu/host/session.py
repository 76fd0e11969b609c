"""One verified connection to an instance, and commands and files over it."""

from __future__ import annotations

import shlex
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from jupyter_awsgpu.errors import RemoteCommandFailed
from jupyter_awsgpu.host import refusals
from jupyter_awsgpu.host.liveness import Liveness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import paramiko

    from jupyter_awsgpu.host.hosts import Target
    from jupyter_awsgpu.host.proxy import ProxyPipe
    from jupyter_awsgpu.host.streams import Dialogue
    from jupyter_awsgpu.host.wire import Wire

_CHUNK = 256 * 1024
_OUTPUT_MOST = 64 * 1024 * 1024
"""Bytes of output that `run` takes: our own programs say far less, and anybody may be at the other end."""
_TOO_MUCH = -2
"""The status of a command that was cut off for its output."""
_ERRORS_KEPT = 64 * 1024
"""Bytes of an error stream that are kept, the last ones."""
_FILE_WINDOW = 16 * 1024 * 1024
"""What the instance may send ahead of a file session's reader, in bytes: a fast line is far away, too."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command on the instance ended. The output may hold secrets, so it is not shown by repr."""

    status: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)


class Host:
    """An instance we are logged in to. Close it, or use it as a context manager."""

    def __init__(
        self, transport: paramiko.Transport, wire: Wire, target: Target, proxy: ProxyPipe | None = None
    ) -> None:
        self.transport = transport
        self.wire = wire
        self.liveness = Liveness(transport, wire)
        self._target = target
        self._proxy = proxy
        self._watched = False

    @property
    def name(self) -> str:
        """The instance's name, for messages."""
        return self._target.name

    @property
    def key(self) -> paramiko.PKey:
        """Our private key that opened the connection."""
        return self._target.key

    @property
    def host_key(self) -> str:
        """The fingerprint of the host key that was verified."""
        from jupyter_awsgpu.host.identity import fingerprint

        shown = self.transport.get_remote_server_key()
        return fingerprint(f"{shown.get_name()} {shown.get_base64()}")

    @property
    def active(self) -> bool:
        """Whether the connection stands, as far as this machine knows."""
        return self.transport.is_active()

    def watch(self) -> None:
        """Notice within 15 s that the peer has gone, and close then, so that nothing waits for ever."""
        if not self._watched:
            self._watched = True
            self.liveness.start()

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        sudo: bool = False,
        check: bool = True,
    ) -> Result:
        """Run a command (a list, no shell syntax in it) and return how it ended.

        Secrets go into `stdin`: an argument shows in the instance's process list. Raises
        `RemoteCommandFailed` for a status other than 0 if `check`, and `SshUnreachable` if the
        connection breaks or the command does not end within `timeout_s`.
        """
        with refusals.talking(self._target.endpoint, self.name):
            channel = self._execute(command, sudo=sudo)
            result = _converse(channel, stdin, timeout_s)
        if check and result.status != 0:
            raise self._failed(command, result)
        return result

    def follow(self, command: Sequence[str], *, sudo: bool = False, check: bool = True) -> Iterator[str]:
        """Yield a command's lines as they come, until it ends or the iterator is closed.

        Raises as `run` does; a connection that goes silent is noticed within 15 s.
        """
        from jupyter_awsgpu.host.streams import lines_of

        self.watch()
        with refusals.talking(self._target.endpoint, self.name):
            channel = self._execute(command, sudo=sudo)
            errors = _Drain(channel)
            try:
                channel.shutdown_write()
                yield from lines_of(channel)
                status = _status(channel)
            finally:
                channel.close()
        if check and status != 0:
            raise self._failed(command, Result(status, b"", errors.result()))

    def talk(self, command: Sequence[str]) -> Dialogue:
        """Start a command that is spoken to line by line; a connection that goes silent is noticed within 15 s."""
        from jupyter_awsgpu.host.streams import Dialogue

        self.watch()
        with refusals.talking(self._target.endpoint, self.name):
            return Dialogue(self._execute(command, sudo=False))

    def open_command(self, command: Sequence[str]) -> paramiko.Channel:
        """Start a command whose input and output are bytes; a connection that goes silent is noticed within 15 s."""
        self.watch()
        with refusals.talking(self._target.endpoint, self.name):
            return self._execute(command, sudo=False)

    def open_stream(self, address: str | int) -> paramiko.Channel:
        """Return a stream to a unix socket (a path) or a loopback port of the instance.

        Raises `OSError` where nothing listens there or the connection has ended.
        """
        from paramiko import SSHException

        from jupyter_awsgpu.host import streams

        try:
            if isinstance(address, int):
                return streams.open_port(self.transport, address)
            return streams.open_unix(self.transport, address)
        except (SSHException, EOFError) as exc:
            raise ConnectionRefusedError(f"{self.name} opens no stream to {address}") from exc

    def files(self) -> paramiko.SFTPClient:
        """Return a file session over this connection; several files, one after the other. Close it, or the connection.

        Raises `SshUnreachable` where the connection has ended.
        """
        import paramiko

        with refusals.talking(self._target.endpoint, self.name):
            made = paramiko.SFTPClient.from_transport(self.transport, window_size=_FILE_WINDOW)
        if made is None:
            raise EOFError("the instance opens no file session")
        return made

    def put(self, data: bytes, path: str, mode: int = 0o644, *, sudo: bool = False) -> None:
        """Write a file on the instance, whole or not at all. Relative paths start at the user's home."""
        script = (
            'set -e; t="$1.awsgpu-$$"; trap \'rm -f "$t"\' EXIT; umask 077; cat >"$t"; chmod "$2" "$t"; mv -f "$t" "$1"'
        )
        self.run(["sh", "-c", script, "put", path, f"{mode:o}"], stdin=data, sudo=sudo, timeout_s=600)

    def get(self, path: str, *, sudo: bool = False) -> bytes:
        """Return a file's bytes; `RemoteCommandFailed` if it is not there."""
        return self.run(["cat", "--", path], sudo=sudo, timeout_s=600).stdout

    def again(self, accepting: tuple[str, ...]) -> Host:
        """Open a second connection to the same instance that accepts only these host keys."""
        return self._target.again(accepting)

    def close(self) -> None:
        """Close the connection and all that runs over it."""
        self.transport.close()
        self.wire.close()
        if self._proxy is not None:
            self._proxy.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _execute(self, command: Sequence[str], *, sudo: bool) -> paramiko.Channel:
        channel = self.transport.open_session(timeout=30)
        channel.exec_command(shlex.join(["sudo", "-n", *command] if sudo else command))
        return channel

    def _failed(self, command: Sequence[str], result: Result) -> RemoteCommandFailed:
        words = (result.stderr or result.stdout).decode(errors="replace").strip().splitlines()
        output = words[-1][:300] if words else "no output"
        return RemoteCommandFailed(
            name=self.name, command=_short(command), status=result.status, output=output, stderr="\n".join(words[-20:])
        )


class _Drain:
    """Reads a channel's error stream beside its output: a full window on either stops both."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._data = bytearray()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(*refusals.broken()):
            while chunk := self._channel.recv_stderr(_CHUNK):
                self._data += chunk
                del self._data[:-_ERRORS_KEPT]

    def result(self) -> bytes:
        self._thread.join(5)
        return bytes(self._data)


def _converse(channel: paramiko.Channel, stdin: bytes, timeout_s: float) -> Result:
    deadline = time.monotonic() + timeout_s
    channel.settimeout(timeout_s)
    errors = _Drain(channel)
    try:
        _feed(channel, stdin)
        output = bytearray()
        while chunk := channel.recv(_CHUNK):
            output += chunk
            if len(output) > _OUTPUT_MOST:
                return Result(_TOO_MUCH, b"", b"it did not stop writing")
            channel.settimeout(max(0.001, deadline - time.monotonic()))
        return Result(_status(channel, max(0.001, deadline - time.monotonic())), bytes(output), errors.result())
    except TimeoutError as exc:
        raise TimeoutError(f"the command did not end within {timeout_s:g} s") from exc
    finally:
        channel.close()


def _feed(channel: paramiko.Channel, stdin: bytes) -> None:
    """Write the input beside reading the output, so that neither waits for the other."""
    if not stdin:
        channel.shutdown_write()
        return

    def write() -> None:
        with suppress(*refusals.broken()):  # a command may end before it has read its input
            channel.sendall(stdin)
        with suppress(*refusals.broken()):
            channel.shutdown_write()

    threading.Thread(target=write, daemon=True).start()


def _status(channel: paramiko.Channel, timeout_s: float | None = None) -> int:
    if not channel.status_event.wait(timeout_s):
        raise TimeoutError("the command closed its output and did not end")
    status = channel.exit_status
    if status == -1:
        raise EOFError("the connection ended before the command did")
    return int(status)


def _short(command: Sequence[str]) -> str:
    """Return the command's own name and verbs: its arguments may be long."""
    return " ".join(command[:3])[:120]
