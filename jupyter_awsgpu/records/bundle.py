"""A key bundle: what a second laptop needs to enter an instance, sealed with a passphrase."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from jupyter_awsgpu.errors import BundleUnreadable
from jupyter_awsgpu.model import SCHEMA_VERSION

SCRYPT_N = 2**17
"""scrypt's cost: 128 MiB and some 0.3 s a guess (OWASP Password Storage Cheat Sheet: N=2^17, r=8, p=1)."""

KIND = "jupyter-awsgpu key bundle"


def seal(content: dict[str, Any], passphrase: str) -> bytes:
    """Return the content as an encrypted, authenticated file (scrypt, then Fernet: AES-128-CBC with HMAC)."""
    salt = os.urandom(16)
    token = _cipher(passphrase, salt).encrypt(json.dumps(content).encode())
    envelope = {"kind": KIND, "schema": SCHEMA_VERSION, "salt": _text(salt), "token": token.decode()}
    return json.dumps(envelope, indent=1).encode()


def unseal(data: bytes, passphrase: str) -> dict[str, Any]:
    """Return what `seal` sealed. Raises `BundleUnreadable` for another file or a wrong passphrase."""
    from cryptography.fernet import InvalidToken

    try:
        envelope = json.loads(data)
        if envelope["kind"] != KIND or envelope["schema"] > SCHEMA_VERSION:
            raise BundleUnreadable(why="it is no key bundle this version knows")
        salt = base64.b64decode(envelope["salt"])
        content: dict[str, Any] = json.loads(_cipher(passphrase, salt).decrypt(envelope["token"].encode()))
    except InvalidToken as exc:
        raise BundleUnreadable(why="the passphrase is wrong, or the file was changed") from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise BundleUnreadable(why="it is no key bundle") from exc
    return content


def _cipher(passphrase: str, salt: bytes) -> Any:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    key = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
