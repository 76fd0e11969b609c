"""How answers and refusals look in a notebook, and in IPython at a terminal.

Commands are shown as the magic that they are there: `%awsgpu …`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render import html, text

if TYPE_CHECKING:
    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.render.sheet import Cell, Sheet

_COMMAND = re.compile(r"(?<![\w%!/.\-])awsgpu (?=-{0,2}[a-z])")


def as_magic(words: str) -> str:
    """Return text with its commands as magics.

    >>> as_magic("Ask first: `awsgpu plan p2.xlarge`.")
    'Ask first: `%awsgpu plan p2.xlarge`.'
    """
    return _COMMAND.sub("%awsgpu ", words)


def in_notebook(sheet: Sheet) -> Sheet:
    """Return the sheet as a notebook shows it."""
    return replace(
        sheet,
        rows=tuple(tuple(_cell(one) for one in row) for row in sheet.rows),
        notes=tuple(map(as_magic, sheet.notes)),
        commands=tuple(map(as_magic, sheet.commands)),
        empty=as_magic(sheet.empty),
    )


def _cell(cell: Cell) -> Cell:
    return replace(cell, text=as_magic(cell.text)) if "awsgpu " in cell.text else cell


def bundle(sheet: Sheet) -> dict[str, str]:
    """Return the one object a notebook gets: HTML and 80-column text."""
    shown = in_notebook(sheet)
    return {"text/html": html.draw(shown), "text/plain": text.draw(shown)}


def refusal_lines(error: AwsGpuError) -> list[str]:
    """Return the lines that stand in place of a traceback: cause, and the command that helps."""
    lines = [f"\x1b[31m✗\x1b[0m {text.plain(as_magic(error.message))}"]
    remedy = as_magic(error.remedy)
    if remedy:
        lines.append(f"  \x1b[2m→\x1b[0m \x1b[36m{text.plain(remedy)}\x1b[0m")
    return lines


def quieten(error: AwsGpuError) -> AwsGpuError:
    """Let IPython show the error as its sentence and remedy; it still stops «Run all»."""
    error._render_traceback_ = lambda: refusal_lines(error)  # type: ignore[attr-defined] # noqa: SLF001 - IPython's hook
    return error
