"""What running, carrying and looking at a GPU come to, as sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, duration

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Transfer

NAMED_AT_MOST = 5


def carried(one: Transfer, *, simulated: bool) -> Sheet:
    """Return what a push or pull did, in a few lines."""
    way = f"to {one.name}" if one.verb == "push" else f"from {one.name}"
    same = f"{one.same} were there already" if one.same else ""
    went = f"{counted(one.files)}, {size(one.size)}, {duration(one.seconds)}" if one.files else "nothing had to"
    notes = []
    if one.ignored:
        notes.append(f"{counted(one.ignored)} left out by .gitignore or .awsgpuignore; --everything takes them.")
    if one.links:
        notes.append(f"{one.links} symbolic links and special files stayed: they do not travel.")
    if one.restless:
        names = ", ".join(one.restless[:NAMED_AT_MOST])
        notes.append(f"Changed while being read, so left as it was there: {names}. Run the same line again.")
    rows = ((Cell("Travelled", "quiet"), Cell(went)), (Cell("Same", "quiet"), Cell(same)))
    return Sheet(
        f"{one.verb} {way}",
        (Column(""), Column("", wraps=True)),
        tuple(row for row in rows if row[1].text),
        notes=tuple(notes),
        simulated=simulated,
        headless=True,
    )


def counted(files: int) -> str:
    """Return e.g. `1 file` or `20,000 files`.

    >>> counted(1), counted(20000)
    ('1 file', '20,000 files')
    """
    return "1 file" if files == 1 else f"{files:,} files"


def size(count: float) -> str:
    """Return bytes as a person says them."""
    from jupyter_awsgpu.verbs.cell import size_text

    return size_text(count)
