"""The product as a person uses it: the command line, in processes of its own, on the simulated AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest


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


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start `awsgpu --demo --json …`."""
    command = [sys.executable, "-m", "jupyter_awsgpu", "--demo", "--json", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, encoding="utf-8"
    )


def run(*arguments: str) -> Answer:
    """Run `awsgpu --demo --json …` to its end."""
    process = start(*arguments)
    out, err = process.communicate(timeout=240)
    return Answer(process.returncode, out, err)


@pytest.fixture
def awsgpu(demo):
    """Give the command on the shared simulated AWS; what a test leaves running is terminated after it."""
    yield run
    for box in run("status").document:
        run("terminate", box["instance_id"], "--yes")


@pytest.fixture(scope="module")
def box(demo):
    """One launched instance for the tests of a module, and what `launch --json` said of it."""
    answer = run("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    yield answer.document
    for one in run("status").document:
        run("terminate", one["instance_id"], "--yes")
