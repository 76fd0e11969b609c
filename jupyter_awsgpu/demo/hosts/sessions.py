"""One SSH session: a command, a shell or a terminal, run as the default user, as OpenSSH's sshd runs it.

Output is drained before the end is told. When the client has left, the process finds its pipes
broken or its terminal hung up; it is not killed otherwise, so `nohup` and daemons work.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncssh

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.hosts.accounts import Accounts

_CHUNK = 128 * 1024
_TERMINAL_DRAIN_S = 0.5
"""How long to read on after the end of a terminal's command: something in the background may hold it for ever."""
_ENVIRONMENT_TAKEN = ("LANG", "LC_", "TERM", "COLORTERM")
"""What a client may set, as in Debian's and Ubuntu's sshd_config (AcceptEnv) and by its terminal."""


@dataclass(slots=True)
class _Child:
    """A running command and this side's ends of its streams."""

    process: asyncio.subprocess.Process
    stdin: asyncio.WriteTransport
    outputs: list[tuple[asyncio.StreamReader, asyncio.ReadTransport]]
    terminal: int | None = None

    def close(self) -> None:
        """Let go of the streams: broken pipes for the command, or a hung-up terminal."""
        self.stdin.close()
        for _, transport in self.outputs:
            transport.close()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None


async def serve_session(client: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> None:
    """Run what the client asked for and report how it ended."""
    try:
        child = await (_with_pipes if client.term_type is None else _on_terminal)(client, accounts)
    except OSError as failed:
        client.stderr.write(f"{failed}\n".encode())
        client.exit(126)
        return
    sinks = (client.stdout, client.stderr)
    pumps = [asyncio.ensure_future(_pump_out(r, t, s)) for (r, t), s in zip(child.outputs, sinks, strict=False)]
    feeding = asyncio.ensure_future(_pump_in(client, child))
    leaving = asyncio.ensure_future(_hang_up(client, child))
    status = await child.process.wait()
    await asyncio.wait(pumps, timeout=_TERMINAL_DRAIN_S if child.terminal is not None else None)
    for task in (feeding, leaving, *pumps):
        task.cancel()
    child.close()
    _report(client, status)


def _report(client: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    with contextlib.suppress(OSError):  # the client may have left
        if status >= 0:
            client.exit(status)
        else:
            client.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))


def _command(client: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> list[str]:
    shell = accounts.shell
    return [shell, "-c", client.command] if client.command else [shell, "-l"]


def _environment(client: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> dict[str, str]:
    asked = {str(k): str(v) for k, v in client.env.items() if str(k).startswith(_ENVIRONMENT_TAKEN)}
    peer, here = client.get_extra_info("peername"), client.get_extra_info("sockname")
    asked["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {here[0]} 22"
    asked["SSH_CLIENT"] = f"{peer[0]} {peer[1]} 22"
    return accounts.environment() | asked


async def _start(
    client: asyncssh.SSHServerProcess[bytes], accounts: Accounts, streams: tuple[int, int, int], *, terminal: bool
) -> asyncio.subprocess.Process:
    argv, ownership = accounts.ownership(_command(client, accounts), as_root=False)
    environment = _environment(client, accounts)
    if terminal:
        environment |= {"TERM": client.term_type or "xterm", "SSH_TTY": os.ttyname(streams[0])}
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        env=environment,
        cwd=accounts.home,
        start_new_session=True,
        preexec_fn=_take_terminal if terminal else None,
        **ownership,
    )


def _take_terminal() -> None:
    """Make the terminal on standard input the new session's (between fork and exec, in a process of one thread)."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _with_pipes(client: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> _Child:
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
    try:
        process = await _start(client, accounts, (in_read, out_write, err_write), terminal=False)
    except OSError:
        for descriptor in (in_write, out_read, err_read):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (in_read, out_write, err_write):
            os.close(descriptor)
    return _Child(process, await _writer(in_write), [await _reader(out_read), await _reader(err_read)])


async def _on_terminal(client: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> _Child:
    outer, inner = os.openpty()
    try:
        accounts.give_terminal(inner)
        _resize(outer, client.term_size[0], client.term_size[1])
        process = await _start(client, accounts, (inner, inner, inner), terminal=True)
    except OSError:
        os.close(outer)
        raise
    finally:
        os.close(inner)
    return _Child(process, await _writer(os.dup(outer)), [await _reader(os.dup(outer))], outer)


async def _reader(descriptor: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader(limit=_CHUNK)
    protocol = asyncio.StreamReaderProtocol(reader)
    file = os.fdopen(descriptor, "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, file)
    return reader, transport


async def _writer(descriptor: int) -> asyncio.WriteTransport:
    file = os.fdopen(descriptor, "wb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.streams.FlowControlMixin, file)
    return transport


async def _pump_out(
    reader: asyncio.StreamReader, transport: asyncio.ReadTransport, sink: asyncssh.SSHWriter[bytes]
) -> None:
    """Carry output to the client until its end (a hung-up terminal ends with an error), or until the client left."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await reader.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    transport.close()


async def _pump_in(client: asyncssh.SSHServerProcess[bytes], child: _Child) -> None:
    """Carry input, signals and window sizes to the command until the client closes its side."""
    while True:
        try:
            data = await client.stdin.read(_CHUNK)
            if not data:
                break
            child.stdin.write(data)
            while child.stdin.get_write_buffer_size() > 8 * _CHUNK:  # noqa: ASYNC110 - a pipe transport has no public drain
                await asyncio.sleep(0.005)
        except asyncssh.SignalReceived as told:
            _signal(child.process.pid, getattr(signal, f"SIG{told.signal}", signal.SIGTERM))
        except asyncssh.BreakReceived:
            _signal(child.process.pid, signal.SIGINT)
        except asyncssh.TerminalSizeChanged as told:
            if child.terminal is not None:
                _resize(child.terminal, told.width, told.height)
        except (asyncssh.Error, OSError):
            break
    if child.terminal is None:
        child.stdin.close()


async def _hang_up(client: asyncssh.SSHServerProcess[bytes], child: _Child) -> None:
    """Let go of the command's streams once the client has left."""
    await client.wait_closed()
    child.close()


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _resize(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height or 24, width or 80, 0, 0))
