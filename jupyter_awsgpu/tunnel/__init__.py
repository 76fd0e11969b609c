"""The port-forward: one detached process per instance that nobody has to think about.

sshtunnel is the engine; what a long-lived tunnel needs beyond it is here: a listener that outlives the
connection, a relay that survives browsers, keepalives that are answered, reconnecting. Connections come
from `host`; AWS is only asked through a callback. `guard` and this module import nothing heavy.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jupyter_awsgpu.tunnel.tunnels import Tunnels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Endpoint
    from jupyter_awsgpu.tunnel.clock import Clock

__all__ = ["Tunnels", "serve", "stay_small"]


def stay_small() -> None:
    """Keep out what paramiko would load and a tunnel never uses; for a process that is nothing but a tunnel.

    `invoke` serves `Match exec` in a part of ssh_config that paramiko is not asked to read here; with it
    come asyncio, YAML and unittest: 7 MB of 45. paramiko itself runs without it.
    """
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type] # None: an ImportError for whoever asks


def serve(
    record: Path,
    *,
    locate: Callable[[], Endpoint],
    connect: Callable[[Endpoint], Host],
    observe: Callable[[Host], None] | None = None,
    clock: Clock | None = None,
) -> int:
    """Be the tunnel of `record` until it is closed, deleted, or cannot be mended; return 0 then.

    `locate` asks AWS where the instance answers now and lets this machine's present address in; it is
    called when dialling fails and may raise `InstanceGone`. `connect` opens a verified connection.
    `observe` runs in a thread of its own on each connection, until that ends.
    """
    from jupyter_awsgpu.tunnel.supervisor import run

    return run(record, locate=locate, connect=connect, observe=observe, clock=clock)
