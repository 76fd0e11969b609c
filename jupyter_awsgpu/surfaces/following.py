"""Following an operation that runs in another process, by its log."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.surfaces.answers import Detached
    from jupyter_awsgpu.surfaces.display import Progress

POLL_S = 0.5


def follow(detached: Detached, data_folder: Path, progress: Progress) -> threading.Thread:
    """Hand the events of the operation to `progress`, from a daemon thread, until it ends."""
    thread = threading.Thread(
        target=_follow, args=(detached.operation, data_folder, progress), name="awsgpu-follow", daemon=True
    )
    thread.start()
    return thread


def _follow(operation: str, data_folder: Path, progress: Progress) -> None:
    from jupyter_awsgpu.records import Records

    operations = Records(data_folder).operations
    heard = 0
    while True:
        summary: Any = next((one for one in operations.recent(limit=50) if one.operation == operation), None)
        if summary is None:
            break
        for event in summary.events[heard:]:
            progress.hear(event)
        heard = len(summary.events)
        if summary.outcome != "running":
            break
        time.sleep(POLL_S)
    progress.close()
