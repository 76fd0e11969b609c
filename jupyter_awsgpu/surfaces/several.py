"""Progress of several machines side by side: a row each in a notebook, a line each as it ends in a terminal.

A `Crowd` is the state: the trail of the whole, and one for each machine. The classes show it.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from html import escape
from typing import TYPE_CHECKING, TextIO

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.display import NotebookProgress, PlainProgress, StepState, TerminalProgress, Trail
from jupyter_awsgpu.surfaces.render import html, text
from jupyter_awsgpu.surfaces.render.sheet import duration

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Event
    from jupyter_awsgpu.surfaces.display import Progress

WHOLE_STEP = "machines"
"""The step of the whole during which the machines are launched."""


class Crowd(Trail):
    """The whole's own trail, and beside it one of each machine, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.machines: dict[str, Trail] = {}
        self._whole = ""

    def take(self, event: Event) -> None:
        """Take one event in: the first operation heard is the whole, every other one a machine's."""
        self._whole = self._whole or event.operation
        if event.operation == self._whole:
            super().take(event)
            return
        machine = self.machines.setdefault(event.name, Trail())
        machine.take(event)
        self.headline = self.headline or machine.headline

    def of(self, event: Event) -> Trail | None:
        """Return the machine's trail that an event belongs to, None for the whole's."""
        return None if event.operation == self._whole else self.machines.get(event.name)

    def standing(self) -> str:
        """Return in one line how many machines do what."""
        doing = Counter(_doing(one) for one in self.machines.values())
        return ", ".join(f"{count} × {words}" for words, count in doing.items())


def last_step(trail: Trail) -> StepState | None:
    """Return what tells most of a machine: the step under way; of one that ended, the last."""
    under_way = None if trail.outcome else trail.current()
    return under_way or next(reversed(trail.steps.values()), None)


def _doing(trail: Trail) -> str:
    if trail.outcome:
        return tr("ready") if trail.outcome == "done" else tr("failed")
    step = trail.current()
    return text.plain(step.text) if step is not None else tr("waiting")


def side_by_side(stream: TextIO, *, simulated: bool, in_notebook: bool = False, live: bool = True) -> Progress:
    """Return what shows the machines where somebody watches; without `live`, plain lines."""
    if in_notebook:
        return SeveralInNotebook(simulated=simulated)
    terminal = stream.isatty() and live and os.environ.get("TERM") != "dumb"
    if not terminal:
        return SeveralPlainly(stream, simulated=simulated)
    return SeveralInTerminal(stream, simulated=simulated, colour=not os.environ.get("NO_COLOR"))


class SeveralInNotebook(NotebookProgress):
    """One output with a row for each machine, updated in place."""

    def __init__(self, *, simulated: bool) -> None:
        super().__init__(simulated=simulated)
        self.trail = self.crowd = Crowd()

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        now = time.monotonic()
        return {
            "text/html": crowd_html(self.crowd, simulated=self._simulated, now=now),
            "text/plain": crowd_text(self.crowd, simulated=self._simulated, now=now),
        }


class SeveralInTerminal(TerminalProgress):
    """A line for each machine as it ends, and one that is written over: how many do what."""

    def __init__(self, stream: TextIO, *, simulated: bool, colour: bool) -> None:
        super().__init__(stream, simulated=simulated, colour=colour)
        self.trail = self.crowd = Crowd()

    def show(self, event: Event | None) -> None:
        """Finish a line, or rewrite the one under way."""
        machine = self.crowd.of(event) if event is not None else None
        if machine is None and (event is None or event.step != WHOLE_STEP):
            if not self.crowd.machines:
                super().show(event)
                return
        elif event is not None and machine is not None and not event.step and machine.outcome:
            self._end(_end_of(event.name, machine))
        if self.trail.outcome == "" and self.crowd.machines:
            took = duration(time.monotonic() - self.trail.began)
            self._rewrite(f"  {self._marks['busy']} {self.crowd.standing()}  {took}")


class SeveralPlainly(PlainProgress):
    """Plain lines, for a log or a pipe: the whole's steps, and each machine as it ends."""

    def __init__(self, stream: TextIO, *, simulated: bool) -> None:
        super().__init__(stream, simulated=simulated)
        self.crowd = Crowd()
        self.trail = self.crowd

    def hear(self, event: Event) -> None:
        """Write a line for what ended."""
        with self._lock:
            self.trail.take(event)
            self._head()
            machine = self.crowd.of(event)
            if machine is None and event.step and event.phase in ("done", "failed"):
                self._step(self.trail.steps[event.step])
            elif machine is not None and not event.step and machine.outcome:
                self._step(_end_of(event.name, machine))

    def close(self) -> None:
        """Nothing is under way any more."""

    def _step(self, step: StepState) -> None:
        mark = self._marks["done" if step.phase == "done" else "failed"]
        self._line(f"{mark} {text.plain(step.text)} ({duration(step.seconds)})")


def _end_of(name: str, trail: Trail) -> StepState:
    """Return a machine's whole launch as one step: its name, and its last word."""
    step = last_step(trail)
    return StepState(f"{name}: {step.text if step else ''}", trail.outcome, trail.began, trail.seconds)


def crowd_text(crowd: Crowd, *, simulated: bool, now: float) -> str:
    """Return the machines as text, a line each."""
    lines = [tr(text.SIMULATED)] if simulated else []
    lines += [text.plain(crowd.headline)] if crowd.headline else []
    for name, trail in crowd.machines.items():
        mark = {"done": "✓", "failed": "✗"}.get(trail.outcome, "…")
        step = last_step(trail)
        took = duration(trail.seconds if trail.outcome else now - trail.began)
        lines.append(f"{mark} {name}: {text.plain(step.text) if step else ''}  {took}")
    return "\n".join(lines or [text.plain(step.text) for step in crowd.steps.values()])


def crowd_html(crowd: Crowd, *, simulated: bool, now: float) -> str:
    """Return the machines as HTML, a row each; before there are any, the whole's steps."""
    badge = html.badge() if simulated else ""
    head = f'<div class="awsgpu-head">{escape(crowd.headline)}</div>' if crowd.headline else ""
    rows = "".join(_row(name, trail, now) for name, trail in crowd.machines.items())
    rows = rows or "".join(_row("", _alone(step), now) for step in crowd.steps.values())
    steps = f'<table class="awsgpu-steps"><tbody>{rows}</tbody></table>'
    return html.block(f'<div class="awsgpu-title">{escape(crowd.title)}{badge}</div>{head}{steps}')


def _alone(step: StepState) -> Trail:
    made = Trail()
    made.steps, made.began = {"": step}, step.began
    made.outcome, made.seconds = (step.phase, step.seconds) if step.seconds is not None else ("", None)
    return made


def _row(name: str, trail: Trail, now: float) -> str:
    mark = {
        "done": '<span class="awsgpu-good">✓</span>',
        "failed": '<span class="awsgpu-bad">✗</span>',
    }.get(trail.outcome, '<span class="awsgpu-spin"></span>')
    step = last_step(trail)
    words = html.with_link(step.text) if step else ""
    bar = "" if step is None or step.fraction is None or trail.outcome else html.bar(step.fraction)
    took = duration(trail.seconds if trail.outcome else now - trail.began)
    cells = (mark, escape(name), words + bar)
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr>{inner}<td class="awsgpu-right"><span class="awsgpu-quiet">{escape(took)}</span></td></tr>'
