"""An instance on the simulated AWS whose kernel is in this machine's picker."""

from __future__ import annotations

import gc
import warnings

import pytest
from jupyter_core.utils import ensure_event_loop

from jupyter_awsgpu import wiring
from jupyter_awsgpu.verbs import kernel as verb
from tests.behaviour.road.terminal import run


@pytest.fixture(scope="module", autouse=True)
def no_loops_left():
    """Close the event loops that jupyter_client's blocking client opens and leaves to chance."""
    yield
    ensure_event_loop().close()
    with warnings.catch_warnings(action="ignore"):
        gc.collect()


@pytest.fixture(scope="module")
def bench(demo):
    return wiring.bench({"demo": True})


@pytest.fixture(scope="module")
def box(bench):
    """One launched instance for the module."""
    answer = run("launch", "p2.xlarge", "--yes", "--no-open")
    assert answer.status == 0, answer.err
    yield answer.document
    for one in run("status").document:
        run("terminate", one["instance_id"], "--yes")


@pytest.fixture
def spec(bench, box):
    """The name of the instance's kernel spec."""
    return verb.kernel(bench, "gpu").spec
