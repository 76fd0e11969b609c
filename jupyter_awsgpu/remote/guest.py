"""The guest program, asked and followed from the laptop over one verified SSH connection."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from jupyter_awsgpu.errors import ProvisioningFailed, RemoteCommandFailed
from jupyter_awsgpu.model import GUEST_COMMAND, GuestReport, GuestStep
from jupyter_awsgpu.remote.cluster import report_of
from jupyter_awsgpu.remote.text import clean, document, number
from jupyter_awsgpu.remote.user_data import BRING, GuestConfig, upload, whole_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyter_awsgpu.host import Host

Phase = Literal["provisioning", "ready", "failed", "rebooting"]
StepPhase = Literal["waiting", "running", "done", "skipped", "failed"]
_PHASES: dict[str, Phase] = {phase: phase for phase in get_args(Phase)}
_STEP_PHASES: dict[str, StepPhase] = {phase: phase for phase in get_args(StepPhase)}

DATA_FILE = "data.json"
"""Which volume belongs at ~/data: a file of /etc/awsgpu."""

SHOW_DATA = f'cat "${{AWSGPU_ROOT:-}}/etc/awsgpu/{DATA_FILE}" 2>/dev/null'
GUEST_WITHIN_S = 300.0
"""How long cloud-init may take, after SSH answers, until the guest's command is there."""

RETRY_S = 0.2
STEPS_AT_MOST = 100
LAST_LINES = 3
LOG_LIMIT = 4000


def read_report(host: Host) -> GuestReport:
    """Return the guest's report of this moment. Raises RemoteCommandFailed where no guest answers."""
    return report_from(_status(host))


def follow_progress(
    host: Host, on_step: Callable[[GuestStep], None], extra: Mapping[str, str] | None = None
) -> GuestReport:
    """Follow the provisioning until it is ready, calling `on_step` at each change of a step.

    Brings the rest of the program, and `extra` files for /etc/awsgpu, first where only its seed is
    there, and later what they say of a data volume, if that is news. Raises ProvisioningFailed with
    the step and its log's last lines. A reboot in between ends the connection: the caller reconnects.
    """
    provision_when_there(host, extra)
    seen: dict[str, tuple[str, str]] = {}
    report = GuestReport(phase="provisioning")
    for line in host.follow([GUEST_COMMAND, "status", "--json", "--follow", "--until-settled"], sudo=True):
        report = report_from(document(line))
        for step in report.steps:
            if seen.get(step.key) != (step.phase, step.text):
                seen[step.key] = (step.phase, step.text)
                on_step(step)
    if report.phase == "failed":
        raise _failure(report, host.name)
    return report


def watch_reports(host: Host, on_report: Callable[[GuestReport], None]) -> None:
    """Call `on_report` with the report now and at each change; returns when the connection ends."""
    for line in host.follow([GUEST_COMMAND, "status", "--json", "--follow"], sudo=True):
        found = document(line)
        if found:
            on_report(report_from(found))


