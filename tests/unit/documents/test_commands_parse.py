"""Whatever a document or a tutorial tells its reader to type, the grammar understands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from jupyter_awsgpu.surfaces.grammar import GRAMMAR, split

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "zh").glob("*.md")])


def typed(path: Path) -> list[str]:
    """Return the command lines in a page's code, or in all cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    text = text.replace("%%awsgpu", "%awsgpu cell")  # the grammar's name for a cell's first line
    found = re.findall(r"(?:^|[`%= ])awsgpu ((?:--[a-z]+ )*[a-z]+[^`\n#]*)", text, re.MULTILINE)
    code = {line.strip() for line in found}
    fenced = "\n".join(re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)) + "".join(re.findall(r"`[^`\n]+`", text))
    return sorted(line for line in code if "…" not in line and (path.suffix == ".ipynb" or line in fenced))


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: str(path.relative_to(ROOT)))
def test_the_grammar_understands_what_a_reader_is_told_to_type(path: Path) -> None:
    """Verbs exist, options are theirs, values have the right form."""
    for line in typed(path):
        words = split(line)
        root = GRAMMAR.make_context("awsgpu", words)
        name, command, rest = GRAMMAR.resolve_command(root, [*root._protected_args, *root.args])
        while isinstance(command, click.Group):
            name, command, rest = command.resolve_command(root, rest)
        assert command is not None, line
        command.make_context(name, rest, parent=root)
