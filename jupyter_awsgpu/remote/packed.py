"""The guest's first part as it travels, packed once: in this process, and on this machine for each version of it."""

from __future__ import annotations

import base64
import hashlib
import lzma
import threading
from importlib.resources import files
from typing import Any, Protocol

from jupyter_awsgpu._version import __version__
from jupyter_awsgpu.remote.pack import first_part

KEPT_S = 365 * 24 * 3600.0
_PACKING = threading.Lock()
_packed: list[bytes] = []


class Facts(Protocol):
    """Somewhere that what was made once is kept (`records.FactCache`)."""

    def get(self, key: str, max_age_s: float) -> Any | None:
        """Return what is kept, if it is younger than `max_age_s` seconds."""

    def put(self, key: str, value: object) -> None:
        """Keep a JSON-able value."""


def make_ready(facts: Facts) -> None:
    """Have the program's first part packed, or take it from `facts`: packing takes a quarter of a second's work.

    Begun in a thread while AWS is asked what exists, it is there when a launch needs it.
    """
    with _PACKING:
        if _packed:
            return
        key = f"first part/{__version__}/{_fingerprint()}"
        kept = facts.get(key, KEPT_S)
        if isinstance(kept, str):
            _packed.append(base64.b64decode(kept))
    if not _packed:
        facts.put(key, base64.b64encode(packed_first()).decode())


def packed_first() -> bytes:
    """Return the program's first part as it travels; made once a process."""
    with _PACKING:
        if not _packed:
            _packed.append(compressed(first_part()))
        return _packed[0]


def _fingerprint() -> str:
    """Return what the packed first part depends on: the guest's sources, and those that pack it."""
    guest, here = files("jupyter_awsgpu.guest"), files("jupyter_awsgpu.remote")
    sources = [one for one in guest.iterdir() if one.name.endswith(".py")] + [here.joinpath("pack.py")]
    texts = sorted((one.name, one.read_bytes()) for one in sources)
    return hashlib.sha256(repr(texts).encode()).hexdigest()


def compressed(text: str) -> bytes:
    """Return the text as LZMA, which the instance's Python undoes without being told the filters."""
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0}]
    return lzma.compress(text.encode(), format=lzma.FORMAT_ALONE, filters=filters)
