"""`--detach`: the same line again, in a process of its own that outlives whoever asked."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import DetachedFailed
from jupyter_awsgpu.surfaces.answers import Detached

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.records import Records
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.surfaces.ask import Ask

BEGUN_WITHIN_S = 60.0
"""How long the process may take to begin its operation: it may have to start the simulated AWS first."""

POLL_S = 0.05


def detach(ask: Ask, settings: AWSGPU) -> Detached:
    """Start the line again without `--detach`; return once its operation log exists.

    Raises `DetachedFailed` with the process's own words if it ended before it began.
    """
    from jupyter_awsgpu.records import Records

    records = Records(settings.data_folder)
    log = records.log_folder / f"detached-{time.strftime('%Y%m%dT%H%M%S')}-{time.monotonic_ns() % 10**6}.log"
    process = _start(_command(ask, settings), log)
    deadline = time.monotonic() + BEGUN_WITHIN_S
    while time.monotonic() < deadline:
        operation = _operation(records, process.pid)
        if operation is not None:
            return Detached(operation.verb, operation.name, operation.operation, str(log), simulated=ask.simulated)
        if process.poll() is not None:
            raise _said(log, process.returncode)
        time.sleep(POLL_S)
    raise DetachedFailed("It did not begin within a minute.", remedy=f"awsgpu status   # its log: {log}")


def _command(ask: Ask, settings: AWSGPU) -> list[str]:
    """Return the line to run; what a notebook's configuration said is said again as options."""
    arguments = [one for one in ask.arguments if one not in ("--detach", "--json")]
    carried: list[str] = []
    for name in ("demo", "region", "profile"):
        value = getattr(settings, name)
        if value and name not in ask.options:
            carried += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return [sys.executable, "-m", "jupyter_awsgpu", *carried, "--json", *arguments]


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    import os

    descriptor = os.open(log, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        # stdout would carry the token of `launch --json`: only progress and refusals are kept
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=descriptor, **apart
        )
    finally:
        os.close(descriptor)


def _operation(records: Records, pid: int) -> Any | None:
    return next((one for one in records.operations.recent(limit=5) if one.pid == pid), None)


def _said(log: Path, status: int) -> DetachedFailed:
    for line in reversed(log.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            refusal = json.loads(line)
        except ValueError:
            continue
        if isinstance(refusal, dict) and "message" in refusal:
            return DetachedFailed(str(refusal["message"]), remedy=str(refusal.get("remedy", "")))
    return DetachedFailed(f"Its process ended with status {status}.", remedy=f"awsgpu status   # its log: {log}")
