"""paramiko's transport, set up as every connection of ours wants it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.buffered_pipe import BufferedPipe
from paramiko.packet import Packetizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from paramiko.message import Message

    from jupyter_awsgpu.host.wire import Wire

CIPHERS = (
    "aes128-gcm@openssh.com",  # one pass for secrecy and integrity: twice the speed of CTR with an HMAC
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)


class PatientPacketizer(Packetizer):
    """New session keys after 32 GiB instead of 512 MiB, as OpenSSH does (2^32 blocks of AES are 64 GiB).

    paramiko answers a channel's close from its reading thread, which during its own key exchange
    waits for itself and drops the connection; the peer's exchanges have no such trouble.
    """

    REKEY_BYTES = 2**35


class Recent(dict[int, bool]):
    """The channel numbers of late: paramiko keeps every one there ever was, to ignore stragglers."""

    KEPT = 10_000

    def __setitem__(self, key: int, value: bool) -> None:
        super().__setitem__(key, value)
        if len(self) > self.KEPT:
            del self[next(iter(self))]


_CLOSE = 97  # SSH_MSG_CHANNEL_CLOSE, RFC 4254 section 5.3


class Sender:
    """Stands between a channel and its transport: says nothing on the channel after its close.

    paramiko decides under the channel's lock and sends outside it, so data of one thread can follow a
    close of another; sshd then drops the whole connection, or has given the number to a new channel.
    """

    def __init__(self, transport: paramiko.Transport) -> None:
        self._transport = transport
        self._sending = threading.Lock()
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send_user_message(self, message: Message) -> None:
        with self._sending:
            if self._closed:
                return
            self._closed = message.asbytes()[0] == _CLOSE
            self._transport._send_user_message(message)  # type: ignore[attr-defined] # noqa: SLF001 - as Channel does


class Transport(paramiko.Transport):
    """A transport whose channels receive into pipes of the owner's choice, and close in order."""

    new_pipe: Callable[[], BufferedPipe[Any]] = BufferedPipe

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, packetizer_class=PatientPacketizer)  # type: ignore[arg-type] # socket-like
        self.channels_seen = Recent()

    def _parse_channel_open_success(self, m: Message) -> None:
        """Fit the channel out before the peer can have sent data (paramiko's handler hook)."""
        channel = self._channels.get(m.get_int())  # type: ignore[attr-defined] # not in the stubs
        m.rewind()
        if channel is not None:
            channel.in_buffer = self.new_pipe()
            channel.transport = Sender(self)
        super()._parse_channel_open_success(m)  # type: ignore[misc] # not in the stubs


def new_transport(wire: Wire, host_key_algorithms: Sequence[str], timeout_s: float) -> Transport:
    """Return a transport over `wire` that accepts these host key algorithms and no others."""
    transport = Transport(wire)
    transport.daemon = True
    options = transport.get_security_options()
    options.ciphers = tuple(name for name in CIPHERS if name in options.ciphers)
    options.key_types = tuple(host_key_algorithms)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout_s
    return transport
