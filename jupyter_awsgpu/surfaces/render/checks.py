"""Preflights: the plan of a launch and the checks of `doctor`, each ✗ with the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, Tone, gigabytes, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Check, Plan

_COLUMNS = (Column(""), Column("Check"), Column("Answer", wraps=True))
_MARKS: dict[bool | None, tuple[str, Tone]] = {True: ("✓", "good"), False: ("✗", "bad"), None: ("?", "quiet")}


def _rows(checks: Sequence[Check]) -> tuple[tuple[Cell, ...], ...]:
    rows = []
    for check in checks:
        mark, tone = _MARKS[check.ok]
        rows.append((Cell(mark, tone), Cell(check.label), Cell(check.detail)))
        if check.remedy and check.ok is not True:
            rows.append((Cell(""), Cell(""), Cell(f"→ {check.remedy}", "code")))
    return tuple(rows)


def doctor(checks: Sequence[Check], *, simulated: bool = False) -> Sheet:
    """Return the checks of this machine and account."""
    bad = sum(check.ok is False for check in checks)
    many = tr("One thing to mend") if bad == 1 else tr("{count} things to mend").format(count=bad)
    title = many if bad else tr("All is well here")
    return Sheet(title, _COLUMNS, _rows(checks), simulated=simulated)


def plan(plan: Plan) -> Sheet:
    """Return the preflight of one launch: checks, then money, then what to type."""
    name = plan.instance_type.name if plan.instance_type else plan.wishes.instance_type
    return Sheet(
        title=_verdict(len(plan.refusals)).format(type=name, region=plan.region, count=len(plan.refusals)),
        columns=_COLUMNS,
        rows=(*_facts(plan), *_rows(plan.checks)),
        notes=plan.notes,
        commands=(_command(plan),) if plan.ok else (),
        simulated=plan.demo,
    )


def _verdict(refused: int) -> str:
    if not refused:
        return tr("{type} in {region} – can launch")
    if refused == 1:
        return tr("{type} in {region} – cannot launch yet: 1 check failed")
    return tr("{type} in {region} – cannot launch yet: {count} checks failed")


def _facts(plan: Plan) -> tuple[tuple[Cell, ...], ...]:
    """Return the money lines: what an hour costs, what stays to be paid beside it, how long it takes."""
    found: list[tuple[str, str]] = []
    nodes = plan.wishes.nodes
    if plan.instance_type is not None:
        found.append(("Machine", machine(plan)))
    found.append(("Price", price(plan)))
    if plan.disk_gb is not None:
        if plan.disk_per_month is None:
            disk = tr("{gb} GB, at a price unknown here").format(gb=_each(nodes, plan.disk_gb))
        else:
            disk = tr("{gb} GB, {price} a month while it exists")
            disk = disk.format(gb=_each(nodes, plan.disk_gb), price=money(plan.disk_per_month * nodes))
        if plan.image is None:
            disk += tr("; more where the image needs it, which nobody could be asked here")
        found.append(("Disk", disk))
    if plan.address_per_hour is not None:
        address = tr("public IPv4, {price} while it runs")
        found.append(("Address", address.format(price=money(plan.address_per_hour * nodes, unit="/h"))))
    if plan.minutes_to_ready is not None:
        found.append(("Ready", tr("in about {minutes} min").format(minutes=f"{plan.minutes_to_ready:.2g}")))
    return tuple((Cell("·", "quiet"), Cell(label), Cell(text)) for label, text in found)


def _each(nodes: int, amount: int) -> str:
    """Return an amount, and of how many machines it is one where there are several."""
    return f"{nodes} x {amount}" if nodes > 1 else str(amount)


def machine(plan: Plan) -> str:
    """Return GPU, processors and memory in one line."""
    itype = plan.instance_type
    if itype is None:
        return plan.wishes.instance_type
    gpu = f"{itype.gpu} ({gigabytes(itype.gpu.memory_mib)})" if itype.gpu else tr("no GPU")
    return f"{gpu}, {itype.vcpus} {tr('vCPUs')}, {gigabytes(itype.memory_mib)}"


def price(plan: Plan) -> str:
    """Return the price with its source and date, and the spot price beside it."""
    if plan.price is None:
        return tr("unknown")
    dated = f", {plan.price.as_of:%Y-%m-%d}" if plan.price.as_of else ""
    nodes = plan.wishes.nodes
    all_of_them = f"{nodes} x {money(plan.price.per_hour, plan.price.currency, unit='/h')} = " if nodes > 1 else ""
    hour = money(plan.price.per_hour * nodes, plan.price.currency, unit="/h")
    text = f"{all_of_them}{hour} ({tr(plan.price.source)}{dated})"
    if plan.spot_price is not None:
        spot = money(plan.spot_price.per_hour, plan.spot_price.currency, unit="/h")
        text += tr("; spot {price}").format(price=spot)
    return text


def _command(plan: Plan) -> str:
    """Return the launch of these very wishes."""
    from jupyter_awsgpu.verbs.wishes import options

    region = f" --region {plan.wishes.region}" if plan.wishes.region else ""
    return f"awsgpu launch {plan.wishes.instance_type}{region}{options(plan.wishes)}"
