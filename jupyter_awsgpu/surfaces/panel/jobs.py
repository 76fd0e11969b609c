"""Long work as processes of their own: they outlive a closed tab and a dead kernel.

A job is the command line itself, detached. What it does is followed through its operation log; only
what it refuses before it has one is read from its own output.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu import language

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NEVER_ASKED = ("--yes",)
"""The panel has asked: a detached process has nobody to ask."""

CONSENTING = ("launch", "terminate")
OPENING = ("launch", "start", "connect")
PREFIX = "panel-"


@dataclass
class Job:
    """One detached run of the command line."""

    command: tuple[str, ...]
    process: subprocess.Popen[bytes]
    errors: Path

    @property
    def ended(self) -> bool:
        """Whether its process is gone."""
        return self.process.poll() is not None

    @property
    def failed(self) -> bool:
        """Whether it ended with anything but success or an interrupt."""
        return self.ended and self.process.returncode not in (0, 130)

    def refusal(self) -> dict[str, str] | None:
        """Return the error it ended with as `error`, `message`, `remedy`, if it said one."""
        if not self.failed:
            return None
        for line in reversed(_lines(self.errors)):
            said = _document(line)
            if said is not None and "message" in said:
                return {key: str(said.get(key) or "") for key in ("error", "message", "remedy")}
        tail = " ".join(_lines(self.errors)[-3:])[-400:]
        return {"error": "bug", "message": tail or f"awsgpu {self.command[0]} ended without a word", "remedy": ""}


def command_line(command: Sequence[str], *, demo: bool, json_errors: bool = True) -> list[str]:
    """Return the argv of a job: the module of this very Python, never a shell."""
    verb = command[0]
    options = [*(["--demo"] if demo else []), *(["--json"] if json_errors else [])]
    more = [*(["--yes"] if verb in CONSENTING else []), *(["--no-open"] if verb in OPENING else [])]
    return [sys.executable, "-m", "jupyter_awsgpu", *options, *command, *more]


def start(command: Sequence[str], *, demo: bool, folder: Path) -> Job:
    """Start a job, away from this process's terminal, signals and fate.

    Its standard output is dropped unread: with `--json` it may hold a token.
    """
    stamp = time.strftime("%Y%m%dT%H%M%S")
    errors = folder / f"{PREFIX}{stamp}-{command[0]}-{secrets.token_hex(3)}.log"
    opened = os.open(errors, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        process = subprocess.Popen(
            command_line(command, demo=demo),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=opened,
            env=_environment(demo=demo, language="en"),  # a log that every reader puts into a language of his own
            **_detached(),
        )
    finally:
        os.close(opened)
    return Job(tuple(command), process, errors)


def answer(command: Sequence[str], *, demo: bool, timeout_s: float = 120.0) -> str:
    """Run a reading verb and return what a terminal would show."""
    done = subprocess.run(
        command_line(command, demo=demo, json_errors=False),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout_s,
        check=False,
        env={
            **_environment(demo=demo, language=language.spoken()),
            "COLUMNS": "88",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
        },
    )
    return (done.stdout + ("\n" + done.stderr if done.returncode else "")).strip()


def _environment(*, demo: bool, language: str) -> dict[str, str]:
    """Return our environment with the demo and the language as the panel has them, not as the shell had them."""
    kept = {key: value for key, value in os.environ.items() if key != "AWSGPU_DEMO"} | {"AWSGPU_LANGUAGE": language}
    return {**kept, "AWSGPU_DEMO": "1"} if demo else kept


def _detached() -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def _document(line: str) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
