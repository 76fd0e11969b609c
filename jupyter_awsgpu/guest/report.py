"""What the guest says of itself: the fields of the laptop's GuestReport, as JSON."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import time

from . import cluster, commands, facts, ledger, paths, progress, services

COUNTDOWNS = ("idle_stop_in_s", "cap_in_s", "spent", "read_at", "gpu", "cluster")
AGAIN_AFTER_S = 10.0
POLL_S = 0.2
USE_EVERY_S = 10.0
QUIET_S = 60.0
"""A run that wrote nothing for so long is looked for; a step may be silent longer, while it runs."""

BOOT_WITHIN_S = 1200.0
STALLED = "The provisioning is not running and did not end. Provision again: it goes on from there."


def report() -> dict:
    """Return the report of this moment."""
    config = paths.config()
    told = progress.fold(progress.lines())
    if told.pop("program") == "first" and told["phase"] in progress.SETTLED:
        told["phase"] = "provisioning"  # the whole program's run comes after it
    if told.pop("boot") not in (None, paths.boot_id()):
        told = {"phase": "provisioning", "steps": []}  # the run of this boot has not begun
    if told["phase"] in ("provisioning", "rebooting") and _stalled(10 if told["phase"] == "rebooting" else 1):
        told = given_up(told["steps"])
    watched = paths.read_json(paths.state("report.json"), {})
    if watched.get("boot") != paths.boot_id():
        watched = {}
    passed = max(0.0, time.monotonic() - watched.get("at", 0))
    python = paths.read_json(paths.state("python.json"), {})
    several = cluster.told()
    return dict(
        told,
        **({"cluster": several} if several else {}),
        arriving=os.path.exists(paths.program("arriving")),
        version=str(config.get("version") or ""),
        python=str(python.get("version") or ""),
        **_gpu(),
        busy_because=watched.get("busy_because"),
        idle_stop_in_s=_left(watched.get("idle_stop_in_s"), 0 if watched.get("busy_because") else passed),
        cap_in_s=_left(watched.get("cap_in_s"), passed),
        kept_until=_kept_until(),
        ran_s=round(ledger.seconds(), 1),
        spent=ledger.spent(config.get("price_per_hour")),
        notice=watched.get("notice"),
        read_at=_iso(paths.now()),
    )


def given_up(steps: list) -> dict:
    """Return what is told of a run that nobody works on: its first open step has failed (pure)."""
    last = next((step for step in steps if step["phase"] in ("running", "waiting")), None)
    failed = dict(last or {"key": "provision", "text": "Provisioning"}, phase="failed", log=STALLED)
    return {"phase": "failed", "steps": [failed if step is last else step for step in steps] if last else [failed]}


def _stalled(patience: int) -> bool:
    """Whether nothing is written and nothing is there, or on its way, that would write: a wait for it has no end.

    `patience` is in minutes: to go down takes a busy machine several.
    """
    try:
        quiet = abs(paths.now() - os.path.getmtime(progress.file()))
    except OSError:
        quiet = QUIET_S
    up = ledger.uptime()
    if min(quiet, up) < QUIET_S * patience or (up < BOOT_WITHIN_S and _booting()):
        return False
    for _ in range(3):  # between a kill and the service's return lies a second
        if services.seam().running("provision"):
            return False
        time.sleep(1)
    return True


def _booting() -> bool:
    """Whether cloud-init, which starts the first run, is still at work."""
    return os.path.isdir(paths.at("/run/cloud-init")) and not os.path.exists(paths.at("/run/cloud-init/result.json"))


def _left(seconds: "float | None", passed: float) -> "float | None":
    return None if seconds is None else round(max(0.0, seconds - passed), 1)


def _kept_until() -> "str | None":
    from . import watch

    return _iso(paths.read_json(paths.state("keep.json"), {})["wall"]) if watch.kept_for() else None


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.timezone.utc).isoformat(timespec="seconds")


def _gpu() -> dict:
    """Return driver and CUDA, asked once a boot and whenever the driver was not there yet."""
    known = paths.read_json(paths.run("gpu.json"), {})
    if not known.get("driver") and time.monotonic() - known.get("at", -60) > 10:  # noqa: PLR2004 - seconds
        done = commands.ask(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], timeout=60)
        driver = facts.driver_version(done.status, done.output)
        cuda = facts.cuda_of_smi(commands.ask(["nvidia-smi"], timeout=60).output) if driver else None
        known = {"driver": driver, "cuda": cuda, "at": time.monotonic()}
        paths.write_json(paths.run("gpu.json"), known)
    return {"driver": known.get("driver"), "cuda": known.get("cuda"), "gpu": _use() if known.get("driver") else None}


def _use() -> "dict | None":
    """Return how busy and how full the GPUs are, asked every ten seconds at most."""
    known = paths.read_json(paths.run("use.json"), {})
    if not known or not 0 <= time.monotonic() - known["at"] < USE_EVERY_S:
        query = "--query-gpu=utilization.gpu,memory.used,memory.total"
        done = commands.ask(["nvidia-smi", query, "--format=csv,noheader,nounits"], timeout=30)
        known = {"use": facts.gpu_use(done.output) if done.status == 0 else None, "at": time.monotonic()}
        paths.write_json(paths.run("use.json"), known)
    return known["use"]


def follow(until_settled: bool) -> int:
    """Print a report line now and whenever it changes, until the reader is gone (or it is settled)."""
    parent = os.getppid()
    last, said_at = None, 0.0
    while os.getppid() == parent:
        current = report()
        steady = {key: value for key, value in current.items() if key not in COUNTDOWNS}
        if steady != last or time.monotonic() - said_at > AGAIN_AFTER_S:
            try:
                print(json.dumps(current), flush=True)  # noqa: T201 - this is the answer
            except OSError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 0
            last, said_at = steady, time.monotonic()
        if until_settled and current["phase"] in ("ready", "failed"):
            return 0
        time.sleep(POLL_S)
    return 0
