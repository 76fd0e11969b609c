"""Large files that both ends have in different versions: rsync carries the difference, over the same verified SSH."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.remote.files.conversation import OPTIONS, Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WORTH = 8 << 20
"""Bytes from which on rsync's reading of both versions is paid back by what does not travel."""

_BYTES = re.compile(rb"^\s*([\d,.]+)\s+\d+%")


def available() -> bool:
    """Whether this machine has rsync (and is none of those where its paths mean something else)."""
    return os.name == "posix" and shutil.which("rsync") is not None


def carry(
    ssh: Sequence[str], here: str, there: str, keys: Sequence[str], *, push: bool, told: Callable[[int, int], None]
) -> None:
    """Make the files at the other end as they are at this one. Raises `Broken` where rsync does not end well."""
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
    process = subprocess.Popen(
        [*argv, *((near, far) if push else (far, near))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C"},
    )
    with process:
        assert process.stdin is not None  # noqa: S101 - pipes were asked for
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(b"\0".join(os.fsencode(key) for key in keys))
            process.stdin.close()
            said: Any = process.stdout
            _follow(iter(lambda: said.read1(4096), b""), told)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Broken(f"rsync ended with status {process.returncode}")
    told(0, len(keys))


def _follow(pieces: Iterator[bytes], told: Callable[[int, int], None]) -> None:
    before = 0
    for piece in pieces:
        for part in piece.split(b"\r"):
            match = _BYTES.match(part)
            if match:
                now = int(re.sub(rb"\D", b"", match[1]))
                told(now - before, 0)
                before = now
