"""Run a recipe: step by step, each looked at first, every end written down before the next begins."""

from __future__ import annotations

import errno
import fcntl
import os
import time
import traceback

from . import commands, facts, paths, progress, recipe

REBOOTS_AT_MOST = 3


def provision() -> int:
    """Bring the host to what the configuration wants; run again, it changes nothing that is right.

    Returns 0 also where a step failed: the report says so, and a failed step does not mend itself by
    being repeated at once.
    """
    os.makedirs(paths.run(), exist_ok=True)
    with open(paths.run("provision.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        steps = recipe.steps(paths.config(), facts.gather())
        progress.trim()
        progress.load_ballast()
        progress.note("began", plan=[{"key": step.key, "text": step.text} for step in steps], boot=paths.boot_id())
        for step in steps:
            if not _walk(step):
                progress.note("gave-up")
                return 0
            if step.reboot and _needs_reboot():
                progress.note("rebooting")
                commands.ask(["shutdown", "-r", "now"])
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
