"""Reading user-data as cloud-init does: what was asked, as values. Nothing is run or written here."""

from __future__ import annotations

import base64
import email
import gzip
from dataclasses import dataclass, field
from typing import Any

import yaml

SUPPORTED = frozenset(
    {"bootcmd", "runcmd", "write_files", "ssh_keys", "ssh_authorized_keys", "ssh_deletekeys", "users", "hostname",
     "fqdn", "packages", "disable_root", "ssh_pwauth", "output", "preserve_hostname", "manage_etc_hosts", "timezone",
     "package_update", "package_upgrade"}
)  # fmt: skip
"""The keys of #cloud-config that the simulated hosts act on, or may ignore without harm."""


@dataclass(slots=True)
class UserData:
    """What user-data asks for: one merged cloud-config and the scripts beside it, in order."""

    config: dict[str, Any] = field(default_factory=dict)
    scripts: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(raw: bytes) -> UserData:
    """Read user-data in any of the forms we know: gzip, MIME parts, #cloud-config, #! script."""
    found = UserData()
    _read_part(raw, found)
    found.problems += [f"{key} is not simulated" for key in sorted(set(found.config) - SUPPORTED)]
    return found


def _read_part(raw: bytes, found: UserData) -> None:
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError) as damaged:
            found.problems.append(f"user-data is damaged: {damaged}")
            return
    head = raw.lstrip()[:64].lower()
    if not head:
        return
    if head.startswith(b"#!"):
        found.scripts.append(raw.lstrip())
    elif head.startswith(b"#cloud-config"):
        _read_config(raw, found)
    elif head.startswith((b"content-type:", b"mime-version:")):
        for part in email.message_from_bytes(raw).walk():
            if not part.is_multipart():
                payload = part.get_payload(decode=True)
                _read_part(payload if isinstance(payload, bytes) else b"", found)
    else:
        found.problems.append(f"unhandled non-multipart (text/x-not-multipart) userdata: {raw[:24]!r}")


def _read_config(raw: bytes, found: UserData) -> None:
    try:
        config = yaml.safe_load(raw)
    except yaml.YAMLError as wrong:
        found.problems.append(f"failed loading yaml blob: {wrong}")
        return
    if isinstance(config, dict):
        found.config |= config


def content_of(entry: dict[str, Any]) -> bytes:
    """Return the bytes of one `write_files` entry, its encoding taken off."""
    raw = entry.get("content", "")
    data: bytes = raw if isinstance(raw, bytes) else str(raw).encode()
    encoding = str(entry.get("encoding", "")).lower().strip()
    if "b64" in encoding or "base64" in encoding:
        data = base64.b64decode(data)
    if encoding.startswith(("gz", "gzip")):
        data = gzip.decompress(data)
    return data


def mode_of(entry: dict[str, Any]) -> int:
    """Return the permissions of one `write_files` entry (0644 unless told)."""
    wanted = entry.get("permissions", 0o644)
    return wanted if isinstance(wanted, int) else int(str(wanted), 8)


def commands_of(config: dict[str, Any], key: str) -> list[list[str]]:
    """Return `bootcmd` or `runcmd` as argument lists; a string is for the shell."""
    commands = config.get(key) or []
    return [["sh", "-c", item] if isinstance(item, str) else [str(word) for word in item] for item in commands]
