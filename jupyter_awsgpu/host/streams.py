"""Further streams over a verified connection: to a unix socket or a port of the instance, and a dialogue."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN
from paramiko.message import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

Stream = paramiko.Channel
"""A stream to a socket of the instance, for rooms that do not speak SSH: `recv`, `sendall`, `close`."""

OPEN_WITHIN_S = 15.0
"""How long the instance may take to open a channel."""

LINE_MOST = 1 << 22
"""Bytes of a line that are kept: more is none of our programs' words, and anybody may be at the other end."""


def open_port(transport: paramiko.Transport, port: int) -> paramiko.Channel:
    """Return a channel to a loopback port of the instance; raises paramiko's errors."""
    return transport.open_channel("direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 0), timeout=OPEN_WITHIN_S)


def open_unix(transport: paramiko.Transport, path: str) -> paramiko.Channel:
    """Return a channel to a unix socket of the instance; raises paramiko's errors.

    OpenSSH's `direct-streamlocal@openssh.com` (PROTOCOL, section 2.4), which paramiko's own
    `open_channel` does not know; this is that method with the one request changed.
    """
    ours = cast("Any", transport)
    with ours.lock:
        number = ours._next_channel()  # noqa: SLF001 - see above
        channel: Any = paramiko.Channel(number)
        window, packet = ours.default_window_size, ours.default_max_packet_size
        ours._channels.put(number, channel)  # noqa: SLF001
        ours.channel_events[number] = answered = threading.Event()
        ours.channels_seen[number] = True
        channel._set_transport(transport)  # noqa: SLF001
        channel._set_window(window, packet)  # noqa: SLF001
    ours._send_user_message(_request(number, window, packet, path))  # noqa: SLF001
    if not answered.wait(OPEN_WITHIN_S):
        raise paramiko.SSHException("the instance does not open the channel")
    opened: paramiko.Channel | None = ours._channels.get(number)  # noqa: SLF001
    if opened is None or not transport.is_active():
        raise transport.get_exception() or paramiko.SSHException("the channel was refused")
    return opened


def _request(number: int, window: int, packet: int, path: str) -> Message:
    message = Message()
    message.add_byte(cMSG_CHANNEL_OPEN)
    message.add_string("direct-streamlocal@openssh.com")
    message.add_int(number)
    message.add_int(window)
    message.add_int(packet)
    message.add_string(path)
    message.add_string("")  # reserved
    message.add_int(0)  # reserved
    return message


def lines_of(channel: paramiko.Channel) -> Iterator[str]:
    """Yield the lines a command writes, as they come; of one without an end, the beginning is kept."""
    with channel.makefile("rb", 1) as stream:
        while line := stream.readline(LINE_MOST):
            whole = line
            while len(whole) == LINE_MOST and not whole.endswith(b"\n") and (whole := stream.readline(LINE_MOST)):
                pass  # the rest of it is let go
            yield line.decode(errors="replace").rstrip("\r\n")


class Dialogue:
    """A command on the instance that is spoken to line by line."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel

    def say(self, line: str) -> None:
        """Write a line to the command's input; `OSError` if the connection has ended."""
        self.send(line.encode() + b"\n")

    def send(self, data: bytes) -> None:
        """Write bytes to the command's input; `OSError` if the connection has ended, however paramiko puts it."""
        try:
            self._channel.sendall(data)
        except (paramiko.SSHException, EOFError) as exc:
            raise ConnectionResetError(f"the connection ended: {exc}") from exc

    def receive(self) -> bytes:
        """Return what the command wrote, as it comes; nothing once it, or the connection, has ended."""
        return self._channel.recv(256 * 1024)

    def lines(self) -> Iterator[str]:
        """Yield the command's lines until it, or the connection, ends."""
        yield from lines_of(self._channel)

    def last_words(self) -> str:
        """Return the end of what the command wrote to its error stream, so far."""
        if not self._channel.recv_stderr_ready():
            return ""
        words = self._channel.recv_stderr(4096).decode(errors="replace").strip().splitlines()
        return words[-1] if words else ""

    def close(self) -> None:
        """End the dialogue: the command sees the end of its input."""
        self._channel.close()
