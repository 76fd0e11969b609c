"""The one door to other programs: a list in, status and output out, a limit on time, a log."""

from __future__ import annotations

import os
import signal
import subprocess
import time

from . import accounts, paths

TAIL_LINES = 12
NO_ROOM = "No space left on device"
"""How every program here, in the C locale, words ENOSPC."""


class Failed(Exception):
    """A command, or a step, did not do what it should; the text is for the person."""


class DiskFull(Failed):
    """There was no room; the text says for what."""

    def __init__(self, what: str) -> None:
        Failed.__init__(self, "The disk is full: there was no room for %s. Make some, then provision again." % what)


class Result:
    """What a command did: exit `status` (124 where it ran out of time) and its `output`."""

    def __init__(self, status: int, output: str) -> None:
        self.status = status
        self.output = output


def ask(argv: list, timeout: float = 20, user: str | None = None) -> Result:
    """Run a quick command for its output; a missing program has status 127."""
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=accounts.environment(user),
            preexec_fn=accounts.becoming(user),
            cwd="/",
        )
    except FileNotFoundError:
        return Result(127, argv[0] + ": not found")
    try:
        output = child.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        child.kill()  # and never waited for: a driver that hangs keeps its caller where no signal reaches
        child.stdout.close()
        return Result(124, "%s: no answer within %g s" % (argv[0], timeout))
    return Result(child.returncode, output.decode("utf-8", "replace"))


def do(argv: list, timeout: float = 1800, user: str | None = None, cwd: str = "/", **env: str) -> None:
    """Run a command that changes something, its output in the provisioning log.

    Raises `Failed` with the last lines. The whole process group ends with the limit.
    """
    path = paths.log("provision")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as log:
        log.write(("$ %s\n" % " ".join(argv)).encode())
        log.flush()
        start = log.tell()
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=accounts.environment(user, **env),
                preexec_fn=accounts.becoming(user),
                start_new_session=True,
                cwd=cwd,
            )
        except FileNotFoundError:
            raise Failed(argv[0] + ": not found") from None
        status = _wait(child, timeout)
    if status and NO_ROOM in tail(path, start, 400):
        raise DiskFull("what %s writes" % os.path.basename(argv[0]))
    if status:
        what = "ran longer than %g s" % timeout if status == 124 else "ended with status %d" % status  # noqa: PLR2004
        raise Failed("%s %s\n%s" % (os.path.basename(argv[0]), what, tail(path, start)))


def _wait(child: subprocess.Popen, timeout: float) -> int:
    try:
        return child.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGTERM)
        time.sleep(1)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return 124


def tail(path: str, start: int = 0, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, from byte `start` on."""
    try:
        with open(path, "rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(start, size - 16384))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
