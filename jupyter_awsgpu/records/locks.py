"""One change at a time to one instance, over every process of this machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def exclusive(path: Path, name: str, *, timeout_s: float = 0.0) -> Iterator[None]:
    """Hold the lock file `path`; raise `Busy` if another process still holds it after `timeout_s`."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=timeout_s)
    except Timeout as exc:
        raise Busy(name=name) from exc
    try:
        yield
    finally:
        lock.release()
