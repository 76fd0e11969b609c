"""`connect`, `disconnect`, `open`, `token`: the tunnel and the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Interrupted, TunnelLost, WrongState
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.remote import browser, jupyter
from jupyter_awsgpu.verbs.arrival import Way, arrive
from jupyter_awsgpu.verbs.cluster import with_engine
from jupyter_awsgpu.verbs.selection import choose, reach, with_tunnel
from jupyter_awsgpu.verbs.start import wait_until_running

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance, JupyterServer
    from jupyter_awsgpu.verbs.workbench import Workbench


def connect(
    bench: Workbench,
    name: str | None = None,
    *,
    port: int | None = None,
    forwards: tuple[tuple[int, int], ...] = (),
    bind: str = "127.0.0.1",
    via: str | None = None,
    open_browser: bool = False,
) -> Instance:
    """Open the tunnel to a running instance, or find it open, and see Jupyter answer.

    Raises `WrongState` for a stopped instance, and the errors of the way in.
    """
    instance = choose(bench, name, "connect")
    require_running(instance, "connect")
    way = Way(port or bench.settings.local_port, forwards, bind, via, open_browser)
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("connect", instance.name, bench.listener) as operation,
    ):
        try:
            booting = instance.state is InstanceState.PENDING
            if booting:
                instance = wait_until_running(bench, instance, operation)
            return arrive(bench, instance, operation, with_engine(instance, way), booting=booting)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} runs and costs money until you stop it."
            raise Interrupted(exists=exists, command=f"awsgpu connect {instance.name}") from exc


def require_running(instance: Instance, verb: str) -> None:
    """Raise `WrongState`, pointing at `start`, unless the instance runs or is about to."""
    if instance.state not in (InstanceState.RUNNING, InstanceState.PENDING):
        raise WrongState(name=instance.name, state=instance.state.value, verb=verb, remedy_verb="start")


def disconnect(bench: Workbench, name: str | None = None) -> Instance:
    """Close the tunnel; the instance and all that runs on it go on."""
    instance = choose(bench, name, "disconnect")
    with bench.records.lock(instance.name, timeout_s=5):
        bench.tunnels.close(instance.instance_id)
    return with_tunnel(bench, instance)


def server(bench: Workbench, instance: Instance) -> JupyterServer:
    """Return port and token of the instance's Jupyter, over SSH: neither is kept on this machine.

    What this very command has just read on its way there serves once, without another login.
    """
    known = bench.servers.pop(instance.instance_id, None)
    if known is not None:
        return known
    require_running(instance, "show its token")
    with reach(bench, instance) as host:
        return jupyter.find_server(host)


def token(bench: Workbench, name: str | None = None) -> str:
    """Return the token of the instance's Jupyter."""
    return server(bench, choose(bench, name, "token")).token


def open_(bench: Workbench, name: str | None = None) -> Instance:
    """Open the instance's Jupyter in the browser, the token in a private redirect file."""
    instance = choose(bench, name, "open")
    if instance.tunnel is None:
        raise TunnelLost(name=instance.name, why="nobody has opened it yet")
    found = server(bench, instance)
    browser.open_with_token(instance.tunnel.local_url, found.token, bench.records.root / "browser")
    return instance
