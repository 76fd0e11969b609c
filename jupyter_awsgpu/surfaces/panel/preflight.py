"""The preflight beneath the form: asked in a thread, after a pause in choosing; the last question wins."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, Bug
from jupyter_awsgpu.surfaces.render import checks
from jupyter_awsgpu.surfaces.render.sheet import money

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Check, Plan, Wishes

    Ask = Callable[[Wishes], Plan]
    Show = Callable[["Plan | AwsGpuError"], None]

PAUSE_S = 0.35
"""A person who is still choosing is not asked about every step of it."""

_MARKS = {True: ("✓", "awsgpu-good"), False: ("✗", "awsgpu-bad"), None: ("?", "awsgpu-quiet")}


class Preflight:
    """Asks for one plan at a time and shows the newest answer only."""

    def __init__(self, ask: Ask, show: Show) -> None:
        self._ask = ask
        self._show = show
        self._lock = threading.Lock()
        self._newest = 0
        self._timer: threading.Timer | None = None

    def wish(self, wishes: Wishes, *, pause_s: float = PAUSE_S) -> None:
        """Ask about these wishes once `pause_s` has passed without others."""
        with self._lock:
            self._newest += 1
            number = self._newest
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(pause_s, self._answer, (number, wishes))
            self._timer.daemon = True
            self._timer.start()

    def _answer(self, number: int, wishes: Wishes) -> None:
        found: Plan | AwsGpuError
        try:
            found = self._ask(wishes)
        except AwsGpuError as exc:
            found = exc
        except Exception as exc:
            found = Bug(what=f"{type(exc).__name__}: {exc}", log_file="the panel's kernel")
        with self._lock:
            if number != self._newest:
                return
        self._show(found)


def draw(plan: Plan, tr: Callable[[str], str]) -> str:
    """Return the checks as a list, then what the launch costs beside the hour; all escaped."""
    rows = "".join(_row(check, tr) for check in plan.checks)
    return f'<ul class="awsgpu-checks">{rows}</ul><p class="awsgpu-note">{escape(costs(plan, tr))}</p>'


def _row(check: Check, tr: Callable[[str], str]) -> str:
    mark, tone = _MARKS[check.ok]
    said = {True: tr("yes"), False: tr("no"), None: tr("not known")}[check.ok]
    kind = "" if check.ok is True else ' class="awsgpu-whole"'
    detail = escape(tr(check.detail), quote=True)
    return (
        f'<li{kind}><span class="awsgpu-mark {tone}" role="img" aria-label="{escape(said)}">{mark}</span>'
        f'<span title="{detail}"><b>{escape(tr(check.label))}</b> {detail}</span></li>'
    )


def costs(plan: Plan, tr: Callable[[str], str]) -> str:
    """Return machine, price with its source, disk and the time until it is ready, in one line."""
    parts = [checks.machine(plan), checks.price(plan)]
    if plan.disk_per_month is not None:
        disk = money(plan.disk_per_month)
        parts.append(tr("{gb} GB disk: {price} a month").format(gb=plan.disk_gb, price=disk))
    if plan.minutes_to_ready is not None:
        parts.append(tr("ready in about {minutes} min").format(minutes=f"{plan.minutes_to_ready:.2g}"))
    return " · ".join(parts)


def button_label(plan: Plan | None, tr: Callable[[str], str]) -> str:
    """Return the launch button's label, which carries the price once it is known."""
    if plan is None:
        return tr("Launch")
    price = plan.spot_price if plan.wishes.spot != "no" and plan.spot_price else plan.price
    if price is None:
        return tr("Launch")
    return tr("Launch · {price}").format(price=money(price.per_hour, price.currency, unit="/h"))
