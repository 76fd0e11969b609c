"""What running, carrying and looking at a GPU come to, as sheets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, Tone, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import GpuCard, GpuProcess, GpuUse, Run, Transfer

_RUN_TONES: dict[str, Tone] = {
    "running": "good",
    "done": "",
    "failed": "bad",
    "cancelled": "quiet",
    "lost": "warn",
}

NAMED_AT_MOST = 5
PROCESSES_SHOWN = 12


def carried(one: Transfer, *, simulated: bool) -> Sheet:
    """Return what a push or pull did, in a few lines."""
    way = f"to {one.name}" if one.verb == "push" else f"from {one.name}"
    same = counted(one.same) if one.same else ""
    went = f"{counted(one.files)}, {size(one.size)}, {duration(one.seconds)}" if one.files else tr("nothing had to")
    notes = []
    if one.ignored:
        notes.append(
            tr("Left out by .gitignore or .awsgpuignore: {count}; --everything takes them.").format(count=one.ignored)
        )
    if one.links:
        notes.append(tr("Symbolic links and special files stay where they are: {count}.").format(count=one.links))
    if one.restless:
        names = ", ".join(one.restless[:NAMED_AT_MOST])
        notes.append(
            tr("Changed while being read, so not carried: {names}. Run the same line again.").format(names=names)
        )
    rows = ((Cell(tr("Travelled"), "quiet"), Cell(went)), (Cell(tr("The same"), "quiet"), Cell(same)))
    return Sheet(
        f"{one.verb} {way}",
        (Column(""), Column("", wraps=True)),
        tuple(row for row in rows if row[1].text),
        notes=tuple(notes),
        simulated=simulated,
        headless=True,
    )


def runs(found: Sequence[Run], *, simulated: bool) -> Sheet:
    """Return the table of runs."""
    columns = (
        Column("Run"),
        Column("State"),
        Column("Script", wraps=True),
        Column("Began"),
        Column("Took", right=True),
    )
    rows = tuple(
        (
            Cell(one.id, "strong"),
            Cell(_state(one), _RUN_TONES[one.state]),
            Cell(" ".join((one.script, *one.args))),
            Cell("" if one.started_at is None else f"{one.started_at.astimezone():%m-%d %H:%M}"),
            Cell(duration(one.seconds)),
        )
        for one in found
    )
    commands = (f"awsgpu runs {found[0].name} --log {found[0].id}",) if found else ("awsgpu run train.py",)
    return Sheet(
        "", columns, rows, commands=commands, empty=tr("Nothing has run there by itself."), simulated=simulated
    )


def _state(one: Run) -> str:
    return f"{one.state} ({one.status})" if one.state == "failed" else one.state


def gpus(use: GpuUse, *, simulated: bool, now: datetime | None = None) -> Sheet:
    """Return the table of one look at an instance's GPUs."""
    columns = (
        Column("GPU"),
        Column("Use", right=True),
        Column("Memory", right=True),
        Column("Temperature", right=True, yields=1),
        Column("Power", right=True, yields=2),
    )
    notes = [_process(one) for one in use.processes[:PROCESSES_SHOWN]]
    if use.stale:
        notes.insert(0, tr("STALE: read {ago} ago; the instance does not answer now.").format(ago=ago(use, now)))
    elif not use.processes:
        notes.append(tr("No process computes on it."))
    title = f"{use.name} at {use.read_at.astimezone():%H:%M:%S}" + (" (stale)" if use.stale else "")
    return Sheet(title, columns, tuple(_card(one, use) for one in use.cards), notes=tuple(notes), simulated=simulated)


def _card(one: GpuCard, use: GpuUse) -> tuple[Cell, ...]:
    tone: Tone = "quiet" if use.stale else ""
    filled = one.memory_used_mib / one.memory_total_mib if one.memory_used_mib and one.memory_total_mib else None
    memory = f"{gib(one.memory_used_mib)} of {gib(one.memory_total_mib)} GiB"
    limit = "" if one.watts_limit is None else f" of {one.watts_limit:.0f}"
    return (
        Cell(f"{one.index}  {one.model}", tone or "strong"),
        Cell(figure(one.percent, " %"), tone, bar=None if one.percent is None else one.percent / 100),
        Cell(memory, tone, bar=filled),
        Cell(figure(one.celsius, " °C"), tone),
        Cell("–" if one.watts is None else f"{one.watts:.0f}{limit} W", tone),
    )


def _process(one: GpuProcess) -> str:
    card = "" if one.card is None else f"GPU {one.card}: "
    memory = "" if one.memory_mib is None else f", {gib(one.memory_mib)} GiB"
    return f"{card}process {one.pid}, {one.command}{memory}"


def gpu_line(use: GpuUse) -> str:
    """Return one look as one line for a terminal that follows."""
    cards = "   ".join(
        f"{one.index} {figure(one.percent, ' %'):>5}  {gib(one.memory_used_mib)}/{gib(one.memory_total_mib)} GiB"
        f"  {figure(one.celsius, ' °C')}  {figure(one.watts, ' W')}"
        for one in use.cards
    )
    stale = "  STALE: it does not answer now" if use.stale else f"  {len(use.processes)} processes"
    return f"{use.read_at.astimezone():%H:%M:%S}  {cards}{stale}"


def ago(use: GpuUse, now: datetime | None = None) -> str:
    """Return how old a look is."""
    return duration(max(0.0, ((now or datetime.now(UTC)) - use.read_at).total_seconds()))


def figure(value: float | None, unit: str) -> str:
    """Return a whole number with its unit, or a dash."""
    return "–" if value is None else f"{value:.0f}{unit}"


def gib(mib: float | None) -> str:
    """Return MiB as GiB."""
    return "–" if mib is None else f"{mib / 1024:.1f}"


def counted(files: int) -> str:
    """Return e.g. `1 file` or `20,000 files`.

    >>> counted(1), counted(20000)
    ('1 file', '20,000 files')
    """
    return tr("1 file") if files == 1 else tr("{count} files").format(count=f"{files:,}")


def size(count: float) -> str:
    """Return bytes as a person says them."""
    from jupyter_awsgpu.verbs.cell import size_text

    return size_text(count)
