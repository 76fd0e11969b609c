"""`python -I -S guard.py COMMAND…`: runs the tunnel's process again if it is killed.

A process that the system killed for memory, or a person by mistake, is back within half a second. This
one only waits, and holds the listening sockets meanwhile (`listeners`): it inherited them, and hands
them on. It is run as a file of its own, without the package and nearly without modules, so that it stays small.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False  # typing's own would cost a megabyte
if TYPE_CHECKING:
    from collections.abc import Callable

LONG_S = 10.0
"""A process that lived this long was no failed start."""

FAILED_STARTS = 8
"""Failed starts in a row after which there is no use in another."""

VARIABLE = "AWSGPU_TUNNEL_GUARD"
"""Environment variable that tells the tunnel's process the pid of its guard."""


MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""For glibc: one arena instead of one a thread, and large blocks given back. Without it the process is 15 MB
larger after some thousand connections; other systems ignore it."""


def main(command: list[str], sleep: Callable[[float], None] = time.sleep) -> int:
    """Run `command` until it ends by itself with status 0."""
    environment = {**MEMORY, **os.environ, VARIABLE: str(os.getpid())}
    failed = 0
    while True:
        began = time.monotonic()
        if _run(command, environment) == 0:
            return 0
        failed = 0 if time.monotonic() - began > LONG_S else failed + 1
        if failed >= FAILED_STARTS:
            return 1
        sleep(0.05 * 2**failed)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command and return its exit status, another number if it could not be started."""
    if os.name == "nt":
        import subprocess

        return subprocess.run(command, check=False, env=environment).returncode
    try:
        pid = os.posix_spawn(command[0], command, environment)
    except OSError:
        return 127
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
