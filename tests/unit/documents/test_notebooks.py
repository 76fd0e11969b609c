"""The tutorials as files: both languages, the same code, no outputs, no machine in them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "notebooks"
ENGLISH = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: Path, kind: str) -> list[str]:
    """Return the sources of a notebook's cells of one kind."""
    document = json.loads(notebook.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in document["cells"] if cell["cell_type"] == kind]


def test_there_are_tutorials() -> None:
    """The quickstart exists: it is what `dev.py demo` opens."""
    assert (FOLDER / "00-quickstart.ipynb") in ENGLISH


@pytest.mark.parametrize("english", ENGLISH, ids=lambda path: path.stem)
def test_each_exists_in_chinese_with_the_same_code(english: Path) -> None:
    """The code cells are one; only the words around them differ."""
    chinese = FOLDER / "zh" / english.name
    assert cells(chinese, "code") == cells(english, "code")
    assert re.search(r"[一-鿿]", "".join(cells(chinese, "markdown")))


@pytest.mark.parametrize("english", ENGLISH, ids=lambda path: path.stem)
def test_each_opens_with_what_you_will_have_and_what_it_costs(english: Path) -> None:
    """Nobody begins a tutorial without knowing its end and its price."""
    for notebook, have, costs in ((english, "at the end", "costs"), (FOLDER / "zh" / english.name, "最后", "多少钱")):
        opening = cells(notebook, "markdown")[0]
        assert have in opening
        assert costs in opening


@pytest.mark.parametrize("notebook", sorted(FOLDER.rglob("*.ipynb")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_none_carries_outputs(notebook: Path) -> None:
    """Outputs are made by whoever runs it; what is committed shows nobody's machine, account or day."""
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in document["cells"])


@pytest.mark.parametrize("english", ENGLISH, ids=lambda path: path.stem)
def test_one_switch_turns_it_to_real_aws(english: Path) -> None:
    """The demo is chosen in one place of the first code cell, and nowhere else."""
    code = cells(english, "code")
    assert code[0].count("%env AWSGPU_DEMO=1") == 1
    assert not any("demo" in cell.lower() for cell in code[1:]) or english.stem.startswith("06")
