"""The tunnel's own log file: what it did and why, without a token, a key or a byte that it carried."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 512 * 1024
"""Bytes of a log before it is set aside; one older one is kept."""


def open_log(path: Path, instance_id: str) -> logging.Logger:
    """Return a logger that writes to `path` and nowhere else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger(f"jupyter_awsgpu.tunnel.{instance_id}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    handler = RotatingFileHandler(path, maxBytes=LIMIT, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger.handlers[:] = [handler]
    return logger


def close_log(logger: logging.Logger) -> None:
    """Close the file."""
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def read_log(path: Path) -> Iterator[str]:
    """Yield the lines of a log, the older file's first."""
    for file in (path.with_name(path.name + ".1"), path):
        if file.is_file():
            yield from file.read_text(encoding="utf-8", errors="replace").splitlines()
