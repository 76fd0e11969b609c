"""An operation's steps as HTML: what is done, what is under way, how long each took. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render.html import bar
from jupyter_awsgpu.surfaces.render.sheet import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Event
    from jupyter_awsgpu.records.operations import OperationSummary

_MARKS = {"started": "▸", "said": "▸", "done": "✓", "failed": "✗"}
_TONES = {"started": "", "said": "", "done": "awsgpu-good", "failed": "awsgpu-bad"}


def latest_of_steps(operation: OperationSummary) -> list[Event]:
    """Return the last event of every step, in the order in which the steps began."""
    steps: dict[str, Event] = {}
    for event in operation.events:
        if event.step:
            steps[event.step] = event
    return list(steps.values())


def draw(operation: OperationSummary, tr: Callable[[str], str]) -> str:
    """Return the operation as a small table; its texts come from AWS and the instance: all escaped."""
    rows = "".join(_row(event, tr, running=operation.outcome == "running") for event in latest_of_steps(operation))
    head = _heading(operation, tr)
    return f'<div class="awsgpu-progress"><div class="awsgpu-head">{escape(head)}</div><table>{rows}</table></div>'


def _heading(operation: OperationSummary, tr: Callable[[str], str]) -> str:
    took = duration(max(0.0, operation.events[-1].at - operation.events[0].at))
    words = {
        "running": tr("{verb} under way"),
        "done": tr("{verb} done in {time}"),
        "failed": tr("{verb} failed after {time}"),
        "broken": tr("{verb} was cut off after {time}; the same verb goes on from there"),
    }
    return words[operation.outcome].format(verb=tr(operation.verb), time=took)


def _row(event: Event, tr: Callable[[str], str], *, running: bool) -> str:
    open_ = event.phase in ("started", "said")
    mark = '<span class="awsgpu-spin"></span>' if open_ and running else _MARKS[event.phase]
    part = bar(event.fraction) if open_ and event.fraction is not None else ""
    took = duration(event.seconds) if event.seconds is not None else ""
    text = escape(tr(event.text), quote=True)
    kind = ' class="awsgpu-line"' if event.phase == "done" else ""
    return (
        f'<tr{kind}><td class="awsgpu-mark {_TONES[event.phase]}">{mark}</td>'
        f'<td title="{text}">{text}{part}</td><td class="awsgpu-took">{escape(took)}</td></tr>'
    )
