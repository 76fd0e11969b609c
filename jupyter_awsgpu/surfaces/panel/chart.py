"""GPU use and memory as a small line chart in SVG. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.surfaces.panel.snapshot import GpuUse

WIDTH, HEIGHT = 160, 32


def draw(readings: Sequence[GpuUse], tr: Callable[[str], str]) -> str:
    """Return the chart with its last figures in words, or nothing before there is a reading."""
    if not readings:
        return ""
    last = readings[-1]
    words = tr("GPU {percent} %").format(percent=f"{last.percent:.0f}")
    memory = [100 * one.memory_used_mib / one.memory_total_mib for one in readings if _has_memory(one)]  # type: ignore[operator]
    if _has_memory(last):
        words += tr(", memory {used} of {total} GiB").format(
            used=f"{(last.memory_used_mib or 0) / 1024:.1f}", total=f"{(last.memory_total_mib or 0) / 1024:.0f}"
        )
    lines = _line([one.percent for one in readings], "use") + (_line(memory, "memory") if memory else "")
    return (
        f'<div class="awsgpu-chart"><svg role="img" aria-label="{escape(words, quote=True)}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}</svg><span>{escape(words)}</span></div>'
    )


def _has_memory(reading: GpuUse) -> bool:
    return reading.memory_used_mib is not None and bool(reading.memory_total_mib)


def _line(percents: Sequence[float], kind: str) -> str:
    if len(percents) == 1:
        percents = [percents[0], percents[0]]
    step = WIDTH / (len(percents) - 1)
    points = " ".join(
        f"{index * step:.1f},{HEIGHT - 1 - (HEIGHT - 2) * max(0.0, min(100.0, value)) / 100:.1f}"
        for index, value in enumerate(percents)
    )
    return f'<polyline class="awsgpu-line-{kind}" points="{points}"/>'
