"""How answers and refusals look in a notebook, and in IPython at a terminal.

Commands are shown as the magic that they are there: `%awsgpu …`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render import html, text
from jupyter_awsgpu.surfaces.render.sheet import spoken
from jupyter_awsgpu.surfaces.spelling import spell, spell_sheet

if TYPE_CHECKING:
    from jupyter_awsgpu.errors import AwsGpuError
    from jupyter_awsgpu.surfaces.render.sheet import Sheet

MAGIC = "%awsgpu"


def bundle(sheet: Sheet) -> dict[str, str]:
    """Return the one object a notebook gets: HTML and 80-column text."""
    shown = spell_sheet(spoken(sheet), MAGIC)
    return {"text/html": html.draw(shown), "text/plain": text.draw(shown)}


def refusal_lines(error: AwsGpuError, begin: str = MAGIC) -> list[str]:
    """Return the lines that stand in place of a traceback: cause, and the command that helps."""
    lines = [f"\x1b[31m✗\x1b[0m {text.plain(spell(error.message, begin))}"]
    remedy = spell(error.remedy, begin)
    if remedy:
        lines.append(f"  \x1b[2m→\x1b[0m \x1b[36m{text.plain(remedy)}\x1b[0m")
    return lines


def quieten(error: AwsGpuError, begin: str = MAGIC) -> AwsGpuError:
    """Let IPython show the error as its sentence and remedy; it still stops «Run all»."""
    error._render_traceback_ = lambda: refusal_lines(error, begin)  # type: ignore[attr-defined]
    return error
