"""paramiko's transport, set up as every connection of ours wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
from paramiko.packet import Packetizer

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def new_transport(wire: Wire, host_key_algorithms: Sequence[str], timeout_s: float) -> paramiko.Transport:
    """Return a transport over `wire` that accepts these host key algorithms and no others."""
    transport = paramiko.Transport(wire, packetizer_class=PatientPacketizer)  # type: ignore[arg-type] # socket-like
    transport.daemon = True
    options = transport.get_security_options()
    options.ciphers = tuple(name for name in CIPHERS if name in options.ciphers)
    options.key_types = tuple(host_key_algorithms)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeout_s
    return transport
