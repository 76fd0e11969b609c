"""Money spent and money still running: `cost` and `cleanup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Cost, Leftover


KEPT = "--yes removes what only clutters; what may hold work goes only by its kind, e.g. --kind volume --yes."


def costs(costs: Sequence[Cost], *, simulated: bool = False) -> Sheet:
    """Return what each instance has cost, the dearest first, as a bar and a figure or a range."""
    most = max((one.high for one in costs), default=0.0)
    low, high = sum(one.low for one in costs), sum(one.high for one in costs)
    currency = costs[0].currency if costs else "USD"
    total = between(low, high, currency)
    return Sheet(
        title=tr("{price} so far").format(price=total) if costs else "",
        columns=(
            Column("Name"),
            Column("What", yields=1),
            Column("Ran", right=True),
            Column("Cost", right=True),
            Column(""),
            Column("A month at rest", right=True, yields=2),
            Column("Note", yields=3),
        ),
        rows=tuple(_cost_row(one, most) for one in costs),
        notes=("Estimated from what this machine saw: a range where nobody looked. Taxes and traffic are not in it.",),
        empty="Nothing has been launched from here.",
        simulated=simulated,
    )


def between(low: float, high: float, currency: str = "USD") -> str:
    """Return one figure, or the range where it is not known.

    >>> between(1, 1), between(1, 2.5)
    ('$1.00', '$1.00 to $2.50')
    """
    cents = [money(round(amount, 2), currency) for amount in (low, high)]
    return cents[0] if cents[0] == cents[1] else tr("{low} to {high}").format(low=cents[0], high=cents[1])


def _cost_row(one: Cost, most: float) -> tuple[Cell, ...]:
    return (
        Cell(one.name, "strong"),
        Cell(one.what),
        Cell(tr("{n} h").format(n=f"{one.hours_running:.1f}")),
        Cell(between(one.low, one.high, one.currency)),
        Cell("", bar=one.high / most if most else 0.0),
        Cell(money(one.per_month_at_rest, one.currency)),
        Cell(one.detail, "quiet"),
    )


def leftovers(found: Sequence[Leftover], *, removed: bool, simulated: bool = False) -> Sheet:
    """Return what of ours is left, each with why it is taken for ours, or what has just been removed."""
    monthly = sum(one.cost_per_month or 0.0 for one in found)
    saved = tr(" ({price} a month)").format(price=money(round(monthly, 2))) if monthly else ""
    title = (tr("Removed") if removed else tr("Left over")) + saved
    return Sheet(
        title=title if found else "",
        columns=(
            Column("What"),
            Column("Name"),
            Column("Region", yields=1),
            Column("A month", right=True),
            Column("Detail", wraps=True, yields=3),
            Column("Ours because", wraps=True, yields=2),
        ),
        rows=tuple(
            (
                Cell(one.kind),
                Cell(one.name or one.id, "strong"),
                Cell(one.region),
                Cell(money(one.cost_per_month)),
                Cell(one.detail),
                Cell(one.evidence.replace("jupyter-awsgpu:", ""), "quiet"),
            )
            for one in found
        ),
        notes=() if removed or not found else (KEPT,),
        empty="Nothing of yours is left over.",
        commands=() if removed or not found else ("awsgpu cleanup --yes",),
        simulated=simulated,
    )
