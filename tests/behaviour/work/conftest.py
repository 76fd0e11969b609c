"""One running instance on the simulated AWS, and a person's folder that work is done from."""

from __future__ import annotations

import pytest

from jupyter_awsgpu import wiring
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import wishes_from


@pytest.fixture(scope="session")
def workbench(demo):
    """The rooms, on the simulated AWS."""
    return wiring.bench({"demo": True})


@pytest.fixture(scope="session")
def worker(workbench):
    """One instance for all tests of this folder."""
    instance = launch(workbench, wishes_from(workbench.settings, "p2.xlarge", name="worker"), yes=True)
    yield instance
    terminate(workbench, "worker", yes=True)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder of the person's, the one they are in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
