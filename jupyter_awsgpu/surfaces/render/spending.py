"""Money spent and money still running: `cost` and `cleanup`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Cost, Leftover


ESTIMATED = (
    "Estimated from what this machine and the instances saw: a range where nobody looked. Taxes and traffic are not "
    "in it; days and months are UTC."
)
BILLED = "AWS's own figures, up to a day old, without what carries no tag of ours; AWS takes $0.01 for this answer."

CENT = 0.005
"""Dollars from which on a part is worth a word."""

KEPT = "--yes removes what only clutters; what may hold work goes only by its kind, e.g. --kind volume --yes."


def costs(costs: Sequence[Cost], *, billed: bool = False, simulated: bool = False) -> Sheet:
    """Return what each instance has cost, the dearest first, as a bar and a figure or a range."""
    most = max((one.high for one in costs), default=0.0)
    low, high = sum(one.low for one in costs), sum(one.high for one in costs)
    currency = costs[0].currency if costs else "USD"
    total = between(low, high, currency)
    return Sheet(
        title=_title(total, costs, currency) if costs else "",
        columns=(
            Column("Name"),
            Column("What", yields=1),
            Column("Ran", right=True),
            Column("Cost", right=True),
            Column(""),
            Column("Today", right=True, yields=4),
            Column("This month", right=True, yields=5),
            Column("A month at rest", right=True, yields=3),
            Column("Of which", wraps=True, yields=2),
        ),
        rows=tuple(_cost_row(one, most) for one in costs),
        notes=(BILLED if billed else ESTIMATED,),
        empty="AWS has billed nothing that carries your tags." if billed else "Nothing has been launched from here.",
        simulated=simulated,
    )


def _title(total: str, costs: Sequence[Cost], currency: str) -> str:
    """Return what all of it has cost, today's part and this month's."""
    if any(one.today is None or one.month is None for one in costs):
        return tr("{price} so far").format(price=total)
    spans = [[one.today or (0.0, 0.0) for one in costs], [one.month or (0.0, 0.0) for one in costs]]
    day, month = (between(sum(low for low, _ in one), sum(high for _, high in one), currency) for one in spans)
    return tr("{price} so far; {day} today, {month} this month").format(price=total, day=day, month=month)


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
        _span(one.today, one.currency),
        _span(one.month, one.currency),
        Cell(money(one.per_month_at_rest, one.currency)),
        Cell(_of_which(one), "quiet"),
    )


def _span(spent: tuple[float, float] | None, currency: str) -> Cell:
    return Cell("" if spent is None else between(*spent, currency))


def _of_which(one: Cost) -> str:
    """Return the parts of an instance's cost, and what else there is to be said of it."""
    parts = [
        tr("{kind} {price}").format(kind=tr(part.kind), price=between(part.low, part.high, one.currency))
        for part in one.parts
        if part.high >= CENT
    ]
    return " · ".join([*(parts if len(one.parts) > 1 else ()), *filter(None, [tr(one.detail)])])


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
