"""Detached processes: started so that nothing ends with their parent, known by pid and start time."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.tunnel import listeners

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from pathlib import Path

SAME_START_S = 1.0
"""Start times this close are the same process; clocks of the kernel and of psutil differ by less."""


def start_detached(argv: list[str], errors: Path, sockets: Sequence[socket.socket] = ()) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one, its terminal and its job; its errors go to a file.

    It inherits `sockets` (POSIX only), and knows them by the environment variable of `listeners`.
    """
    errors.parent.mkdir(parents=True, exist_ok=True)
    numbers = [one.fileno() for one in sockets]
    environment = {**os.environ, listeners.VARIABLE: ",".join(map(str, numbers))}
    options: dict[str, object] = {"start_new_session": True, "pass_fds": numbers}
    if os.name == "nt":
        flags = ("CREATE_NEW_PROCESS_GROUP", "CREATE_NO_WINDOW")
        options = {"creationflags": sum(getattr(subprocess, name) for name in flags)}
    with errors.open("wb") as log:
        process = subprocess.Popen(  # type: ignore[call-overload] # options by platform
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            close_fds=True,
            cwd=errors.parent,
            env=environment,
            **options,
        )
    threading.Thread(target=process.wait, name="reap", daemon=True).start()  # leave no zombie behind
    return process  # type: ignore[no-any-return]


def started(pid: int) -> float:
    """Return when a process started, in seconds since the epoch; 0 if there is none."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def is_alive(pid: int, since: float) -> bool:
    """Return whether the process of that pid and start time runs."""
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - since) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def wait_until_gone(identities: list[tuple[int, float]], timeout_s: float) -> bool:
    """Wait until none of these processes runs; say whether that is so."""
    deadline = time.monotonic() + timeout_s
    while any(is_alive(*one) for one in identities):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end(pid: int, since: float) -> None:
    """Kill the process of that pid and start time, and no other."""
    import psutil

    if is_alive(pid, since):
        try:
            psutil.Process(pid).kill()
        except psutil.Error:
            return
