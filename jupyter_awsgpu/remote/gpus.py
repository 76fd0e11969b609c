"""The GPUs of an instance, asked over SSH; what it answers is read as numbers and short words."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import NoGpuAnswers
from jupyter_awsgpu.model import GpuCard, GpuProcess, GpuUse
from jupyter_awsgpu.remote.text import clean, document, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_awsgpu.host import Host

CARDS_AT_MOST = 64
PROCESSES_AT_MOST = 200


def watch(host: Host, name: str, every_s: float, count: int = 0) -> Iterator[GpuUse]:
    """Yield a look every `every_s` seconds, `count` of them or until the connection ends.

    Raises `NoGpuAnswers` where nvidia-smi does not, and the errors of `host`.
    """
    program = files("jupyter_awsgpu.guest").joinpath("gpus.py").read_text(encoding="utf-8")
    for line in host.follow(["python3", "-c", program, f"{every_s:g}", str(count)]):
        yield use_from(document(line), name)


def use_from(found: Mapping[str, Any], name: str) -> GpuUse:
    """Return a look from an instance's answer. Pure. Raises `NoGpuAnswers`."""
    cards = found.get("cards")
    if not isinstance(cards, list) or not cards:
        raise NoGpuAnswers(name=name, why=clean(found.get("refused"), 300) or "nvidia-smi names no GPU")
    processes = found.get("processes")
    rows = processes[:PROCESSES_AT_MOST] if isinstance(processes, list) else []
    numbers = {clean(one.get("uuid"), 60): _figure(one, "index") for one in cards if isinstance(one, dict)}
    return GpuUse(
        name=name,
        read_at=datetime.fromtimestamp(number(found.get("at")) or 0.0, UTC),
        cards=tuple(_card(one) for one in cards[:CARDS_AT_MOST] if isinstance(one, dict)),
        processes=tuple(_process(one, numbers) for one in rows if isinstance(one, dict)),
    )


def _card(one: Mapping[str, Any]) -> GpuCard:
    return GpuCard(
        index=int(_figure(one, "index") or 0),
        model=clean(one.get("name"), 60),
        percent=_figure(one, "utilization.gpu"),
        memory_used_mib=_figure(one, "memory.used"),
        memory_total_mib=_figure(one, "memory.total"),
        celsius=_figure(one, "temperature.gpu"),
        watts=_figure(one, "power.draw"),
        watts_limit=_figure(one, "power.limit"),
    )


def _process(one: Mapping[str, Any], numbers: Mapping[str, float | None]) -> GpuProcess:
    index = numbers.get(clean(one.get("gpu_uuid"), 60))
    return GpuProcess(
        pid=int(_figure(one, "pid") or 0),
        command=clean(one.get("process_name"), 200),
        memory_mib=_figure(one, "used_gpu_memory"),
        card=None if index is None else int(index),
    )


def _figure(one: Mapping[str, Any], key: str) -> float | None:
    """Return a number out of nvidia-smi's words; `[N/A]` and its kind are none."""
    try:
        return number(float(str(one.get(key))))
    except ValueError:
        return None
