"""Preflights: the plan of a launch and the checks of `doctor`, each ✗ with the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    title = "All is well here" if not bad else f"{bad} thing{'s' if bad > 1 else ''} to mend"
    return Sheet(title, _COLUMNS, _rows(checks), simulated=simulated)


def plan(plan: Plan) -> Sheet:
    """Return the preflight of one launch: checks, then money, then what to type."""
    name = plan.instance_type.name if plan.instance_type else plan.wishes.instance_type
    refused = len(plan.refusals)
    verdict = "can launch" if plan.ok else f"cannot launch yet: {refused} check{'s' if refused > 1 else ''} failed"
    return Sheet(
        title=f"{name} in {plan.region} – {verdict}",
        columns=_COLUMNS,
        rows=(*_facts(plan), *_rows(plan.checks)),
        notes=plan.notes,
        commands=(_command(plan),) if plan.ok else (),
        simulated=plan.demo,
    )


def _facts(plan: Plan) -> tuple[tuple[Cell, ...], ...]:
    """Return the money lines: what an hour costs, what stays to be paid beside it, how long it takes."""
    found: list[tuple[str, str]] = []
    if plan.instance_type is not None:
        found.append(("Machine", machine(plan)))
    found.append(("Price", price(plan)))
    if plan.disk_gb is not None:
        found.append(("Disk", f"{plan.disk_gb} GB, {money(plan.disk_per_month)} a month while it exists"))
    if plan.address_per_hour is not None:
        found.append(("Address", f"public IPv4, {money(plan.address_per_hour, unit='/h')} while it runs"))
    if plan.minutes_to_ready is not None:
        found.append(("Ready", f"in about {plan.minutes_to_ready:.2g} min"))
    return tuple((Cell("·", "quiet"), Cell(label), Cell(text)) for label, text in found)


def machine(plan: Plan) -> str:
    """Return GPU, processors and memory in one line."""
    itype = plan.instance_type
    if itype is None:
        return plan.wishes.instance_type
    gpu = f"{itype.gpu} ({gigabytes(itype.gpu.memory_mib)}), " if itype.gpu else "no GPU, "
    return f"{gpu}{itype.vcpus} vCPUs, {gigabytes(itype.memory_mib)}"


def price(plan: Plan) -> str:
    """Return the price with its source and date, and the spot price beside it."""
    if plan.price is None:
        return "unknown"
    dated = f", {plan.price.as_of:%Y-%m-%d}" if plan.price.as_of else ""
    text = f"{money(plan.price.per_hour, plan.price.currency, unit='/h')} ({plan.price.source}{dated})"
    if plan.spot_price is not None:
        text += f"; spot {money(plan.spot_price.per_hour, plan.spot_price.currency, unit='/h')}"
    return text


def _command(plan: Plan) -> str:
    wishes = plan.wishes
    parts = ["awsgpu launch", wishes.instance_type]
    if wishes.name != "gpu":
        parts += ["--name", wishes.name]
    if wishes.region:
        parts += ["--region", wishes.region]
    if wishes.image:
        parts += ["--image", wishes.image]
    if wishes.spot != "no":
        parts += ["--spot" if wishes.spot == "yes" else "--spot=prefer"]
    return " ".join(parts)
