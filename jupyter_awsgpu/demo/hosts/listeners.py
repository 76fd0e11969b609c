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


def listening_at(ground: Ground, port: int) -> str | None:
    """Return the address at which one of the host's processes listens on the port: its own loopback, as it were."""
    for process in processes(ground):
        with contextlib.suppress(psutil.Error):
            for one in process.net_connections("tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                    return str(one.laddr.ip) if str(one.laddr.ip).startswith("127.") else "127.0.0.1"
    return None
