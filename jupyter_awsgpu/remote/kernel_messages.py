"""Jupyter's messages, as far as this end writes and reads them: parts, signatures, headers."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

DELIMITER = b"<IDS|MSG>"


def header_of(parts: list[bytes]) -> dict[str, Any]:
    """Return a message's header, or nothing for what is no message."""
    return _document(parts, 2)


def parent_of(parts: list[bytes]) -> dict[str, Any]:
    """Return the header of the message that this one answers."""
    return _document(parts, 3)


def metadata_of(parts: list[bytes]) -> dict[str, Any]:
    """Return a message's metadata."""
    return _document(parts, 4)


def content_of(parts: list[bytes]) -> dict[str, Any]:
    """Return a message's content."""
    return _document(parts, 5)


def _document(parts: list[bytes], place: int) -> dict[str, Any]:
    try:
        found = json.loads(parts[parts.index(DELIMITER) + place])
    except (ValueError, IndexError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def message(key: bytes, kind: str, parent: dict[str, Any], content: dict[str, Any]) -> list[bytes]:
    """Return a signed message's parts from the delimiter on."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": parent.get("session", ""),
        "username": "awsgpu",
        "version": "5.3",
        "date": datetime.now(UTC).isoformat(),
    }
    parts = [json.dumps(part).encode() for part in (header, parent, {}, content)]
    signature = hmac.new(key, b"".join(parts), hashlib.sha256).hexdigest().encode()
    return [DELIMITER, signature, *parts]


def genuine(key: bytes, parts: list[bytes]) -> bool:
    """Whether a message carries the key's signature."""
    try:
        at = parts.index(DELIMITER)
    except ValueError:
        return False
    wanted = hmac.new(key, b"".join(parts[at + 2 : at + 6]), hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(parts[at + 1], wanted)
