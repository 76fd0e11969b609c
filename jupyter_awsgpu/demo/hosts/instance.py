"""`python -m jupyter_awsgpu.demo.hosts.instance`: the process of one host, started by the fleet.

Standard input is the control socket; the first thing on it is the spec. Little is imported before
the process has left this machine's namespaces, for that needs a process of one thread.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from jupyter_awsgpu.demo.hosts import isolation
from jupyter_awsgpu.demo.hosts.spec import HostSpec


def main(kind: isolation.Kind, listener: int, folder: Path, console: int) -> None:
    """Isolate this process, then be the host."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    spec = HostSpec.from_json(_read_spec(control))
    os.umask(0o022)
    ground = isolation.enter(kind, folder, control)
    if ground.isolated:
        _hand_out(control, ground.network)
    from jupyter_awsgpu.demo.hosts import machine

    with os.fdopen(console, "a", encoding="utf-8", errors="replace") as output:
        machine.run(ground, spec, socket.socket(fileno=listener), control, output)


def _hand_out(control: socket.socket, network: int | None) -> None:
    """Give the fleet, which serves both from outside, the proxy's port on the host's loopback and its network."""
    from jupyter_awsgpu.demo.hosts.accounts import PROXY_PORT

    with socket.create_server(("127.0.0.1", PROXY_PORT)) as listener:
        socket.send_fds(control, [b"P"], [listener.fileno(), *([network] if network is not None else [])])
    if network is not None:
        os.close(network)


def _read_spec(control: socket.socket) -> str:
    """Read the spec and not a byte more: what follows it belongs to the event loop."""
    size = int.from_bytes(control.recv(4, socket.MSG_WAITALL), "big")
    return control.recv(size, socket.MSG_WAITALL).decode()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))  # type: ignore[arg-type]
