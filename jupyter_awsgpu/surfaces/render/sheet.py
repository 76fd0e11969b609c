"""A table before it is drawn: cells with a tone, a bar or a link, columns that may give way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from jupyter_awsgpu.language import tr

Tone = Literal["", "good", "bad", "warn", "quiet", "strong", "code"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `bar` (0 to 1) draws a bar behind the figure, `link` an address of ours to open."""

    text: str
    tone: Tone = ""
    bar: float | None = None
    link: str | None = None
    small: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. In a narrow terminal the highest `yields` is left out first; 0 always stays.

    `wraps` marks prose, which takes the width that is left and breaks into lines.
    """

    title: str
    right: bool = False
    yields: int = 0
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A titled table with notes below; `empty` is what is said where there are no rows."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    empty: str = ""
    simulated: bool = False
    headless: bool = False


def spoken(sheet: Sheet) -> Sheet:
    """Return the sheet in the language this process speaks; names, addresses and commands stay as they are."""
    return replace(
        sheet,
        title=tr(sheet.title) if " " in sheet.title else sheet.title,  # no name of ours has a space
        columns=tuple(replace(one, title=tr(one.title)) for one in sheet.columns),
        rows=tuple(tuple(_spoken_cell(one) for one in row) for row in sheet.rows),
        notes=tuple(tr(note) for note in sheet.notes),
        empty=tr(sheet.empty),
    )


def _spoken_cell(cell: Cell) -> Cell:
    verbatim = cell.tone in ("strong", "code") or cell.link is not None
    return replace(cell, text=cell.text if verbatim else tr(cell.text), small=tr(cell.small))


def money(amount: float | None, currency: str = "USD", *, unit: str = "") -> str:
    """Return e.g. `$0.90/h`, or a dash where the figure is unknown.

    >>> money(0.9, unit="/h")
    '$0.90/h'
    >>> money(0.0042)
    '$0.0042'
    """
    if amount is None:
        return "–"
    sign = {"USD": "$", "CNY": "¥"}.get(currency, currency + " ")
    digits = 2 if amount == 0 or (amount >= 0.1 and round(amount, 2) == round(amount, 3)) or amount >= 100 else 4  # noqa: PLR2004
    text = f"{amount:,.{digits}f}"
    if digits > 2:  # noqa: PLR2004 - cents are always shown, further digits only where they say something
        whole, _, fraction = text.partition(".")
        text = f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"
    return f"{sign}{text}{unit}"


def duration(seconds: float | None) -> str:
    """Return a length of time as a person says it.

    >>> [duration(one) for one in (0.42, 12, 75, 4000, 200000)]
    ['0.4 s', '12 s', '1 min 15 s', '1 h 6 min', '2 d 7 h']
    """
    if seconds is None:
        return "–"
    if seconds < 10:  # noqa: PLR2004 - tenths matter below ten seconds
        return tr("{n} s").format(n=f"{max(seconds, 0):.1f}")
    whole = int(seconds)
    days, hours, minutes, rest = tr("{n} d"), tr("{n} h"), tr("{n} min"), tr("{n} s")
    for size, unit, rest_size, rest_unit in (
        (86400, days, 3600, hours),
        (3600, hours, 60, minutes),
        (60, minutes, 1, rest),
    ):
        if whole >= size:
            more = whole % size // rest_size
            return unit.format(n=whole // size) + (" " + rest_unit.format(n=more) if more else "")
    return rest.format(n=whole)


def gigabytes(mib: int | None) -> str:
    """Return mebibytes as GiB, without a needless fraction.

    >>> gigabytes(62464), gigabytes(512)
    ('61 GiB', '0.5 GiB')
    """
    return "–" if mib is None else f"{mib / 1024:.2g} GiB" if mib < 10240 else f"{mib / 1024:.0f} GiB"  # noqa: PLR2004
