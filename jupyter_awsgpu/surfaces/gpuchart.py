"""The GPU's last minutes as a chart in a notebook: one display, drawn anew as looks come in."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.surfaces.notebook import bundle
from jupyter_awsgpu.surfaces.render import html, working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_awsgpu.model import GpuUse
    from jupyter_awsgpu.surfaces.answers import Gpus

KEPT = 150
"""Looks drawn: five minutes, a look every two seconds."""

FOR_S = 1800.0
"""How long a chart goes on: one that nobody closes must not keep a connection for ever."""

STALE_AFTER_S = 8.0
WIDTH, HEIGHT = 600, 60


class Chart:
    """The looks so far, and their picture."""

    def __init__(self, *, simulated: bool) -> None:
        self._looks: deque[GpuUse] = deque(maxlen=KEPT)
        self._simulated = simulated
        self._heard = time.monotonic()

    def take(self, use: GpuUse) -> None:
        """Take a look in."""
        self._looks.append(use)
        self._heard = time.monotonic()

    def end(self) -> None:
        """Nothing comes any more: what is drawn is of the past."""
        self._looks[-1] = replace(self._looks[-1], stale=True)

    def mark(self) -> bool:
        """Mark the last look as stale if nothing came for a while; say whether that is new."""
        old = time.monotonic() - self._heard > STALE_AFTER_S and not self._looks[-1].stale
        if old:
            self.end()
        return old

    def _repr_mimebundle_(self, **_wanted: object) -> dict[str, str]:
        last = self._looks[-1]
        drawn = bundle(working.gpus(last, simulated=self._simulated))
        return {"text/html": drawn["text/html"] + html.block(_picture(self._looks)), "text/plain": drawn["text/plain"]}


def show(answer: Gpus) -> None:
    """Show the look, and go on in the background where more come."""
    from IPython import display

    chart = Chart(simulated=answer.simulated)
    chart.take(answer.use)
    draw: Any = display.display
    handle = draw(chart, display_id=True)
    if answer.looks is not None and handle is not None:
        ended = threading.Event()
        for name, act in (("looks", _follow), ("age", _age)):
            thread = threading.Thread(
                target=act, args=(chart, handle, answer.looks, ended), name=f"awsgpu-gpu-{name}", daemon=True
            )
            thread.start()


def _follow(chart: Chart, handle: Any, looks: Iterator[GpuUse], ended: threading.Event) -> None:
    until = time.monotonic() + FOR_S
    with suppress(AwsGpuError):
        for use in looks:
            chart.take(use)
            handle.update(chart)
            if time.monotonic() > until:
                break
    ended.set()
    close = getattr(looks, "close", None)
    if close is not None:
        close()
    chart.end()
    handle.update(chart)


def _age(chart: Chart, handle: Any, _looks: Iterator[GpuUse], ended: threading.Event) -> None:
    while not ended.wait(1.0):
        if chart.mark():
            handle.update(chart)


def _picture(looks: Iterable[GpuUse]) -> str:
    """Return use (line) and memory (area) of each GPU over time, as SVG."""
    kept = list(looks)
    rows = []
    for number, card in enumerate(kept[-1].cards):
        mine = [one.cards[number] for one in kept if number < len(one.cards)]
        use = [(one.percent or 0) / 100 for one in mine]
        memory = [(one.memory_used_mib or 0) / (one.memory_total_mib or 1) for one in mine]
        label = f"GPU {card.index}: use and memory, the last {len(mine)} looks"
        stale = ' opacity="0.4"' if kept[-1].stale else ""
        rows.append(
            f'<svg role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" '
            f'style="max-width:{WIDTH}px;display:block;margin-top:4px"{stale}>'
            f'<polygon points="0,{HEIGHT} {_points(memory)} {WIDTH},{HEIGHT}" fill="currentColor" opacity="0.12"/>'
            f'<polyline points="{_points(use)}" fill="none" stroke="#2e9d4c" stroke-width="2"/></svg>'
        )
    return "".join(rows)


def _points(values: list[float]) -> str:
    step = WIDTH / max(KEPT - 1, 1)
    begin = WIDTH - step * (len(values) - 1)
    pairs = [(begin + step * at, HEIGHT * (1 - max(0.0, min(1.0, value)))) for at, value in enumerate(values)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
