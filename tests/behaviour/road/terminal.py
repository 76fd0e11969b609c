"""The product as a person uses it: the command line, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.warm import Interpreter

WARM = Interpreter()

TIMEOUT_S = 400.0
"""Longest any command may take; a launch on real hosts is the longest."""


@dataclass(frozen=True)
class Answer:
    """What a command left: exit status, stdout, stderr."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        """The machine-readable failure: the last line of stderr."""
        return json.loads(self.err.strip().splitlines()[-1])


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `awsgpu --demo --json …`, with further environment variables."""
    command = [sys.executable, "-m", "jupyter_awsgpu", "--demo", "--json", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
    )


def end(process: subprocess.Popen[str]) -> Answer:
    """Wait for a command and return what it left."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    return Answer(process.returncode, out, err)


def run(*arguments: str, **environment: str) -> Answer:
    """Run `awsgpu --demo --json …` to its end."""
    words, variables = ["--demo", "--json", *arguments], {**os.environ, **environment}
    done = WARM.run(words, environment=variables, timeout_s=TIMEOUT_S)
    return Answer(done.returncode, done.stdout, done.stderr)
