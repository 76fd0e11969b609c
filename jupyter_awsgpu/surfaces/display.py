"""Live progress of an operation: one object updated in a notebook, one line rewritten in a terminal.

`Trail` is the state, without a way to show it; the three `Progress` classes show it. Events may come
from any thread.
"""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render import html, text
from jupyter_awsgpu.surfaces.render.sheet import duration

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Event

TICK_S = 0.5
"""How often the seconds of the step under way are shown anew."""

LEAST_TOLD_S = 0.05
"""Seconds that would show as 0.0 are not told."""

PHASES = {
    "account": "AWS", "unfinished": "AWS", "choice": "AWS", "access": "AWS", "request": "AWS", "start": "AWS",
    "running": "boot",
    "ssh": "SSH", "identity": "SSH", "provision": "set-up", "jupyter": "Jupyter", "tunnel": "tunnel",
    "answer": "Jupyter",
}  # fmt: skip
"""Which part of a launch each step belongs to, for the line that says where the time went."""


@dataclass
class StepState:
    """One step as it stands; `began` is on this process's monotonic clock."""

    text: str
    phase: str
    began: float
    seconds: float | None = None
    fraction: float | None = None

    def elapsed(self, now: float) -> float:
        """Return the seconds the step took, or has taken so far."""
        return self.seconds if self.seconds is not None else now - self.began


class Trail:
    """The steps of one verb, built from the events of its operations: one may hold or follow another."""

    def __init__(self) -> None:
        self.title = ""
        self.headline = ""
        self.outcome = ""
        self.seconds: float | None = None
        self.steps: dict[str, StepState] = {}
        self.began = time.monotonic()
        self._open: set[str] = set()

    def take(self, event: Event) -> None:
        """Take one event in."""
        if not event.step:
            self._take_whole(event)
            return
        step = self.steps.get(event.step)
        said = tr(event.text)
        if event.phase == "started" or step is None:
            step = self.steps[event.step] = StepState(said, event.phase, time.monotonic())
        step.phase, step.seconds = event.phase, event.seconds
        step.text = said or step.text
        step.fraction = event.fraction
        if event.step == "choice":
            self.headline = said

    def _take_whole(self, event: Event) -> None:
        self.title = self.title or f"{tr(event.verb)} {event.name}".strip()
        if event.phase == "started":
            self._open.add(event.operation)
            self.outcome = ""
            return
        self._open.discard(event.operation)
        if not self._open and event.seconds is not None:
            self.outcome, self.seconds = event.phase, (self.seconds or 0.0) + event.seconds

    def current(self) -> StepState | None:
        """Return the step under way, the last begun where there are several."""
        for step in reversed(self.steps.values()):
            if step.phase in ("started", "said"):
                return step
        return None

    def phases(self) -> dict[str, float]:
        """Return the seconds of each part: AWS, boot, SSH, set-up, Jupyter, tunnel."""
        found: dict[str, float] = {}
        for key, step in self.steps.items():
            part = PHASES.get(key.partition("-")[0], "")
            if part and step.seconds is not None:
                found[part] = found.get(part, 0.0) + step.seconds
        return found

    def summary(self) -> str:
        """Return one line on where the time went."""
        told = {part: seconds for part, seconds in self.phases().items() if seconds >= LEAST_TOLD_S}
        parts = " · ".join(f"{tr(part)} {duration(seconds)}" for part, seconds in told.items())
        return f"{duration(self.seconds)}" + (f" ({parts})" if " · " in parts else "")


