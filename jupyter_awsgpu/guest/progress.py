"""What provisioning has done so far: JSON lines that survive a reboot, and their reading.

A line is {"at", "phase", "step", "text"} with "seconds" and "log" where they apply; the first line of
a run has "phase": "began" and the run's plan, its last one "ended", "gave-up" or "rebooting"; "asked" says
that a new run was asked for and has not begun.
"""

from __future__ import annotations

import errno
import json
import os
import time

from . import paths

LOG_LIMIT = 2000
KEEP_BYTES = 262144
SETTLED = ("ready", "failed")
BALLAST_BYTES = 1 << 20


def file() -> str:
    """Return where the lines are."""
    return paths.state("progress.jsonl")


def note(phase: str, **more: object) -> None:
    """Append one line durably; on a full disk the ballast makes room for it, so that it can be said."""
    os.makedirs(paths.state(), exist_ok=True)
    line = json.dumps(dict(more, phase=phase, at=round(time.time(), 3))) + "\n"
    try:
        _append(line)
    except OSError as exc:
        if exc.errno != errno.ENOSPC:
            raise
        paths.remove(ballast())
        _append("\n" + line)  # half of it may have been written


def _append(line: str) -> None:
    with open(file(), "a", encoding="utf-8") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def ballast() -> str:
    """Return the file that is in the way on purpose, to be dropped when the disk is full."""
    return paths.state("ballast")


def load_ballast() -> None:
    """Put the ballast there, where there is room for it."""
    try:
        if not os.path.exists(ballast()):
            paths.write_text(ballast(), "0" * BALLAST_BYTES)
    except OSError:
        paths.remove(ballast())


def trim() -> None:
    """Keep the file small: an old run's lines go when a new run begins."""
    text = paths.read_text(file())
    if len(text) > KEEP_BYTES:
        paths.write_text(file(), "".join(text.splitlines(True)[-400:]))


def lines() -> list:
    """Return all lines that can be read (a power cut may leave half a line)."""
    found = []
    for line in paths.read_text(file()).splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found


def fold(rows: list) -> dict:
    """Return the last run as {"phase", "steps", "boot", "program"}: pure, from `lines()`."""
    asked = max([index for index, row in enumerate(rows) if row.get("phase") == "asked"], default=-1)
    starts = [index for index, row in enumerate(rows) if row.get("phase") == "began"]
    run = rows[starts[-1] :] if starts and starts[-1] > asked else []
    steps = {one["key"]: {"key": one["key"], "text": one["text"], "phase": "waiting"} for one in _plan(run)}
    phase = "provisioning"
    for row in run[1:]:
        step = steps.get(row.get("step", ""))
        if step is not None:
            step.update({key: row[key] for key in ("phase", "text", "seconds", "log") if key in row})
        else:
            phase = {"ended": "ready", "gave-up": "failed", "rebooting": "rebooting"}.get(row["phase"], phase)
    return {"phase": phase, "steps": list(steps.values()), **_of(run)}


def _of(run: list) -> dict:
    """Return which boot a run is of, and which program's it is."""
    return {key: run[0].get(key) if run else None for key in ("boot", "program")}


def _plan(run: list) -> list:
    return run[0].get("plan", []) if run else []


class Step:
    """One step of a recipe: `right()` looks whether anything is to do, `act(say)` does it.

    What `act` returns, if anything, is a sentence for the person that stays in the report.

    After `act`, `right` must be true, or the step has failed whatever the exit codes were. `reboot`
    is True for a step whose effect needs the machine to start again.
    """

    def __init__(self, key, text, right, act, reboot=False) -> None:  # noqa: ANN001 - see the class
        self.key = key
        self.text = text
        self.right = right
        self.act = act
        self.reboot = reboot
