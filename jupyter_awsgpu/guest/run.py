"""Run a recipe: step by step, each looked at first, every end written down before the next begins."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
import traceback

from . import commands, paths, progress, services

REBOOTS_AT_MOST = 3


def here() -> list:
    """Return the command line that runs this program, but for the verb."""
    return [sys.executable, "-sE", paths.program("main.py")]


def service() -> services.Service:
    """Return the provisioning as a service: it goes on after a kill and at every boot."""
    return services.Service("provision", [*here(), "provision", "--here"], restart="abnormal")


def provision(recipe, program: str = "whole", passes=None) -> int:  # noqa: ANN001 - two functions
    """Bring the host to what the configuration wants; run again, it changes nothing that is right.

    `recipe(config)` returns the steps; between two of them, and at the end, the run is left where `passes()`
    says that another program takes over. Returns 0 also where a step failed: the report says so, and a failed
    step does not mend itself by being repeated at once.
    """
    os.makedirs(paths.run(), exist_ok=True)
    with open(paths.run("provision.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        steps = recipe(paths.config())
        progress.trim()
        progress.load_ballast()
        plan = [{"key": step.key, "text": step.text} for step in steps]
        progress.note("began", plan=plan, boot=paths.boot_id(), program=program)
        for step in steps:
            if passes and passes():
                return 0
            if not _walk(step):
                progress.note("gave-up")
                return 0
            if step.reboot and _needs_reboot():
                progress.note("rebooting")
                for _ in range(REBOOTS_AT_MOST):  # a busy machine may not hear it the first time
                    commands.ask(["shutdown", "-r", "now"], timeout=60)
                    time.sleep(60)
                return 0
        progress.note("ended")
        paths.remove(paths.state("reboots.json"))
    return 0


def _walk(step: progress.Step) -> bool:
    begun = time.monotonic()

    def tell(phase: str, **more: object) -> None:
        progress.note(phase, step=step.key, **more)

    try:
        if step.right():
            tell("skipped", text=step.text, seconds=0)
            return True
        tell("running", text=step.text)
        noted = step.act(lambda text: tell("running", text=text))
        if not step.right():
            raise commands.Failed("did all it should, without the effect it should have")
    except Exception as exc:  # a step must report, whatever happened to it
        if getattr(exc, "errno", None) == errno.ENOSPC:
            exc = commands.DiskFull("what this step writes")
        known = isinstance(exc, commands.Failed)
        log = str(exc) if known else traceback.format_exc(limit=-3)
        tell("failed", text=step.text, seconds=_since(begun), log=log[-progress.LOG_LIMIT :])
        return False
    tell("done", text=noted or step.text, seconds=_since(begun))
    return True


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 3)


def _needs_reboot() -> bool:
    """Whether a change of this boot wants a reboot; a host that does not mend is not rebooted for ever."""
    wish = paths.read_json(paths.state("reboots.json"), {})
    if wish.get("wanted_in") != paths.boot_id():
        return False
    times = wish.get("times", 0) + 1
    paths.write_json(paths.state("reboots.json"), dict(wish, times=times))
    return times <= REBOOTS_AT_MOST
