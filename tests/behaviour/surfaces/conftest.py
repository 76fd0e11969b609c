"""A terminal, and one instance on the simulated AWS that the tests of a module share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.demo.client import DemoStatus

Terminal = "Callable[..., Outcome]"


@dataclass(frozen=True)
class Outcome:
    """How one line of the terminal ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document it has to be."""
        return json.loads(self.out)

    @property
    def refusal(self) -> dict[str, str]:
        """The last line of stderr as the machine-readable refusal."""
        refused: dict[str, str] = json.loads(self.err.splitlines()[-1])
        return refused


def run_line(*words: str, **environment: str) -> Outcome:
    """Run `awsgpu WORDS…` as a process."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_awsgpu", *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        stdin=subprocess.DEVNULL,
        timeout=240,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def awsgpu(demo: DemoStatus) -> Callable[..., Outcome]:
    """The terminal, on the simulated AWS."""
    assert demo.running

    def line(*words: str, **environment: str) -> Outcome:
        return run_line("--demo", *words, **environment)

    return line


@pytest.fixture(scope="module")
def launched(awsgpu: Callable[..., Outcome]) -> Iterator[dict[str, Any]]:
    """One instance, launched by the terminal; what it printed as JSON. Gone when the module ends."""
    outcome = awsgpu("--json", "launch", "p2.xlarge", "--name", "surf", "--yes")
    assert outcome.status == 0, outcome.err
    yield outcome.document
    ended = awsgpu("terminate", "surf", "--yes")
    assert ended.status == 0, ended.err
