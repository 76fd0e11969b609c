"""Operation logs: the steps of every verb that changes something, for any surface to follow.

One JSON-lines file per run of a verb. Whoever started it (a magic, the terminal, a panel), any other
process can read its steps, and tell by its pid whether it is still at work.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import Event
from jupyter_awsgpu.records.files import Kind, is_of, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Listener = Callable[[Event], None]

WHOLE = ""
"""The step name of events about the operation as a whole."""

KEPT = 200
"""Operation logs kept; older ones are removed as new ones begin."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("operation", "verb", "name", "step", "phase", "text"), str),
    **dict.fromkeys(("at", "pid_started"), int | float),
    **dict.fromkeys(("seconds", "fraction"), int | float | None),
    **dict.fromkeys(("error", "remedy"), str | None),
    "pid": int,
}
"""What a line of a log must hold to count."""


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """An operation as its log has it: what, of which instance, how it stands, its events.

    One that failed carries the error's code and its remedy, for any surface to offer.
    """

    operation: str
    verb: str
    name: str
    pid: int
    pid_started: float
    events: tuple[Event, ...]
    error: str | None = None
    remedy: str | None = None

    @property
    def outcome(self) -> str:
        """`done`, `failed`, `running`, or `broken` if its process is gone without a last word."""
        for event in reversed(self.events):
            if event.step == WHOLE and event.phase in ("done", "failed"):
                return event.phase
        return "running" if _alive(self.pid, self.pid_started) else "broken"


class Step:
    """One step under way: `say` tells how it goes."""

    def __init__(self, operation: Operation, key: str, text: str) -> None:
        self._operation = operation
        self._key = key
        self.text = text

    def say(self, text: str, *, fraction: float | None = None) -> None:
        """Tell where the step stands; `fraction` (0 to 1) where it is known. The last text stays."""
        if text != self.text or fraction is not None:
            self.text = text
            self._operation.emit(self._key, "said", text, fraction=fraction)


class Operation:
    """One run of a changing verb: writes its log and tells its listener."""

    def __init__(self, path: Path, verb: str, name: str, listener: Listener | None) -> None:
        self.id = path.stem
        self.verb = verb
        self.name = name
        self.seconds: dict[str, float] = {}
        self._path = path
        self._listener = listener
        self._began = time.monotonic()

    @contextmanager
    def step(self, key: str, text: str) -> Iterator[Step]:
        """Run a step: its start, its end with the seconds it took, or its failure, are logged."""
        step = Step(self, key, text)
        began = time.monotonic()
        self.emit(key, "started", text)
        try:
            yield step
        except BaseException as exc:
            self.emit(key, "failed", _said(exc), seconds=time.monotonic() - began)
            raise
        self.seconds[key] = time.monotonic() - began
        self.emit(key, "done", step.text, seconds=self.seconds[key])

    def emit(
        self,
        step: str,
        phase: str,
        text: str,
        *,
        seconds: float | None = None,
        fraction: float | None = None,
        refusal: BaseException | None = None,
    ) -> None:
        """Append one event to the log and pass it on; a `refusal` leaves its code and remedy in the log."""
        event = Event(self.id, self.verb, self.name, step, phase, text, time.time(), seconds, fraction)  # type: ignore[arg-type]
        line = json.dumps({**asdict(event), **_process(), **_mend(refusal)}, ensure_ascii=False)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._listener is not None:
            self._listener(event)

    def elapsed_s(self) -> float:
        """Return the seconds since the operation began."""
        return time.monotonic() - self._began


class Operations:
    """The folder of operation logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def begin(self, verb: str, name: str, listener: Listener | None = None) -> Iterator[Operation]:
        """Open a log for one run of `verb`; its end or failure is its last line."""
        operation = self.open(verb, name, listener)
        operation.emit(WHOLE, "started", f"{verb} {name}")
        try:
            yield operation
        except BaseException as exc:
            text = _said(exc)
            operation.emit(WHOLE, "failed", text, seconds=operation.elapsed_s(), refusal=exc)
            raise
        operation.emit(WHOLE, "done", f"{verb} {name}", seconds=operation.elapsed_s())

    def open(self, verb: str, name: str, listener: Listener | None = None) -> Operation:
        """Make the log file, private to its owner, and drop the oldest ones."""
        private_folder(self._folder)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = self._folder / f"{stamp}-{verb}-{name}-{secrets.token_hex(3)}.jsonl"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        for old in self._paths()[:-KEPT]:
            with suppress(PermissionError):  # Windows, and somebody reads it: it goes the next time
                old.unlink(missing_ok=True)
        return Operation(path, verb, name, listener)

    def recent(self, *, name: str | None = None, limit: int = 20) -> tuple[OperationSummary, ...]:
        """Return the newest operations first, of one instance or of all."""
        found = (self._summary(path) for path in reversed(self._paths()))
        wanted = (one for one in found if one is not None and name in (None, one.name))
        return tuple(one for one, _ in zip(wanted, range(limit), strict=False))

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.jsonl"))

    def _summary(self, path: Path) -> OperationSummary | None:
        lines = _whole_lines(path)
        if not lines:
            return None
        events = tuple(_event(line) for line in lines)
        last = lines[-1]
        return OperationSummary(
            path.stem,
            events[0].verb,
            events[0].name,
            last["pid"],
            last["pid_started"],
            events,
            last.get("error"),
            last.get("remedy"),
        )


def _event(line: dict[str, Any]) -> Event:
    return Event(**{key: line.get(key) for key in Event.__dataclass_fields__})  # type: ignore[arg-type]


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines that are complete: the last one may be half written. None are in a log that was just removed."""
    lines, texts = [], []
    with suppress(FileNotFoundError):  # another operation began, and this log was the oldest
        texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for text in texts:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and all(is_of(line.get(name), kind) for name, kind in KINDS.items()):
            lines.append(line)
    return lines


def _mend(refusal: BaseException | None) -> dict[str, str]:
    if not isinstance(refusal, AwsGpuError):
        return {}
    return {"error": refusal.code, "remedy": refusal.remedy}


def _process() -> dict[str, float]:
    pid = os.getpid()
    return {"pid": pid, "pid_started": _started(pid)}


@cache
def _started(pid: int) -> float:
    import psutil

    return psutil.Process(pid).create_time()


def _alive(pid: int, started: float) -> bool:
    import psutil

    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except (psutil.Error, ValueError, OverflowError):  # the last two for what is no process id
        return False


def _said(exc: BaseException) -> str:
    """Return what ended a step, in words: the stop button has no sentence of its own."""
    if isinstance(exc, AwsGpuError):
        return exc.english  # a log is read in whatever language its reader speaks
    return "Interrupted" if isinstance(exc, KeyboardInterrupt) else str(exc) or type(exc).__name__
