"""Host keys: which are pinned, whether the one shown is among them, and how the first one is made."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import HostKeyUnknown, HostKeyWrong

if TYPE_CHECKING:
    from collections.abc import Iterable

    import paramiko

FIRST_ALGORITHM = "ecdsa-sha2-nistp256"
"""Of the first host key, which travels in user-data. sshd serves one key per algorithm, so the instance's
own key is of another one, and both can be served while they are exchanged."""

OWN_ALGORITHM = "ssh-ed25519"
"""Of the key the instance makes for itself at first contact."""

_RSA = "ssh-rsa"
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")  # RFC 8332: an ssh-rsa key signs as one of these


def generate_host_key() -> tuple[str, str]:
    """Make the first host key: (private key in PEM, public key as an OpenSSH line).

    PEM as SEC 1 has it: half as long as OpenSSH's own, and user-data has little room.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, public


def algorithm(line: str) -> str:
    """Return the key type of an OpenSSH public line."""
    return line.split(maxsplit=1)[0]


def host_key_algorithms(lines: Iterable[str]) -> tuple[str, ...]:
    """Return the signature algorithms with which the pinned keys can prove themselves, best first.

    >>> host_key_algorithms(["ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA"])
    ('ssh-ed25519', 'ecdsa-sha2-nistp256')
    """
    found: dict[str, None] = {}
    for line in lines:
        kind = algorithm(line)
        found.update(dict.fromkeys(_RSA_SIGNATURES if kind == _RSA else (kind,)))
    return tuple(found)


def fingerprint(line: str) -> str:
    """Return an OpenSSH public line's fingerprint as `ssh-keygen -l` prints it."""
    return _fingerprint(algorithm(line), _blob(line))


def normal_line(line: str) -> str:
    """Return type and key of an OpenSSH public line, without its comment.

    Raises `ValueError` for what is no public key.
    """
    try:
        kind, encoded = line.split()[:2]
        blob = base64.b64decode(encoded, validate=True)
        (length,) = struct.unpack(">I", blob[:4])
        named = blob[4 : 4 + length].decode("ascii")
    except (ValueError, struct.error, binascii.Error) as exc:
        raise ValueError("not an OpenSSH public key") from exc
    if named != kind:
        raise ValueError("not an OpenSSH public key")
    return f"{kind} {encoded}"


def require_pins(lines: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the pins, or raise `HostKeyUnknown` where there are none."""
    if not lines:
        raise HostKeyUnknown(name=name)
    return lines


def require_pinned(key: paramiko.PKey, lines: tuple[str, ...], *, name: str, address: str) -> str:
    """Return the fingerprint of a host key that is among the pins; raise `HostKeyWrong` for any other."""
    shown = key.asbytes()
    got = _fingerprint(key.get_name(), shown)
    if any(_blob(line) == shown for line in lines):
        return got
    raise HostKeyWrong(name=name, address=address, expected=expected(lines), got=got)


def expected(lines: tuple[str, ...]) -> str:
    """Return the pinned keys' fingerprints, for a message."""
    return " or ".join(fingerprint(line) for line in lines)


def _blob(line: str) -> bytes:
    return base64.b64decode(line.split()[1])


def _fingerprint(kind: str, blob: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{kind} SHA256:{digest}"
