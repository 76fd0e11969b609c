"""One thread a process that looks: at files every moment, at AWS seldom; it tells its listeners what changed.

Everything another process did (a magic, the terminal, another panel) shows in the records' files, so
a change there is seen at once; AWS is asked again when such a change ends, and else at `pace`'s rate.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError, Bug
from jupyter_awsgpu.surfaces.panel import pace
from jupyter_awsgpu.surfaces.panel.snapshot import GpuUse, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

    Listener = Callable[[Snapshot], None]

READINGS = 60
"""GPU readings kept for the chart."""


class Watcher:
    """Looks for as long as somebody listens. `open_bench(demo)` builds the rooms, in the watching thread."""

    def __init__(self, open_bench: Callable[[bool], Workbench], *, demo: bool) -> None:
        self._open = open_bench
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._hurried = True
        self._bench: Workbench | None = None
        self._gpu: dict[str, deque[GpuUse]] = {}
        self.snapshot = Snapshot(at=time.time(), demo=demo)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` every new snapshot from now on, and the present one at once; return how to stop."""
        with self._lock:
            self._listeners.append(listener)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="awsgpu-watcher", daemon=True)
                self._thread.start()
        listener(self.snapshot)

        def stop() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    def hurry(self) -> None:
        """Ask AWS at once, whatever the pace says."""
        self._hurried = True
        self._wake.set()

    def use_demo(self, demo: bool) -> None:
        """Look at the simulated AWS, or at the real one, from now on."""
        if demo == self.snapshot.demo:
            return
        with self._lock:
            self._bench = None
            self._gpu.clear()
            self.snapshot = Snapshot(at=time.time(), demo=demo)
        self._tell()
        self.hurry()

    def bench(self) -> Workbench:
        """Return the rooms for the AWS in view (opened on first use; raises what opening them raises)."""
        with self._lock:
            known, demo = self._bench, self.snapshot.demo
        if known is not None:
            return known
        opened = self._open(demo)
        with self._lock:
            if demo == self.snapshot.demo:
                self._bench = opened
        return opened

    def _watch(self) -> None:
        seen: object = None
        ask_at, refusals = 0.0, 0
        while self._listened():
            now = time.monotonic()
            marks = self._marks()
            due = self._hurried or now >= ask_at
            if due:
                self._hurried = False
                refusals = 0 if self._ask() else refusals + 1
                ask_at = time.monotonic() + pace.until_next_ask_s(self.snapshot, refusals)
            elif marks != seen:
                if self._reread():
                    self._hurried = True
                ask_at = min(ask_at, now + pace.until_next_ask_s(self.snapshot, refusals))
            else:
                self._tick()
            seen = marks
            if not self._hurried:
                self._wake.wait(pace.FILES_S)
            self._wake.clear()

    def _listened(self) -> bool:
        with self._lock:
            if self._listeners:
                return True
            self._thread = None
            return False

    def _marks(self) -> tuple[tuple[str, int], ...]:
        """Return names and times of the files that tell what others did: a stat each, nothing read."""
        if self._bench is None:
            return ()
        records = self._bench.records
        folders = (records.root / "operations", records.root / "reports", records.tunnel_folder)
        return tuple(sorted(mark for folder in folders for mark in _times(folder)))

    def _ask(self) -> bool:
        """Ask AWS; a refusal is shown, and what was known before stays."""
        from jupyter_awsgpu.verbs.status import status

        demo = self.snapshot.demo
        try:
            bench = self.bench()
            instances = tuple(one for one in status(bench) if one.state.alive or one.state == "shutting-down")
        except AwsGpuError as exc:
            self._show(demo, refusal=exc)
            return False
        except Exception as exc:
            self._show(demo, refusal=Bug(what=f"{type(exc).__name__}: {exc}", log_file="the panel's kernel"))
            return False
        self._show(demo, instances=instances, refusal=None, asked=time.time(), **self._of_files(bench, instances))
        return True

    def _reread(self) -> bool:
        """Read the records again; return whether an operation began or ended, so that AWS will have news."""
        bench = self._bench
        if bench is None:
            return False
        before = {(one.operation, one.outcome) for one in self.snapshot.operations}
        instances = tuple(_with_records(bench, one) for one in self.snapshot.instances)
        self._show(bench.demo, instances=instances, **self._of_files(bench, instances))
        return {(one.operation, one.outcome) for one in self.snapshot.operations} != before

    def _of_files(self, bench: Workbench, instances: tuple[Instance, ...]) -> dict[str, Any]:
        for one in instances:
            self._read_gpu(bench, one.instance_id)
        return {
            "operations": bench.records.operations.recent(),
            "gpu": {key: tuple(readings) for key, readings in self._gpu.items()},
        }

    def _read_gpu(self, bench: Workbench, instance_id: str) -> None:
        said = (bench.records.reports.read(instance_id) or {}).get("gpu")
        if isinstance(said, dict) and isinstance(said.get("percent"), int | float):
            reading = GpuUse(float(said["percent"]), said.get("memory_used_mib"), said.get("memory_total_mib"))
            self._gpu.setdefault(instance_id, deque(maxlen=READINGS)).append(reading)

    def _tick(self) -> None:
        """Let ages and countdowns go on, some seconds at a time; a running operation may have died."""
        if time.time() - self.snapshot.at >= 5.0:  # noqa: PLR2004 - seconds
            self._show(self.snapshot.demo)

    def _show(self, demo: bool, **changes: Any) -> None:
        with self._lock:
            if demo != self.snapshot.demo:
                return
            self.snapshot = replace(self.snapshot, at=time.time(), **changes)
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            listeners, snapshot = tuple(self._listeners), self.snapshot
        for listener in listeners:
            with suppress(Exception):  # a closed widget must not end the watch
                listener(snapshot)


def _with_records(bench: Workbench, instance: Instance) -> Instance:
    from jupyter_awsgpu.verbs.selection import with_tunnel
    from jupyter_awsgpu.verbs.status import with_report

    return with_report(bench, with_tunnel(bench, instance))


def _times(folder: Path) -> list[tuple[str, int]]:
    import os

    try:
        with os.scandir(folder) as entries:
            return [(one.name, one.stat().st_mtime_ns) for one in entries]
    except OSError:
        return []
