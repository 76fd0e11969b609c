"""Commands as the person at this surface would type them: `%awsgpu …`, `awsgpu --demo …`.

Verbs and errors write `awsgpu VERB …`; the surface puts its own beginning there, with the global
options of the line that was asked, so that a remedy means the same AWS, account and region.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jupyter_awsgpu.surfaces.render.sheet import Cell, Sheet

_CELL = re.compile(r"(?<!%)%awsgpu((?: --[a-z]+(?: (?!cell\b)[^\s-]\S*)?)*) cell\b")
"""The verb of a notebook's cells, as the grammar knows it: a person begins the cell with `%%awsgpu`."""

_COMMAND = re.compile(r"(?<![\w%!/.\-])awsgpu (?=-{0,2}[a-z])")


def beginning(program: str, options: Mapping[str, object]) -> str:
    """Return how a command begins here.

    >>> beginning("%awsgpu", {"demo": True, "region": "eu-west-1"})
    '%awsgpu --demo --region eu-west-1'
    """
    said = [program]
    if options.get("demo"):
        said.append("--demo")
    for name in ("profile", "region"):
        if options.get(name):
            said += [f"--{name}", shlex.quote(str(options[name]))]
    return " ".join(said)


def spell(words: str, begin: str) -> str:
    """Return text with the beginnings of its commands replaced; an option is not said twice.

    >>> spell("Ask first: `awsgpu plan p2.xlarge`.", "%awsgpu --demo")
    'Ask first: `%awsgpu --demo plan p2.xlarge`.'
    >>> spell("awsgpu --demo open", "%awsgpu --demo")
    '%awsgpu --demo open'
    >>> spell("awsgpu cell --limit 1GB", "%awsgpu --demo")
    '%%awsgpu --demo --limit 1GB'
    """

    def begun(match: re.Match[str]) -> str:
        rest = words[match.end() :]
        program, *options = re.split(r" (?=--)", begin)
        missing = [one for one in options if one.split()[0] not in rest.split("`")[0].split()]
        return " ".join([program, *missing]) + " "

    return _CELL.sub(r"%%awsgpu\1", _COMMAND.sub(begun, words))


def spell_sheet(sheet: Sheet, begin: str) -> Sheet:
    """Return the sheet with its commands spelled so, in cells and notes too."""
    return replace(
        sheet,
        rows=tuple(tuple(_cell(one, begin) for one in row) for row in sheet.rows),
        notes=tuple(spell(note, begin) for note in sheet.notes),
        commands=tuple(spell(command, begin) for command in sheet.commands),
        empty=spell(sheet.empty, begin),
    )


def _cell(cell: Cell, begin: str) -> Cell:
    return replace(cell, text=spell(cell.text, begin)) if "awsgpu " in cell.text else cell
