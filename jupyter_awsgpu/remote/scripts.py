"""Runs on an instance: scripts and notebooks that need nobody; asked and followed over SSH."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

from jupyter_awsgpu.errors import NoSuchRun, RemoteCommandFailed
from jupyter_awsgpu.model import Run
from jupyter_awsgpu.remote.text import CONTROL, clean, document, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jupyter_awsgpu.host import Host

State = Literal["running", "done", "failed", "cancelled", "lost"]
_STATES: dict[str, State] = {state: state for state in get_args(State)}
FOLDER = ".awsgpu/runs"
"""Where runs are kept, below the instance's home."""


def start(host: Host, name: str, run_id: str, *, script: str, args: Sequence[str], text: bytes) -> Run:
    """Start a script or notebook, given as its bytes; it needs no connection from then on."""
    request = {"id": run_id, "script": script, "args": list(args), "program": _program()}
    return _run_of(_ask(host, "start", request, text), host, name)


def runs(host: Host, name: str) -> tuple[Run, ...]:
    """Return the runs that the instance keeps, the latest first."""
    found = _ask(host, "list", {}).get("runs")
    return tuple(run_from(one, name) for one in found if isinstance(one, dict)) if isinstance(found, list) else ()


def cancel(host: Host, name: str, run_id: str) -> Run:
    """End a run: asked first, then made to. Raises `NoSuchRun`."""
    answer = _ask(host, "cancel", {"id": run_id})
    if "run" not in answer:
        raise NoSuchRun(name=name, run=run_id)
    return _run_of(answer, host, name)


def follow(host: Host, name: str, run_id: str, at: int, *, on: bool) -> Iterator[tuple[str, int, Run | None]]:
    """Yield (text, next byte, None) of the log from byte `at` as it grows, and at last ("", byte, the run).

    Raises `NoSuchRun`, and what `host` raises when the connection breaks.
    """
    dialogue = host.talk(["python3", "-c", _program(), "follow"])
    dialogue.say(json.dumps({"id": run_id, "at": at, "on": on}))
    for line in dialogue.lines():
        found = document(line)
        if "refused" in found:
            raise NoSuchRun(name=name, run=run_id)
        if "run" in found:
            yield "", at, _run_of(found, host, name)
            return
        at = int(number(found.get("at")) or at)
        yield str(found.get("log", "")), at, None


def plain(text: str) -> str:
    """Return a line of a log as it may be shown: what moves a terminal's cursor stays out."""
    kept = text.rpartition("\r")[2] if "\r" in text.rstrip("\r") else text.rstrip("\r")
    return clean(CONTROL.sub("", kept), 10_000)


def _run_of(answer: Mapping[str, Any], host: Host, name: str) -> Run:
    if not isinstance(answer.get("run"), dict):
        raise RemoteCommandFailed(name=host.name, command="python3", status=0, output="it named no run")
    return run_from(answer["run"], name)


def run_from(found: Mapping[str, Any], name: str) -> Run:
    """Return a run out of an instance's answer. Pure."""
    at = number(found.get("at"))
    status = number(found.get("status"))
    args = found.get("args")
    return Run(
        id=clean(found.get("id"), 80),
        name=name,
        script=clean(found.get("script"), 200),
        args=tuple(clean(one, 1000) for one in args) if isinstance(args, list) else (),
        state=_STATES.get(clean(found.get("state"), 20), "lost"),
        status=None if status is None else int(status),
        started_at=None if at is None else datetime.fromtimestamp(at, UTC),
        seconds=number(found.get("seconds")),
        executed=found.get("executed") is True,
    )


def _program() -> str:
    return files("jupyter_awsgpu.guest").joinpath("scripts.py").read_text(encoding="utf-8")


def _ask(host: Host, act: str, request: dict[str, Any], text: bytes = b"") -> dict[str, Any]:
    stdin = json.dumps(request).encode() + b"\n" + text
    done = host.run(["python3", "-c", _program(), act], stdin=stdin, timeout_s=120)
    answer = document(done.stdout)
    if "refused" in answer and act != "cancel":
        raise RemoteCommandFailed(name=host.name, command=f"run {act}", status=1, output=clean(answer["refused"], 300))
    return answer
