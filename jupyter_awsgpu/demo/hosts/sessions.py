"""One SSH session: a command, a shell or a terminal, run as the default user; its output drained before its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jupyter_awsgpu.demo.hosts.accounts import Accounts

_CHUNK = 128 * 1024
_ENVIRONMENT_TAKEN = ("LANG", "LC_", "TERM", "COLORTERM")
"""What a client may set, as in Debian's and Ubuntu's sshd_config (AcceptEnv) and by its terminal."""


async def serve_session(process: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> None:
    """Run what the client asked for and report how it ended."""
    try:
        if process.term_type is None:
            await _run_with_pipes(process, accounts)
        else:
            await _run_with_terminal(process, accounts)
    except (asyncssh.Error, OSError) as failed:
        with contextlib.suppress(asyncssh.Error, OSError):
            process.stderr.write(f"{failed}\n".encode())
            process.exit(255)


def _command(process: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> list[str]:
    shell = accounts.shell
    return [shell, "-c", process.command] if process.command else [shell, "-l"]


def _environment(process: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> dict[str, str]:
    asked = {str(k): str(v) for k, v in process.env.items() if str(k).startswith(_ENVIRONMENT_TAKEN)}
    peer, here = process.get_extra_info("peername"), process.get_extra_info("sockname")
    asked["SSH_CONNECTION"] = f"{peer[0]} {peer[1]} {here[0]} 22"
    asked["SSH_CLIENT"] = f"{peer[0]} {peer[1]} 22"
    return accounts.environment() | asked


async def _run_with_pipes(process: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> None:
    argv, ownership = accounts.ownership(_command(process, accounts), as_root=False)
    child = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(process, accounts),
        cwd=accounts.home,
        start_new_session=True,
        **ownership,
    )
    assert child.stdin and child.stdout and child.stderr  # noqa: S101 - pipes were asked for

    async def feed(data: bytes) -> None:
        assert child.stdin  # noqa: S101
        child.stdin.write(data)
        await child.stdin.drain()

    reading = asyncio.ensure_future(_pump_in(process, feed, child.stdin.close, child.pid))
    await asyncio.gather(_pump_out(child.stdout.read, process.stdout), _pump_out(child.stderr.read, process.stderr))
    status = await child.wait()
    reading.cancel()
    _report(process, status)


async def _pump_out(read: Callable[[int], Awaitable[bytes]], out: asyncssh.SSHWriter[bytes]) -> None:
    """Carry output to the client until its end; if the client has left, take it all the same."""
    gone = False
    while data := await read(_CHUNK):
        if gone:
            continue
        try:
            out.write(data)
            await out.drain()
        except (asyncssh.Error, OSError):
            gone = True


async def _pump_in(
    process: asyncssh.SSHServerProcess[bytes],
    feed: Callable[[bytes], Awaitable[None]],
    end: Callable[[], object],
    group: int,
    resize: Callable[[int, int], None] | None = None,
) -> None:
    """Carry input, signals and window sizes to the process until the client closes its side."""
    while True:
        try:
            data = await process.stdin.read(_CHUNK)
            if not data:
                end()
                if process.stdin.at_eof() and process.channel.is_closing():
                    _signal(group, signal.SIGHUP)
                return
            await feed(data)
        except asyncssh.SignalReceived as told:
            _signal(group, getattr(signal, f"SIG{told.signal}", signal.SIGTERM))
        except asyncssh.BreakReceived:
            _signal(group, signal.SIGINT)
        except asyncssh.TerminalSizeChanged as told:
            if resize:
                resize(told.width, told.height)
        except (asyncssh.Error, OSError):  # the connection is lost, or the process does not read any more
            if process.channel.get_connection() is None or process.channel.is_closing():
                _signal(group, signal.SIGHUP)
            end()
            return


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _report(process: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    if status >= 0:
        process.exit(status)
    else:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))


async def _run_with_terminal(process: asyncssh.SSHServerProcess[bytes], accounts: Accounts) -> None:
    outer, inner = os.openpty()
    try:
        accounts.give_terminal(inner)
        _resize(outer, process.term_size[0], process.term_size[1])
        argv, ownership = accounts.ownership(_command(process, accounts), as_root=False)
        terminal = {"TERM": process.term_type or "xterm", "SSH_TTY": os.ttyname(inner)}
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=_environment(process, accounts) | terminal,
            cwd=accounts.home,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0) and None,  # safe: this process has one thread
            **ownership,
        )
    finally:
        os.close(inner)
    await _serve_terminal(process, child, outer)


async def _serve_terminal(process: asyncssh.SSHServerProcess[bytes], child: Any, outer: int) -> None:
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue(64)

    def readable() -> None:
        if chunks.full():
            loop.remove_reader(outer)
            loop.call_later(0.01, loop.add_reader, outer, readable)
            return
        try:
            data = os.read(outer, _CHUNK)
        except OSError:  # EIO: nobody holds the terminal any more
            data = b""
        if not data:
            loop.remove_reader(outer)
        chunks.put_nowait(data)

    async def feed(data: bytes) -> None:
        await loop.run_in_executor(None, os.write, outer, data) if len(data) > 1024 else os.write(outer, data)

    async def take(_size: int) -> bytes:
        return await chunks.get()

    loop.add_reader(outer, readable)
    hang_up = lambda: _signal(child.pid, signal.SIGHUP)  # noqa: E731 - the terminal's end is the client's end
    resize = lambda width, height: _resize(outer, width, height)  # noqa: E731
    reading = asyncio.ensure_future(_pump_in(process, feed, hang_up, child.pid, resize))
    draining = asyncio.ensure_future(_pump_out(take, process.stdout))
    status = await child.wait()
    await asyncio.wait([draining], timeout=1)
    loop.remove_reader(outer)
    draining.cancel()
    reading.cancel()
    os.close(outer)
    _report(process, status)


def _resize(terminal: int, width: int, height: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height or 24, width or 80, 0, 0))
