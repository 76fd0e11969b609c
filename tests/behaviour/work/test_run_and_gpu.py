"""Scripts and notebooks that run on the instance by themselves; what its GPU does."""

from __future__ import annotations

import json

import nbformat
import pytest

from jupyter_awsgpu.errors import NoSuchRun, RunFailed
from jupyter_awsgpu.verbs import gpu as watching
from jupyter_awsgpu.verbs.run import log, run
from jupyter_awsgpu.verbs.runs import cancel, fetch, runs


def test_a_script_runs_with_its_words_and_its_log_is_kept(workbench, worker, here):
    """Followed as it grows; the same log again afterwards; done, with what it ended with."""
    (here / "train.py").write_text("import sys\nfor word in sys.argv[1:]:\n    print('got', word)\n")
    started = run(workbench, "train.py", ["--epochs", "2"], "worker")
    assert list(log(workbench, started.id, "worker")) == ["got --epochs", "got 2"]
    assert list(log(workbench, started.id, "worker")) == ["got --epochs", "got 2"]
    found = next(one for one in runs(workbench, "worker") if one.id == started.id)
    assert (found.state, found.status, found.args) == ("done", 0, ("--epochs", "2"))


def test_a_script_that_fails_is_said(workbench, worker, here):
    """With its traceback in the log and its exit status."""
    (here / "bad.py").write_text("raise SystemExit(3)\n")
    started = run(workbench, "bad.py", (), "worker")
    with pytest.raises(RunFailed, match="ended with status 3"):
        list(log(workbench, started.id, "worker"))


def test_a_run_outlives_whoever_started_it_until_it_is_cancelled(workbench, worker, here):
    """The connection that started it is gone; it goes on, says so, and ends when told to."""
    (here / "long.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    started = run(workbench, "long.py", (), "worker")
    lines = log(workbench, started.id, "worker")
    assert next(lines) == "up"
    lines.close()
    assert next(one for one in runs(workbench, "worker") if one.id == started.id).state == "running"
    assert cancel(workbench, started.id, "worker").state == "cancelled"
    with pytest.raises(RunFailed, match="was cancelled"):
        list(log(workbench, started.id, "worker"))


def test_a_notebook_runs_and_its_executed_copy_comes_back(workbench, worker, here):
    """With its outputs; its name is the run's."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("x = 20"), nbformat.v4.new_code_cell("2 * x + 2")]
    )
    nbformat.write(notebook, here / "paper.ipynb")
    started = run(workbench, "paper.ipynb", (), "worker")
    list(log(workbench, started.id, "worker"))
    copy = fetch(workbench, started.id, "worker")
    assert copy == here / f"{started.id}.ipynb"
    assert json.loads(copy.read_text())["cells"][1]["outputs"][0]["data"]["text/plain"] == ["42"]


def test_a_run_that_never_was_is_said(workbench, worker):
    """By its name."""
    with pytest.raises(NoSuchRun, match="keeps no run nothing-0000"):
        list(log(workbench, "nothing-0000", "worker"))
    with pytest.raises(NoSuchRun):
        cancel(workbench, "nothing-0000", "worker")


def test_the_gpu_is_looked_at_once_and_again(workbench, worker):
    """Its model, use and memory; looks go on until the connection breaks, and then the last one is stale."""
    once = watching.gpu(workbench, "worker")
    assert (once.cards[0].model, once.stale) == ("Tesla K80", False)
    assert 0 <= once.cards[0].percent <= 100
    looks = watching.follow(workbench, "worker", every_s=0.2)
    assert not next(looks).stale
    assert not next(looks).stale
    looks.close()
