"""Large files that both ends have in different versions: rsync carries the difference, over the same verified SSH."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.remote.files.conversation import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WORTH = 8 << 20
"""Bytes from which on rsync's reading of both versions is paid back by what does not travel."""

SINCE = (3, 1)
"""The first rsync that knows all our options. macOS has 2.6.9, or openrsync, which knows fewer still."""

ASKED_S = 10.0

_BYTES = re.compile(rb"^\s*([\d,.]+)\s+\d+%")
_VERSION = re.compile(rb"rsync\s+version v?(\d+)\.(\d+)")


def available() -> bool:
    """Whether this machine has an rsync that serves (and is none of those where its paths mean something else)."""
    found = shutil.which("rsync") if os.name == "posix" else None
    return found is not None and _serves(found)


@cache
def _serves(rsync: str) -> bool:
    try:
        asked = subprocess.run(
            [rsync, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=ASKED_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = _VERSION.match(asked.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= SINCE


def carry(
    ssh: Sequence[str], here: str, there: str, keys: Sequence[str], *, push: bool, told: Callable[[int, int], None]
) -> bool:
    """Make the files at the other end as they are at this one; say whether rsync got through with all of them.

    `there` is a whole path: the shell there never sees it, so nothing in it is expanded.
    """
    *way, destination = ssh
    far = f"{destination}:{there.rstrip('/')}/"
    near = f"{here.rstrip('/')}/"
    argv = [
        "rsync",
        "--times",
        "--ignore-times",
        "--executability",
        "--from0",
        "--files-from=-",
        "--partial-dir=.awsgpu-rsync",
    ]
    argv += [
        "--protect-args",
        "--no-whole-file",
        "--info=progress2",
        "--outbuf=None",
        "-e",
        shlex.join([*way, *OPTIONS]),
    ]
    if _run([*argv, *((near, far) if push else (far, near))], keys, told):
        return False
    told(0, len(keys))
    return True


def _run(argv: list[str], keys: Sequence[str], told: Callable[[int, int], None]) -> int:
    """Run rsync on the files of these names, which it reads from its input; return its status."""
    with tempfile.TemporaryFile() as names:  # a pipe would break under us where it refuses and leaves
        names.write(b"\0".join(os.fsencode(key) for key in keys))
        names.seek(0)
        process = subprocess.Popen(
            argv,
            stdin=names,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    with process:
        said: Any = process.stdout
        try:
            _follow(iter(lambda: said.read1(4096), b""), told)
        except BaseException:
            process.kill()
            raise
    return process.returncode


def _follow(pieces: Iterator[bytes], told: Callable[[int, int], None]) -> None:
    before = 0
    for piece in pieces:
        for part in piece.split(b"\r"):
            match = _BYTES.match(part)
            if match:
                now = int(re.sub(rb"\D", b"", match[1]))
                told(now - before, 0)
                before = now
