"""The magic in a real kernel: values, pictures, refusals, and no token anywhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.behaviour.surfaces.conftest import Outcome

CELLS = [
    "%load_ext jupyter_awsgpu",
    "box = %awsgpu --demo launch p2.xlarge --name surf --yes",
    "print(type(box).__name__, box.name, box.local_port)",
    "box",
    "%awsgpu --demo status",
    "%awsgpu --demo token surf",
    "%awsgpu --demo plan g4dn.xlarge",
    "%awsgpu --demo ssh surf -- echo hello from there",
    "%awsgpu --demo launch p2xlarge",
    "import sys; print([m for m in ('ipywidgets', 'jupyter_server') if m in sys.modules])",
]


@pytest.fixture(scope="module")
def notebook(launched: dict[str, Any]) -> Any:
    """Run the cells in a kernel of their own, going on after an error."""
    assert launched["name"] == "surf"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    NotebookClient(made, timeout=180, allow_errors=True, kernel_name="python3").execute()
    return made


def outputs(notebook: Any, source: str) -> list[Any]:
    """Return the outputs of a cell."""
    return next(list(cell.outputs) for cell in notebook.cells if cell.source == source)


def test_launch_gives_a_value_and_shows_one_progress(notebook: Any) -> None:
    """Assigned, nothing is printed twice: one updated display, folded at its end."""
    [progress] = outputs(notebook, CELLS[1])
    assert progress.output_type == "display_data"
    assert "SIMULATED" in progress.data["text/html"]
    assert "<details>" in progress.data["text/html"]
    assert outputs(notebook, CELLS[2])[0].text.startswith("Instance surf ")


def test_an_instance_shows_as_a_card_and_many_as_a_table(notebook: Any) -> None:
    """Both as HTML and as text, both called simulated."""
    for source in (CELLS[3], CELLS[4], CELLS[6]):
        [result] = outputs(notebook, source)
        assert result.output_type == "execute_result"
        assert "SIMULATED" in result.data["text/html"]
        assert "SIMULATED" in result.data["text/plain"]


def test_no_output_holds_the_token(notebook: Any, launched: dict[str, Any]) -> None:
    """The saved notebook opens nothing."""
    assert launched["token"] not in json.dumps(notebook)
    assert "never shown in a notebook" in outputs(notebook, CELLS[5])[0].data["text/plain"]


def test_a_remote_commands_output_is_the_cells(notebook: Any) -> None:
    """`ssh -- CMD` prints where it was asked."""
    assert "hello from there" in outputs(notebook, CELLS[7])[0].text


def test_a_refusal_is_two_lines_without_a_traceback(notebook: Any) -> None:
    """Cause, and the magic that helps."""
    [error] = outputs(notebook, CELLS[8])
    assert error.output_type == "error"
    assert error.ename == "UnknownType"
    shown = "\n".join(error.traceback)
    assert "p2.xlarge" in shown
    assert "%awsgpu --demo types" in shown
    assert "Traceback" not in shown
    assert "File " not in shown


def test_no_widget_and_no_server_was_loaded(notebook: Any) -> None:
    """The magic needs neither."""
    assert outputs(notebook, CELLS[9])[0].text.strip() == "[]"


def test_a_refusal_stops_run_all(launched: dict[str, Any]) -> None:
    """Whoever runs the whole notebook is not carried past an error."""
    assert launched
    cells = ["%load_ext jupyter_awsgpu", "%awsgpu --demo stop nobody", "print('went on')"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    with pytest.raises(CellExecutionError, match="nobody"):
        NotebookClient(made, timeout=60, kernel_name="python3").execute()


def test_python_functions_work_on_the_same_instance(launched: dict[str, Any], awsgpu: Callable[..., Outcome]) -> None:
    """`from jupyter_awsgpu import …` gives what the terminal gives."""
    from jupyter_awsgpu import AwsGpuError, plan, status, stop

    assert awsgpu
    [box] = [one for one in status(demo=True) if one.name == "surf"]
    assert (box.instance_id, box.demo) == (launched["instance_id"], True)
    assert plan("g4dn.xlarge", demo=True, region="us-west-2", disk_gb=100).disk_gb == 100
    with pytest.raises(AwsGpuError, match="nobody"):
        stop("nobody", demo=True)


def test_cleanup_from_python_hides_nothing_that_costs(launched: dict[str, Any], awsgpu: Callable[..., Outcome]) -> None:
    """Without yes it lists what the terminal lists, an instance among it; named by its id, that alone."""
    from jupyter_awsgpu import cleanup

    mine = launched["instance_id"]
    found = {one.id for one in cleanup(demo=True)}
    assert mine in found
    assert found == {one["id"] for one in awsgpu("--json", "cleanup").document}
    assert [one.id for one in cleanup(demo=True, ids=(mine,))] == [mine]
