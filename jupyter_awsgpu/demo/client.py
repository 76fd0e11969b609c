"""Starting, finding and ending the simulated AWS, from any process. No moto here.

The record `demo.json` (0600) in the state folder says where it answers. A process is only ours if
its start time agrees with the record's; two that start it at once share one.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from jupyter_awsgpu.errors import DemoFailed, ExtraMissing

if TYPE_CHECKING:
    from urllib.error import HTTPError

RECORD = "demo.json"
LOG = "demo.log"
START_S = 60.0
"""Longest wait for the process to answer: a slow disk importing moto for the first time."""

END_S = 20.0
EXTRA_STATUS = 3
_STARTED_SLACK_S = 2.0


@dataclass(frozen=True)
class DemoStatus:
    """Whether the simulated AWS runs and how any EC2 client reaches it."""

    running: bool
    endpoint: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    state_dir: Path = Path()
    pid: int | None = None


def status(state_dir: Path) -> DemoStatus:
    """Say whether it runs. A record left by a process that died is recognised and counts as not running."""
    record = _record(state_dir)
    if record is None or not _alive(record):
        return DemoStatus(False, "", "", "", state_dir, None)
    return DemoStatus(
        True,
        str(record["endpoint"]),
        str(record["access_key_id"]),
        str(record["secret_access_key"]),
        state_dir,
        int(record["pid"]),
    )


def up(state_dir: Path, *, hosts: bool = True, **settings: float | bool) -> DemoStatus:
    """Start it unless it runs, and return how to reach it.

    `settings` are those of the control plane (`pending_s`, `latency_ms`, …), set once it answers.
    Raises `DemoFailed` with the last line of its log, `ExtraMissing` without the demo extra.
    """
    running = status(state_dir)
    if not running.running:
        running = _started_once(state_dir, hosts=hosts)
    if settings:
        ask(running, "settings", settings)
    return running


def _started_once(state_dir: Path, *, hosts: bool) -> DemoStatus:
    """Start it, or wait for whoever is starting it."""
    import filelock  # costs every command more than all else here, and most find it running

    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with filelock.FileLock(state_dir / "demo.lock", timeout=START_S + 10):
        running = status(state_dir)
        return running if running.running else _start(state_dir, hosts=hosts)


def down(state_dir: Path) -> bool:
    """End it and its hosts; return whether it ran. Its log stays, its record goes."""
    record = _record(state_dir)
    if record is None:
        return False
    if not _alive(record):
        (state_dir / RECORD).unlink(missing_ok=True)
        return False
    process = psutil.Process(int(record["pid"]))
    try:
        ask(status(state_dir), "down", {})
    except (DemoFailed, OSError):
        process.terminate()  # it does not answer: on POSIX this is the same polite request
    deadline = time.monotonic() + END_S
    while _alive(record) and time.monotonic() < deadline:
        time.sleep(0.02)
    if _alive(record):
        _end_family(process)
    with contextlib.suppress(psutil.Error):
        process.wait(0.2)  # takes it off this process's list of children, if it started it
    (state_dir / RECORD).unlink(missing_ok=True)
    return True


def ask(running: DemoStatus, what: str, values: dict[str, Any] | None = None, *, timeout_s: float = 30) -> Any:
    """Ask the control plane: GET without `values`, POST with. Raises `DemoFailed` when it refuses."""
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    request = urllib.request.Request(  # noqa: S310 - the endpoint is our own, on loopback
        f"{running.endpoint}/_awsgpu/{what}",
        data=None if values is None else json.dumps(values).encode(),
        headers={"Content-Type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the person's must not see it
    try:
        with direct.open(request, timeout=timeout_s) as answer:
            text = answer.read().decode()
    except urllib.error.HTTPError as exc:
        raise DemoFailed(why=_said(exc)) from exc
    except (OSError, HTTPException) as exc:  # urllib wraps neither a time-out nor a cut in the middle of an answer
        raise DemoFailed(why=f"it does not answer at {running.endpoint} ({getattr(exc, 'reason', exc)})") from exc
    return json.loads(text) if text.startswith(("{", "[")) else text.strip()


def _said(refusal: HTTPError) -> str:
    try:
        return str(json.loads(refusal.read())["error"])
    except (ValueError, KeyError, TypeError):
        return str(refusal)


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    fresh.replace(path)


def _record(state_dir: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((state_dir / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and {"endpoint", "pid", "pid_started"} <= record.keys() else None


def _alive(record: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(int(record["pid"]))
        same = abs(process.create_time() - float(record["pid_started"])) < _STARTED_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _start(state_dir: Path, *, hosts: bool) -> DemoStatus:
    (state_dir / RECORD).unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        "jupyter_awsgpu.demo",
        "--state",
        str(state_dir),
        *([] if hosts else ["--no-hosts"]),
    ]
    with _log_file(state_dir).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=state_dir, **_detached()
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        running = status(state_dir)
        if running.running and running.pid is not None:
            return running
        if process.poll() is not None:
            raise _failure(state_dir, process.returncode)
        time.sleep(0.05)
    process.kill()
    raise DemoFailed(why=f"it did not answer within {START_S:g} seconds; its log is {_log_file(state_dir)}")


def _failure(state_dir: Path, exit_status: int) -> DemoFailed | ExtraMissing:
    if exit_status == EXTRA_STATUS:
        return ExtraMissing(what="The simulated AWS", extra="demo")
    lines = _log_file(state_dir).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return DemoFailed(why=lines[-1].strip() if lines else f"it ended with status {exit_status}")


def _log_file(state_dir: Path) -> Path:
    return state_dir / LOG


def _detached() -> dict[str, Any]:
    """How to start a process that outlives this one, its terminal and its notebook."""
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags, "close_fds": True}
    return {"start_new_session": True, "close_fds": True}


def _end_family(process: psutil.Process) -> None:
    family = [*process.children(recursive=True), process]
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)
