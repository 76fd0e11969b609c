"""Which process is which: a pid alone may by now be another's, a pid with its start time is one's own."""

from __future__ import annotations

import os

from . import paths


def started(pid: int) -> int:
    """Return the start time of a live process in clock ticks since boot, or 0 (zombies are not alive)."""
    fields = paths.read_text("/proc/%d/stat" % pid).rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in ("Z", "X") else 0  # noqa: PLR2004 - proc(5)


def mark(pid: int) -> dict:
    """Return a record that recognises the process later."""
    return {"pid": pid, "started": started(pid)}


def alive(record: dict) -> bool:
    """Whether the recorded process still runs."""
    pid = record.get("pid", 0)
    if not pid:
        return False
    if not os.path.isdir("/proc/self"):
        return _answers(pid)
    return started(pid) == record.get("started") != 0


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