class Progress(Protocol):
    """What an `Ask` holds while its verb runs."""

    trail: Trail

    def hear(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Show the end; called once, also after a failure."""


class _Ticking:
    """Shows the trail anew at each event, and every half second while a step runs."""

    def __init__(self) -> None:
        self.trail = Trail()
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None

    def hear(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            self.trail.take(event)
            self.show(event)
        if self._ticker is None and not self._ended.is_set():
            self._ticker = threading.Thread(target=self._tick, name="awsgpu-progress", daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            with self._lock:
                if not self._ended.is_set():
                    self.show(None)

    def close(self) -> None:
        """Show the end and stop the clock."""
        self._ended.set()
        with self._lock:
            self.finish()

    def show(self, event: Event | None) -> None:
        """Draw what changed (None: only time has passed)."""
        raise NotImplementedError

    def finish(self) -> None:
        """Draw the last picture."""


class NotebookProgress(_Ticking):
    """One display handle, updated in place; works from threads."""

    def __init__(self, *, simulated: bool) -> None:
        super().__init__()
        self._simulated = simulated
        self._handle: Any = None

    def show(self, event: Event | None) -> None:
        """Update the one output."""
        if event is None and self.trail.current() is None:
            return
        if self._handle is None:
            from IPython import display

            show: Any = display.display
            self._handle = show(self, display_id=True)
        else:
            self._handle.update(self)

    def finish(self) -> None:
        """Leave the picture of the end, not of a step under way."""
        if self._handle is not None:
            self._handle.update(self)

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        return {
            "text/html": trail_html(self.trail, simulated=self._simulated, now=time.monotonic()),
            "text/plain": trail_text(self.trail, simulated=self._simulated, now=time.monotonic()),
        }


class TerminalProgress(_Ticking):
    """A line a step on stderr; the line of the step under way is written over."""

    def __init__(self, stream: TextIO, *, simulated: bool, colour: bool) -> None:
        super().__init__()
        self._stream = stream
        self._colour = colour
        self._marks = marks(stream)
        self._width = 0
        self._simulated = simulated

    def show(self, event: Event | None) -> None:
        """Finish a line, or rewrite the one under way."""
        if self._simulated:
            self._line(text.paint(tr(text.SIMULATED), "warn", colour=self._colour))
            self._simulated = False
        if event is not None and event.step and event.phase in ("done", "failed"):
            self._end(self.trail.steps[event.step])
        step = self.trail.current()
        if step is not None:
            self._rewrite(f"  {self._marks['busy']} {_step_text(step)}  {duration(step.elapsed(time.monotonic()))}")

    def finish(self) -> None:
        """Clear an unfinished line and say how long it took."""
        self._rewrite("")
        if self.trail.outcome == "done" and self.trail.steps:
            self._line(f"  {text.paint(self.trail.summary(), 'quiet', colour=self._colour)}")

    def _end(self, step: StepState) -> None:
        self._rewrite("")
        good = step.phase == "done"
        mark = text.paint(self._marks["done" if good else "failed"], "good" if good else "bad", colour=self._colour)
        self._line(f"  {mark} {_fit(text.plain(step.text), 14)}  {duration(step.seconds)}")

    def _rewrite(self, line: str) -> None:
        line = _fit(line, 0)
        width = text.width_of(line)
        self._stream.write("\r" + line + " " * max(0, self._width - width) + ("" if line else "\r"))
        self._stream.flush()
        self._width = width

    def _line(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class PlainProgress:
    """Plain lines, for a log or a pipe: a step when it ends, and the long ones when they begin."""

    def __init__(self, stream: TextIO, *, simulated: bool) -> None:
        self.trail = Trail()
        self._stream = stream
        self._marks = marks(stream)
        self._lock = threading.Lock()
        self._simulated = simulated

    def hear(self, event: Event) -> None:
        """Write a line for a step that began to wait, ended or failed."""
        with self._lock:
            self.trail.take(event)
            self._head()
            if not event.step:
                return
            step = self.trail.steps[event.step]
            if event.phase in ("done", "failed"):
                self._line(f"{self._marks[event.phase]} {text.plain(step.text)} ({duration(event.seconds)})")
            elif event.phase == "started" and event.step in ("running", "ssh", "provision", "available", "stopped"):
                self._line(f"{self._marks['busy']} {text.plain(step.text)}")

    def close(self) -> None:
        """Say how long it took."""
        if self.trail.outcome == "done" and self.trail.steps:
            self._line(self.trail.summary())

    def _head(self) -> None:
        """Say first, and once, that this is simulated."""
        if self._simulated:
            self._line(tr(text.SIMULATED))
            self._simulated = False

    def _line(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


def marks(stream: TextIO) -> dict[str, str]:
    """Return the marks that the stream's encoding can carry."""
    try:
        "✓✗…·".encode(getattr(stream, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return {"done": "+", "failed": "x", "busy": "."}
    return {"done": "✓", "failed": "✗", "busy": "…"}


def _fit(line: str, reserve: int) -> str:
    room = shutil.get_terminal_size().columns - 1 - reserve
    return line if text.width_of(line) <= room else line[: max(0, room - 1)] + "…"


def _step_text(step: StepState) -> str:
    return text.plain(step.text) + ("" if step.fraction is None else f" {text.meter(step.fraction, 10)}")


def trail_text(trail: Trail, *, simulated: bool, now: float) -> str:
    """Return the trail as text, for front ends that show no HTML."""
    lines = [tr(text.SIMULATED)] if simulated else []
    if trail.headline:
        lines.append(text.plain(trail.headline))
    for step in trail.steps.values():
        mark = {"done": "✓", "failed": "✗"}.get(step.phase, "…")
        lines.append(f"{mark} {_step_text(step)}  {duration(step.elapsed(now))}")
    if trail.outcome == "done":
        lines.append(f"{trail.title}: {trail.summary()}")
    return "\n".join(lines)


def trail_html(trail: Trail, *, simulated: bool, now: float) -> str:
    """Return the trail as HTML: price on top, then steps; folded to one line once all is done."""
    badge = html.badge() if simulated else ""
    head = f'<div class="awsgpu-head">{escape(trail.headline)}</div>' if trail.headline else ""
    rows = "".join(_row_html(step, now) for step in trail.steps.values())
    steps = f'<table class="awsgpu-steps"><tbody>{rows}</tbody></table>'
    if trail.outcome == "done":
        last = html.with_link(next(reversed(trail.steps.values())).text) if trail.steps else ""
        line = f'<span class="awsgpu-good">✓</span> {escape(trail.title)} · {last}'
        summary = f'<span class="awsgpu-quiet">{escape(trail.summary())}</span>'
        return html.block(
            f'<div class="awsgpu-title">{line}{badge}</div>{head}<details><summary>{summary}</summary>{steps}</details>'
        )
    return html.block(f'<div class="awsgpu-title">{escape(trail.title)}{badge}</div>{head}{steps}')


def _row_html(step: StepState, now: float) -> str:
    mark = {
        "done": '<span class="awsgpu-good">✓</span>',
        "failed": '<span class="awsgpu-bad">✗</span>',
    }.get(step.phase, '<span class="awsgpu-spin"></span>')
    bar = "" if step.fraction is None else html.bar(step.fraction)
    took = f'<span class="awsgpu-quiet">{escape(duration(step.elapsed(now)))}</span>'
    return f'<tr><td>{mark}</td><td>{escape(step.text)}{bar}</td><td class="awsgpu-right">{took}</td></tr>'
