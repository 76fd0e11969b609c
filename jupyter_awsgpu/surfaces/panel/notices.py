"""What reaches a person outside the panel: the status bar's line and the toasts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.surfaces.panel import figures
from jupyter_awsgpu.surfaces.panel.actions import KEEP_FOR
from jupyter_awsgpu.surfaces.render.sheet import money

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

SOON_S = 5 * 60.0
"""How long before an idle stop a person is told."""


CUTS = frozenset({"stop", "terminate", "resize", "image"})
"""Verbs that take the instance away from its tunnel: who gave one is told of it where that verb is shown."""


def summary(snapshot: Snapshot, tr: Callable[[str], str]) -> dict[str, Any]:
    """Return the status bar's line as JSON-able values."""
    running = [one for one in snapshot.instances if one.state.bills]
    over = [one.name for one in running if figures.over_cap(one, snapshot.at)]
    where = tr("SIMULATED") + " · " if snapshot.demo else ""
    if not running:
        return {"text": where + tr("AWS GPU: none running"), "title": _title(snapshot, tr), "level": "idle"}
    price = money(round(figures.an_hour(running), 4), running[0].currency, unit="/h")
    text = where + tr("AWS GPU: {count} running · {price}").format(count=len(running), price=price)
    if over:
        text += " · " + tr("past the cap: {names}").format(names=", ".join(over))
    return {"text": text, "title": _title(snapshot, tr), "level": "warning" if over else "running"}


def _title(snapshot: Snapshot, tr: Callable[[str], str]) -> str:
    if snapshot.refusal is not None:
        return snapshot.refusal.message
    names = ", ".join(f"{one.name} ({one.instance_type}, {tr(one.state)})" for one in snapshot.instances)
    return names or tr("Open the AWS GPU panel")


def toasts(before: Snapshot, now: Snapshot, tr: Callable[[str], str]) -> list[dict[str, Any]]:
    """Return what changed between two looks that a person should hear of."""
    earlier = {one.instance_id: one for one in before.instances}
    found: list[dict[str, Any]] = []
    for one in now.instances:
        known = earlier.get(one.instance_id)
        if known is not None:
            at_work = now.running(one.name)
            if at_work is None or at_work.verb not in CUTS:
                found += _of_tunnel(known, one, tr)
            found += _of_end(known, one, before.at, now.at, tr) + _of_notice(known, one, tr)
    return found


def _of_tunnel(before: Instance, now: Instance, tr: Callable[[str], str]) -> list[dict[str, Any]]:
    was = before.tunnel.phase if before.tunnel else None
    phase = now.tunnel.phase if now.tunnel else None
    if was == "up" and phase == "lost" and now.state.bills:
        return [_toast(tr("The tunnel to {name} is lost; it reconnects by itself.").format(name=now.name), "warning")]
    if was == "lost" and phase == "up":
        return [_toast(tr("The tunnel to {name} is up again.").format(name=now.name), "success")]
    if was in ("up", "lost", "connecting") and phase == "gave-up" and now.state.bills:
        again = {"label": tr("Connect"), "send": {"run": ["connect", now.name]}}
        return [_toast(tr("The tunnel to {name} gave up.").format(name=now.name), "error", again)]
    return []


def _of_end(before: Instance, now: Instance, then: float, at: float, tr: Callable[[str], str]) -> list[dict[str, Any]]:
    rest, was = _idle_left(now, at), _idle_left(before, then)
    if rest is None or rest > SOON_S or (was is not None and was <= SOON_S):
        return []
    text = tr("{name} is idle and stops itself in {time}.").format(name=now.name, time=figures.coarse(rest, tr))
    return [_toast(text, "warning", {"label": tr("Keep 1 h"), "send": {"run": ["keep", now.name, KEEP_FOR]}})]


def _idle_left(instance: Instance, at: float) -> float | None:
    report = instance.guest
    if report is None or report.busy_because or not instance.state.bills:
        return None
    return figures.left_s(report, report.idle_stop_in_s, at)


def _of_notice(before: Instance, now: Instance, tr: Callable[[str], str]) -> list[dict[str, Any]]:
    said = now.guest.notice if now.guest else None
    if not said or (before.guest is not None and before.guest.notice == said):
        return []
    return [_toast(tr("{name} says: {text}").format(name=now.name, text=tr(said)), "warning")]


def _toast(message: str, level: str, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"message": message, "level": level, "actions": list(actions)}
