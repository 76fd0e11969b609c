"""The main road on the simulated AWS: the shared one, and an instance on it."""

from __future__ import annotations

import pytest

from tests.behaviour.road.terminal import run


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