def provision(
    host: Host,
    config: GuestConfig | None = None,
    extra: Mapping[str, str] | None = None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Bring this package's guest program and run it; returns at once.

    With it go a whole `config`, `extra` files for /etc/awsgpu, and `changes` to the configuration that
    is there: "environment", "pip_index" or "mirror", as `GuestConfig` has them.
    """
    host.run([GUEST_COMMAND, "update"], stdin=upload(config, dict(extra or {})), sudo=True)
    if changes:
        host.run([GUEST_COMMAND, "configure"], stdin=json.dumps(dict(changes)).encode(), sudo=True)
    host.run([GUEST_COMMAND, "provision"], sudo=True)


def install(host: Host, config: GuestConfig, extra: Mapping[str, str] | None = None) -> None:
    """Bring the guest program to an instance whose user-data had none of it, and run it; returns at once."""
    host.run(["sh", "-c", BRING], stdin=whole_program(config), sudo=True)
    provision(host, config, extra)


def provision_when_there(host: Host, extra: Mapping[str, str] | None = None) -> None:
    """Wait until cloud-init has put the first part there, and bring the whole; returns at once then.

    What the first part has begun goes on, and passes over to the whole program between two steps.
    """
    deadline = time.monotonic() + GUEST_WITHIN_S
    while True:
        try:
            found = _status(host)
        except RemoteCommandFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(RETRY_S)
            continue
        if found.get("program") or found.get("arriving"):  # its first part, or the whole that nobody has started yet
            host.run(["sh", "-c", BRING], stdin=whole_program(), sudo=True)
            host.run([GUEST_COMMAND, "update"], stdin=upload(extra=dict(extra or {})), sudo=True)
            host.run([GUEST_COMMAND, "boot"], sudo=True)
        elif extra and DATA_FILE in extra and _has(host) != extra[DATA_FILE]:
            provision(host, extra={DATA_FILE: extra[DATA_FILE]})
        return


def _has(host: Host) -> str:
    """Return what the instance knows of a data volume."""
    return host.run(["sh", "-c", SHOW_DATA], sudo=True, check=False).stdout.decode("utf-8", "replace")


def configure(host: Host, changes: Mapping[str, object]) -> None:
    """Change the configuration on the instance: what `provision` takes as `changes`, or what its hours cost."""
    host.run([GUEST_COMMAND, "configure"], stdin=json.dumps(dict(changes)).encode(), sudo=True)


def grow(host: Host) -> dict[str, Any]:
    """Let the root's file system fill a disk that was made larger; return what there is now."""
    return document(host.run([GUEST_COMMAND, "grow"], sudo=True, timeout_s=300).stdout)


def keep(host: Host, hours: float) -> None:
    """Hold the instance's idle stop off for `hours` from now; 0 takes a hold back."""
    host.run([GUEST_COMMAND, "keep", f"{hours:g}"], sudo=True)


def logs(host: Host, source: str = "guest", *, follow: bool = False) -> Iterator[str]:
    """Yield the lines of the guest's provisioning log, or of Jupyter's."""
    for line in host.follow([GUEST_COMMAND, "logs", "--source", source, *(["-f"] if follow else [])], sudo=True):
        yield clean(line)


def report_from(found: Mapping[str, Any]) -> GuestReport:
    """Return the report in an instance's answer: pure; what has another type or size than it should is left out."""
    steps = found.get("steps")
    rows = steps[:STEPS_AT_MOST] if isinstance(steps, list) else []
    return GuestReport(
        phase=_PHASES.get(clean(found.get("phase"), 20), "provisioning"),
        steps=tuple(_step(row) for row in rows if isinstance(row, dict)),
        version=clean(found.get("version"), 40),
        python=clean(found.get("python"), 40),
        driver=clean(found.get("driver"), 40) or None,
        cuda=clean(found.get("cuda"), 40) or None,
        busy_because=clean(found.get("busy_because"), 200) or None,
        idle_stop_in_s=number(found.get("idle_stop_in_s")),
        cap_in_s=number(found.get("cap_in_s")),
        kept_until=_moment(found.get("kept_until")),
        spent=number(found.get("spent")),
        notice=clean(found.get("notice"), 200) or None,
        read_at=_moment(found.get("read_at")),
        gpu=_gpu(found.get("gpu")),
        ran_s=number(found.get("ran_s")),
        cluster=report_of(found.get("cluster")),
    )


def _step(row: Mapping[str, Any]) -> GuestStep:
    return GuestStep(
        key=clean(row.get("key"), 40),
        text=clean(row.get("text"), 200),
        phase=_STEP_PHASES.get(clean(row.get("phase"), 20), "waiting"),
        seconds=number(row.get("seconds")),
        log=clean(row.get("log"), LOG_LIMIT),
    )


def _gpu(value: object) -> dict[str, float] | None:
    """Return use in percent and memory in MiB, where all of it is numbers."""
    if not isinstance(value, dict):
        return None
    known = {key: number(value.get(key)) for key in ("percent", "memory_used_mib", "memory_total_mib")}
    numbers = {key: one for key, one in known.items() if one is not None}
    return numbers if len(numbers) == len(known) else None


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(clean(value, 40)).astimezone()
    except (ValueError, OverflowError):
        return None


def _status(host: Host) -> dict[str, Any]:
    return document(host.run([GUEST_COMMAND, "status", "--json"], sudo=True).stdout)


def _failure(report: GuestReport, name: str) -> ProvisioningFailed:
    """Return the error: what the step says, and of a long log its last lines (`logs` has all of it)."""
    failed = next((step for step in report.steps if step.phase == "failed"), None)
    said = failed.log.splitlines() if failed else ["no step says why"]
    short = [*said[:1], *said[1:][-LAST_LINES:]]
    return ProvisioningFailed(name=name, step=failed.text if failed else "provisioning", log="; ".join(short))
