"""What an instance says of its GPUs, read with care, and how it is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jupyter_awsgpu.errors import NoGpuAnswers
from jupyter_awsgpu.remote.gpus import use_from
from jupyter_awsgpu.surfaces.gpuchart import Chart
from jupyter_awsgpu.surfaces.render import text, working

CARD = {
    "index": "0", "name": "Tesla T4", "uuid": "GPU-1", "utilization.gpu": "87", "memory.used": "4096",
    "memory.total": "15360", "temperature.gpu": "61", "power.draw": "[N/A]", "power.limit": "70.00",
}  # fmt: skip
PROCESS = {"pid": "17", "process_name": "python\x1b[31m", "used_gpu_memory": "4000", "gpu_uuid": "GPU-1"}
LOOK = {"at": 1_700_000_000.0, "cards": [CARD], "processes": [PROCESS]}


def test_a_look_is_read_and_drawn():
    """Numbers as numbers, what is not told as a dash, no terminal sequences."""
    use = use_from(LOOK, "gpu")
    assert (use.cards[0].percent, use.cards[0].watts, use.processes[0].card) == (87.0, None, 0)
    drawn = text.draw(working.gpus(use, simulated=False))
    assert "87 %" in drawn
    assert "4.0 of 15.0 GiB" in drawn
    assert "GPU 0: process 17, python, 3.9 GiB" in drawn
    assert "61 °C" in working.gpu_line(use)


@pytest.mark.parametrize("found", [{}, {"refused": "it has no nvidia-smi"}, {"cards": "x"}, {"cards": []}])
def test_no_gpu_is_said(found):
    """With the reason, where there is one."""
    with pytest.raises(NoGpuAnswers, match=found.get("refused", "names no GPU")):
        use_from({"at": 1.0, **found}, "gpu")


def test_old_figures_are_marked():
    """A chart whose looks have ended says that they are of the past, and since when."""
    chart = Chart(simulated=False)
    chart.take(use_from(LOOK, "gpu"))
    assert "STALE" not in chart._repr_mimebundle_()["text/plain"]
    chart.end()
    assert "STALE" in chart._repr_mimebundle_()["text/plain"]
    assert "opacity" in chart._repr_mimebundle_()["text/html"]
    then = datetime.fromtimestamp(LOOK["at"], UTC)
    assert working.ago(use_from(LOOK, "gpu"), then + timedelta(seconds=90)) == "1 min 30 s"
