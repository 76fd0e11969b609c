"""Sheets as text: within a terminal's width, without control characters of anyone's."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr

if TYPE_CHECKING:
    from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet

GAP = "  "
LEAST_PROSE = 24
"""Columns of text below which wrapped prose is no longer read."""

SIMULATED = "SIMULATED AWS · nothing here is real, nothing costs money"

_ANSI = {"good": "32", "bad": "31", "warn": "33", "quiet": "2", "strong": "1", "code": "36"}


def plain(text: object) -> str:
    r"""Return text without control characters: names from AWS must not steer a terminal.

    >>> plain("a\x1b[2Jb")
    'a�[2Jb'
    """
    return "".join("\ufffd" if unicodedata.category(one) in ("Cc", "Cf", "Cs") else one for one in str(text))


def width_of(text: str) -> int:
    """Return how many terminal cells the text takes (two for a Chinese character)."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text
    )


def paint(text: str, tone: str, *, colour: bool) -> str:
    """Colour text for a terminal that has colours."""
    return f"\x1b[{_ANSI[tone]}m{text}\x1b[0m" if colour and tone in _ANSI else text


def draw(sheet: Sheet, *, width: int = 80, colour: bool = False) -> str:
    """Return the sheet as lines no wider than `width`, but for a word that is wider itself."""
    lines = [paint(plain(sheet.title), "strong", colour=colour)] if sheet.title else []
    if sheet.simulated:
        lines.insert(0, paint(tr(SIMULATED), "warn", colour=colour))
    if sheet.rows:
        lines += _table(sheet, width, colour=colour)
    elif sheet.empty:
        lines.append(plain(sheet.empty))
    for note in sheet.notes:
        lines += [paint(line, "quiet", colour=colour) for line in textwrap.wrap(plain(note), width)]
    lines += ["  " + paint(plain(command), "code", colour=colour) for command in sheet.commands]
    return "\n".join(lines)


def _table(sheet: Sheet, width: int, *, colour: bool) -> list[str]:
    kept = _kept(sheet, width)
    widths = _widths(sheet, kept, width)
    lines = []
    if not sheet.headless:
        titles = [_padded(sheet.columns[i].title, widths[i], sheet.columns[i]) for i in kept]
        lines.append(paint(GAP.join(titles).rstrip(), "quiet", colour=colour))
    for row in sheet.rows:
        cells = {i: _lines(row[i], sheet.columns[i], widths[i]) for i in kept}
        for number in range(max((len(cell) for cell in cells.values()), default=0)):
            parts = []
            for i in kept:
                text = cells[i][number] if number < len(cells[i]) else ""
                tone = row[i].tone
                parts.append(paint(_padded(text, widths[i], sheet.columns[i]), tone, colour=colour))
            lines.append(GAP.join(parts).rstrip())
    return lines


def _natural(sheet: Sheet, index: int) -> int:
    cells = [width_of(_content(row[index])) for row in sheet.rows]
    return max([0 if sheet.headless else width_of(sheet.columns[index].title), *cells])


def _kept(sheet: Sheet, width: int) -> list[int]:
    """Leave columns out, the most willing first, until the rest fits."""
    kept = [i for i in range(len(sheet.columns)) if any(_content(row[i]) for row in sheet.rows)]
    while kept:
        needed = sum(LEAST_PROSE if sheet.columns[i].wraps else _natural(sheet, i) for i in kept)
        willing = max(kept, key=lambda i: sheet.columns[i].yields)
        if needed + len(GAP) * (len(kept) - 1) <= width or sheet.columns[willing].yields == 0:
            break
        kept.remove(willing)
    return kept


def _widths(sheet: Sheet, kept: list[int], width: int) -> dict[int, int]:
    widths = {i: _natural(sheet, i) for i in kept}
    spare = width - len(GAP) * (len(kept) - 1) - sum(widths.values())
    prose = [i for i in kept if sheet.columns[i].wraps]
    if spare < 0 and prose:
        widest = max(prose, key=lambda i: widths[i])
        widths[widest] = max(LEAST_PROSE, widths[widest] + spare)
    return widths


def _content(cell: Cell) -> str:
    bar = "" if cell.bar is None else " " + meter(cell.bar, 8)
    return plain(f"{cell.text} {cell.small}".strip()) + bar


def _lines(cell: Cell, column: Column, width: int) -> list[str]:
    text = _content(cell)
    if not column.wraps or width_of(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _padded(text: str, width: int, column: Column) -> str:
    pad = " " * max(0, width - width_of(text))
    return pad + text if column.right else text + pad


def meter(fraction: float, cells: int) -> str:
    """Return a bar of `cells` characters.

    >>> meter(0.5, 8)
    '████····'
    """
    full = round(max(0.0, min(1.0, fraction)) * cells)
    return "█" * full + "·" * (cells - full)
