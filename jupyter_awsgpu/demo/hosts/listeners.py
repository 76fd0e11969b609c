"""Which listening ports belong to a host that is a mere folder, and ending its processes.

Such hosts share this machine's loopback: without this, a tunnel to one could silently reach
another's Jupyter. A process is the host's if it descends from it or carries its AWSGPU_ROOT.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.hosts.isolation import Ground


def processes(ground: Ground) -> list[psutil.Process]:
    """Return the host's processes, without the SSH server itself."""
    here = psutil.Process()
    mine = {child.pid: child for child in here.children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("AWSGPU_ROOT") == str(ground.root):
                mine[process.pid] = process
    return list(mine.values())


def owned_here(ground: Ground, port: int) -> bool:
    """Say whether one of the host's processes listens on the port."""
    for process in processes(ground):
        with contextlib.suppress(psutil.Error):
            if any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")):
                return True
    return False
