"""Figures of the benchmarks: what was seen beside what is wanted, as text, as JSON, and as the page of the docs."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psutil


@dataclass(frozen=True)
class Figure:
    """One figure: `goal` is the most it may be (None where it only informs), `unit` what it counts in."""

    what: str
    seen: float | None
    goal: float | None = None
    unit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return whether the goal is met, in a word."""
        if self.seen is None:
            return "not measured"
        return "" if self.goal is None or self.seen <= self.goal else "missed"


@dataclass(frozen=True)
class Peer:
    """Another way to a running instance: `source` says who measured it, where and when."""

    name: str
    calls: int | None
    seconds: float | None
    span: float | None
    source: str


QUOTED = (
    Peer("fastec2", 10, 2.1, 0.70, "measured earlier on another mock of AWS, two shared cores, 2026-11"),
    Peer("Ray 2.60 `ray up`", 19, 6.9, 5.1, "measured earlier on another mock of AWS, two shared cores, 2026-11"),
    Peer("SkyPilot 0.14.1", 18, 7.8, 3.6, "measured earlier on another mock of AWS, two shared cores, 2026-11"),
)
"""Those that are not installed here; every call took 100 ms."""


def machine() -> str:
    """Return the machine in words, with its load: a figure is worth as much."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    cores, python = psutil.cpu_count(), platform.python_version()
    return f"{platform.system()} {platform.machine()}, {cores} processors, Python {python}, load {load:.1f}"


def today() -> str:
    """Return the day."""
    return datetime.now(UTC).date().isoformat()


def number(value: float | None) -> str:
    """Return a figure as a person reads it."""
    return "–" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def text(figures: list[Figure], peers: list[Peer]) -> str:
    """Return the table for a terminal."""
    rows = [f"{'':62} {'goal':>7} {'seen':>7}"]
    rows += [f"{one.what:62} {number(one.goal):>7} {number(one.seen):>7} {one.unit:4} {one.verdict}" for one in figures]
    rows += ["", f"{'peers, 100 ms a call':42} {'calls':>6} {'command':>8} {'span':>6}"]
    rows += [
        f"{one.name:42} {number(one.calls):>6} {number(one.seconds):>8} {number(one.span):>6}  {one.source}"
        for one in peers
    ]
    return "\n".join(rows)


def markdown(figures: list[Figure], peers: list[Peer], *, rounds: int) -> str:
    """Return the page that the docs keep."""
    lines = [
        "# Speed",
        "",
        "What of a launch is ours, beside what AWS and the instance take. Made by `python3 dev.py bench`, on the",
        "simulated AWS with 100 ms added to every call where nothing else is said;",
        f"medians of {rounds} interleaved rounds, each ratio within one run.",
        "",
        f"Measured {today()} on {machine()}.",
        "",
        "| | goal | seen | |",
        "|---|---|---|---|",
    ]
    for one in figures:
        unit = f" {one.unit}" if one.unit and one.seen is not None else ""
        said = "; ".join(part for part in (one.verdict, one.note) if part)
        lines.append(f"| {one.what} | {number(one.goal)} | {number(one.seen)}{unit} | {said} |")
    lines += [
        "",
        "Other ways to a running instance, with 100 ms a call:",
        "",
        "| | AWS calls | command → running known, s | first call → running known, s | from |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {number(one.calls)} | {number(one.seconds)} | {number(one.span)} | {one.source} |"
        for one in peers
    ]
    return "\n".join(lines) + "\n"


def document(figures: list[Figure], peers: list[Peer], *, rounds: int) -> dict[str, Any]:
    """Return all of it as JSON-able values."""
    return {
        "measured": today(),
        "machine": machine(),
        "rounds": rounds,
        "figures": [{**asdict(one), "verdict": one.verdict or "met"} for one in figures],
        "peers": [asdict(one) for one in peers],
    }
