"""`run`: a script or a notebook on an instance, by itself; its log is followed here and kept there."""

from __future__ import annotations

import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Interrupted, NothingThere, RunFailed, SshUnreachable
from jupyter_awsgpu.remote import scripts
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_awsgpu.model import Instance, Run
    from jupyter_awsgpu.verbs.workbench import Workbench

AGAIN_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Pauses before each further attempt to follow a run whose connection broke."""


def run(bench: Workbench, script: str, args: Sequence[str] = (), name: str | None = None) -> Run:
    """Start a script (or notebook) of this machine on the instance; it goes on whatever becomes of this machine.

    It runs where the instance's Jupyter begins, so files that were pushed are found. Raises `NothingThere`.
    """
    path = Path(script).expanduser()
    if not path.is_file():
        raise NothingThere(path=script, where="this machine", verb="run")
    instance = choose(bench, name, "run")
    require_running(instance, "run a script")
    run_id = f"{re.sub(r'[^A-Za-z0-9_-]', '-', path.stem)[:40]}-{secrets.token_hex(2)}"
    with (
        bench.records.operations.begin("run", instance.name, bench.listener) as operation,
        operation.step("start", f"Starting {path.name} on {instance.name}") as step,
        reach(bench, instance) as host,
    ):
        started = scripts.start(host, instance.name, run_id, script=path.name, args=args, text=path.read_bytes())
        step.say(f"{path.name} runs on {instance.name} as {run_id}")
        return started


def log(bench: Workbench, run_id: str, name: str | None = None, *, on: bool = True) -> Iterator[str]:
    """Yield a run's log by lines, to its end if `on`; a connection that breaks is made again.

    Raises `RunFailed` at the end of one that failed, `Interrupted` when the person leaves, `NoSuchRun`.
    """
    instance = choose(bench, name, "runs")
    require_running(instance, "show a run's log")
    ended: Run | None = None
    rest = ""
    try:
        for text, found in _log(bench, instance, run_id, on=on):
            ended = found
            *lines, rest = (rest + text).split("\n")
            yield from map(scripts.plain, lines)
    except KeyboardInterrupt as exc:
        left = f"{run_id} goes on, on {instance.name}."
        raise Interrupted(exists=left, command=f"awsgpu runs {instance.name} --log {run_id}") from exc
    if rest:
        yield scripts.plain(rest)
    if ended is not None and on and ended.state not in ("done", "running"):
        how = "was lost with a stop of the instance" if ended.state == "lost" else f"ended with status {ended.status}"
        how = "was cancelled" if ended.state == "cancelled" else how
        raise RunFailed(name=instance.name, run=run_id, how=how)


def _log(bench: Workbench, instance: Instance, run_id: str, *, on: bool) -> Iterator[tuple[str, Run | None]]:
    at, attempt = 0, 0
    while True:
        try:
            with reach(bench, instance) as host:
                for text, reached, found in scripts.follow(host, instance.name, run_id, at, on=on):
                    at, attempt = reached, 0
                    yield text, found
                    if found is not None:
                        return
        except SshUnreachable:
            if attempt >= len(AGAIN_S):
                raise
        if attempt >= len(AGAIN_S):
            raise SshUnreachable(name=instance.name, address=instance.public_address or "")
        time.sleep(AGAIN_S[attempt])
        attempt += 1
