"""`%%awsgpu` and `%awsgpu gpu` in a real notebook: what a person sees below the cells."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

CELLS = [
    "%load_ext jupyter_awsgpu\nfactor = 6\ndef times(n): return n * factor",
    "%%awsgpu --demo --name worker --out answer\nprint('there')\nanswer = times(7)\nanswer",
    "print(answer)",
    "%%awsgpu --demo --name worker\nfirst = 1\nfirst / 0",
    "import threading\nlock = threading.Lock()",
    "%%awsgpu --demo --name worker\nlock",
    "%%awsgpu --demo --name worker --nonsense\n1",
    "look = %awsgpu --demo gpu worker --once\nprint(look.use.cards[0].model)",
    "%%awsgpu --demo --name worker\nprint(first)",
]


@pytest.fixture(scope="module")
def shown(worker):
    """The notebook, executed."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(notebook, timeout=240, kernel_name="python3", allow_errors=True).execute()
    return [cell.outputs for cell in notebook.cells]


def text_of(outputs):
    """Return all text below a cell."""
    return "\n".join(
        one.get("text") or one.get("data", {}).get("text/plain") or "\n".join(one.get("traceback", ()))
        for one in outputs
    )


def test_output_result_and_one_line_on_what_it_took(shown):
    """Prints, the last value, the bill; the named result is the notebook's."""
    said = text_of(shown[1])
    assert "there\n" in said
    assert "42" in said
    assert "worker (p2.xlarge)" in said
    assert " back · " in said
    assert "¢" in said
    assert text_of(shown[2]) == "42\n"


def test_a_traceback_has_the_cells_own_line(shown):
    """Line 3 of the cell as it stands in the notebook; the bill all the same."""
    assert shown[3][-1]["ename"] == "CellFailed"
    plain = "".join(part for part in shown[3][-1]["traceback"])
    assert "ZeroDivisionError" in plain
    assert "line 3" in plain
    assert "jupyter_awsgpu" not in plain
    assert "worker (p2.xlarge)" in text_of(shown[3])


def test_refusals_are_sentences_with_the_line_that_helps(shown):
    """What cannot travel, and an option that is none."""
    assert "lock (cannot pickle '_thread.lock' object) cannot travel to worker" in text_of(shown[5])
    assert "No such option" in text_of(shown[6])
    assert "%%awsgpu --help" in text_of(shown[6])


def test_the_gpu_is_a_value_and_the_kernel_is_still_there(shown):
    """A look can be kept; cells go on where they were."""
    assert text_of(shown[7]).strip() == "Tesla K80"
    assert text_of(shown[8]).startswith("1\n")
