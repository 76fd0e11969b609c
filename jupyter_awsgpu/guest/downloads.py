"""Fetch a file over a bad network: retried with limits, continued, checked against its checksum."""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request

from . import commands, paths

TRIES = 5
PAUSE_S = 2.0
SILENCE_S = 30.0
CHUNK = 1 << 20
NONE = (403, 404, 410)
"""How a server says that there is no such file; S3, which hides what is there, says 403."""


class _Broken(Exception):
    """The download ended, and is not what it should be."""


BROKEN = (OSError, http.client.HTTPException, _Broken)
"""What a bad network raises: Python's own words for an answer that is none are no `OSError`."""


def fetch(url: str, path: str, sha256: "str | None", say) -> None:  # noqa: ANN001 - takes a sentence
    """Download `url` to `path`; raises `commands.Failed` with one clear sentence."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = path + ".part"
    why = ""
    for attempt in range(1, TRIES + 1):
        try:
            _continue(url, partial)
            if sha256 and checksum(partial) != sha256:
                paths.remove(partial)
                raise _Broken("the file does not have its published checksum")
        except BROKEN as exc:
            if getattr(exc, "errno", None) == errno.ENOSPC:
                paths.remove(partial)
                raise commands.DiskFull(os.path.basename(path)) from exc
            why = str(getattr(exc, "reason", exc))
            if attempt < TRIES:
                say("Downloading %s again (%d of %d): %s" % (os.path.basename(path), attempt + 1, TRIES, why))
                time.sleep(PAUSE_S * attempt)
        else:
            os.replace(partial, path)
            return
    raise commands.Failed("%s could not be downloaded in %d tries: %s" % (url, TRIES, why))


def text(url: str) -> str:
    """Return a small text from the network, or "" where the other side says that there is none.

    Raises `commands.Failed` where nobody says so: what a checksum guards is not taken without it.
    """
    why = ""
    for attempt in range(1, TRIES + 1):
        try:
            with urllib.request.urlopen(url, timeout=SILENCE_S) as answer:  # noqa: S310 - our own configuration
                return answer.read(65536).decode("utf-8", "replace")
        except BROKEN as exc:
            reason = getattr(exc, "reason", exc)
            if getattr(exc, "code", 0) in NONE or isinstance(reason, FileNotFoundError):  # of a file: address
                return ""
            why = str(reason)
        if attempt < TRIES:
            time.sleep(PAUSE_S * attempt)
    raise commands.Failed("%s could not be downloaded in %d tries: %s" % (url, TRIES, why))


def published_sha256(document: str) -> "str | None":
    """Return the checksum in a published .sha256 file."""
    found = re.search(r"\b[0-9a-f]{64}\b", document.lower())
    return found.group() if found else None


def checksum(path: str) -> str:
    """Return a file's SHA-256."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()


def _continue(url: str, partial: str) -> None:
    have = os.path.getsize(partial) if os.path.exists(partial) else 0
    request = urllib.request.Request(url, headers={"Range": "bytes=%d-" % have} if have else {})  # noqa: S310
    try:
        answer = urllib.request.urlopen(request, timeout=SILENCE_S)  # noqa: S310 - our own configuration
    except urllib.error.HTTPError as exc:
        if exc.code == 416:  # noqa: PLR2004 - all of it is here already
            return
        raise
    with answer, open(partial, "ab" if answer.status == 206 else "wb") as stream:  # noqa: PLR2004
        wanted = int(answer.headers.get("Content-Length") or -1)
        got = 0
        for block in iter(lambda: answer.read(CHUNK), b""):
            stream.write(block)
            got += len(block)
    if wanted not in (-1, got):
        raise _Broken("the connection ended after %d of %d bytes" % (got, wanted))
