"""From a running instance to a link that opens: SSH, identity, provisioning, Jupyter, tunnel."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu import host as ssh
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import AwsGpuError, JupyterDown, ProvisioningFailed, SshUnreachable
from jupyter_awsgpu.host.refusals import with_facts
from jupyter_awsgpu.remote import browser, guest, jupyter
from jupyter_awsgpu.remote.kernel_specs import environments
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.access import allowed_blocks, renew_ingress
from jupyter_awsgpu.verbs.rates import tell_rate
from jupyter_awsgpu.verbs.selection import endpoint, with_tunnel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Endpoint, GuestReport, GuestStep, Instance, JupyterServer, Tunnel
    from jupyter_awsgpu.records import Operation, Step
    from jupyter_awsgpu.verbs.workbench import Workbench

SSH_WITHIN_S = 300.0
"""How long a booting instance may take until SSH answers; EC2 itself needs 20 to 60 s."""

FIRST_TRY_S = 8.0
"""How long SSH may be silent on a running instance before the group's rule is renewed."""

REBOOTS = 3
"""How often provisioning may restart the instance: once for nouveau, once for the driver, one to spare."""

JUPYTER_STEP = "jupyter"
"""The guest's name of the step that starts Jupyter (`guest/jupyter.py`)."""

USUAL_PORT = 8888
"""The port Jupyter is told to take there; where it is taken, Jupyter takes the next."""

STARTED_AGAIN_WITHIN_S = 60.0
"""How long the Jupyter of a cluster's head may be away while it starts again; it needs some seconds."""

ANSWER_WITHIN_S = 60.0
"""How long Jupyter may take to answer through the tunnel once its server runs."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a person asked of the way in.

    `services` are remote ports that the tunnel is to carry beside Jupyter's, `brings` files (name, text) for a
    new instance's guest.
    """

    local_port: int
    forwards: tuple[tuple[int, int], ...] = ()
    bind: str = "127.0.0.1"
    via: str | None = None
    open_browser: bool = False
    services: tuple[int, ...] = ()
    brings: tuple[tuple[str, str], ...] = ()


def arrive(bench: Workbench, instance: Instance, operation: Operation, way: Way, *, booting: bool) -> Instance:
    """Do what is still missing between a running instance and an answering Jupyter, and no more.

    Safe to run again at any time: each step first looks whether it is already right. Raises the
    errors of `host`, `tunnel` and `remote`.
    """
    host = contact(bench, instance, operation, way, booting=booting)
    try:
        with operation.step("identity", "Verifying who answers") as step:
            if instance.adopted:  # its host keys are its owner's to change
                step.say("The instance answers with the host key it was adopted by")
            else:
                guest.provision_when_there(host, dict(way.brings))
                ssh.exchange_host_key(host, bench.records.pins, instance.pin_id)
                step.say("The instance has its own host key, pinned here")
        with tunnel_ahead(bench, instance, way) as ahead:
            host = _provisioned(bench, instance, operation, way, host, ahead)
        with parallel(2) as pool:  # the link waits for the server's port alone
            rated = pool.submit(tell_rate, bench, instance, host, operation)
            listed = pool.submit(environments, host)
            with operation.step("jupyter", "Reading port and token from Jupyter") as step:
                try:
                    server = _server(host, instance)
                except JupyterDown as exc:
                    raise _explained(bench, instance, way, exc) from exc
                bench.servers[instance.instance_id] = server
                step.say(f"Jupyter runs on port {server.port} of the instance")
            arrived = _open_way(bench, instance, server, operation, way)
            rated.result()
            found = listed.result()
    finally:
        host.close()
    with suppress(OSError):  # a folder of Jupyter's that cannot be written: the way in stands all the same
        picker.offer(bench, instance, tunnel_extra(bench, way), found)
    return arrived


def _server(host: Host, instance: Instance) -> JupyterServer:
    """Return the Jupyter that answers there; a cluster's head may just be starting it again, with its engine's parts.

    Raises `JupyterDown`.
    """
    deadline = time.monotonic() + (STARTED_AGAIN_WITHIN_S if instance.engine else 0.0)
    while True:
        try:
            return jupyter.find_server(host)
        except JupyterDown:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.5)


def _explained(bench: Workbench, instance: Instance, way: Way, exc: JupyterDown) -> JupyterDown:
    """Name the instance, and add the last lines of its own Jupyter log: there stands why."""
    said = [str(exc.facts.get("log", ""))]
    with suppress(AwsGpuError), dial(bench, instance, way, timeout_s=FIRST_TRY_S) as host:
        said += list(guest.logs(host, source="jupyter"))[-3:]
    return JupyterDown(name=instance.name, log="; ".join(said))


def _provisioned(  # noqa: PLR0917 - a step of `arrive`, with all it has
    bench: Workbench, instance: Instance, operation: Operation, way: Way, host: Host, ahead: Callable[[], None]
) -> Host:
    with operation.step("provision", "The instance sets itself up") as step:
        return follow_setup(bench, instance, step, way, host, ahead)


def follow_setup(  # noqa: PLR0917 - a step of `arrive`, with all it has
    bench: Workbench,
    instance: Instance,
    step: Step,
    way: Way,
    host: Host,
    ahead: Callable[[], None] = lambda: None,
) -> Host:
    """Follow the guest to `ready`, over the reboots a driver may want; return the connection that then stands.

    `ahead` is called once Jupyter, the last of the steps, is being started. Raises `ProvisioningFailed`, and
    the errors of the way in.
    """

    def tell(one: GuestStep) -> None:
        if one.phase == "running":
            step.say(one.text)
            if one.key == JUPYTER_STEP:
                ahead()

    for _ in range(REBOOTS + 1):
        with suppress(SshUnreachable):  # it restarts, and takes the connection with it
            report = guest.follow_progress(host, tell, dict(way.brings))
            if report.phase == "ready":
                step.say(_set_up(report))
                return host
        host.close()
        step.say("The instance restarts; waiting for it")
        host = dial(bench, instance, way, timeout_s=SSH_WITHIN_S, wait=True)
    raise ProvisioningFailed(name=instance.title, step="restart", log="it restarts again and again")


def contact(bench: Workbench, instance: Instance, operation: Operation, way: Way, *, booting: bool) -> Host:
    """Return a connection to a running instance; where none answers, this machine's present address is let in."""
    target = _target(bench, instance, way)
    with operation.step("ssh", f"First contact with {target.address}" if booting else "Reaching the instance") as step:
        if not booting:
            try:
                return dial(bench, instance, way, timeout_s=FIRST_TRY_S)
            except SshUnreachable:
                step.say("No answer; letting this machine's present address in")
                renew_ingress(bench, instance)
        try:
            host = dial(bench, instance, way, timeout_s=SSH_WITHIN_S, wait=True, on_wait=step.say)
        except SshUnreachable as exc:
            raise _with_addresses(bench, exc) from exc
        step.say("SSH answers, with the host key we expect")
        return host


def _target(bench: Workbench, instance: Instance, way: Way) -> Endpoint:
    known = endpoint(bench, instance)
    return replace(known, via=way.via or known.via)


def dial(bench: Workbench, instance: Instance, way: Way, **how: Any) -> Host:
    """Return a verified connection by the way that was asked for; `how` is as `Hosts.connect` has it."""
    target = _target(bench, instance, way)
    return bench.hosts.connect(target, launch_id=instance.pin_id, name=instance.name, **how)


def _with_addresses(bench: Workbench, exc: SshUnreachable) -> SshUnreachable:
    """Add who is let in and what web pages see: a VPN or proxy that tells them apart is the usual cause."""
    with suppress(AwsGpuError):
        allowed, seen = ", ".join(allowed_blocks(bench)), bench.clouds.caller_address()
        words = f"; the security group lets in {allowed}, and web pages see this machine at {seen}"
        return with_facts(exc, addresses=f"{exc.facts.get('addresses', '')}{words}")
    return exc


def _set_up(report: GuestReport) -> str:
    """Return that it is set up, and what of a person's environment could not be had there."""
    noted = [one.text for one in report.steps if one.key == "environment" and one.phase == "done"]
    return ". ".join(["The instance is set up", *noted])


@contextmanager
def tunnel_ahead(bench: Workbench, instance: Instance, way: Way) -> Iterator[Callable[[], None]]:
    """Yield what begins to open the tunnel, in a thread, while Jupyter starts: both take a second or two.

    It leads to the port that Jupyter was told to take; where Jupyter took another one, the tunnel is opened
    anew. One that was not there before is closed again where the instance does not come to be ready.
    """
    begun: list[threading.Thread] = []

    def open_it() -> None:
        import httpx  # noqa: F401 - the question that follows needs it

        with suppress(AwsGpuError):  # what is wrong with it is said where it is opened in earnest
            _tunnel(bench, instance, way, USUAL_PORT)

    def begin() -> None:
        if not begun and bench.tunnels.find(instance.instance_id) is None:
            begun.append(threading.Thread(target=open_it, name="awsgpu-tunnel-ahead", daemon=True))
            begun[0].start()

    try:
        yield begin
    except Exception:
        for one in begun:
            one.join()
            bench.tunnels.close(instance.instance_id)
        raise


def _tunnel(bench: Workbench, instance: Instance, way: Way, port: int) -> Tunnel:
    return bench.tunnels.open(
        instance,
        remote_port=port,
        local_port=way.local_port,
        bind=way.bind,
        forwards=way.forwards,
        services=way.services,
        endpoint=_target(bench, instance, way),
        extra=tunnel_extra(bench, way),
    )


def _open_way(bench: Workbench, instance: Instance, server: JupyterServer, operation: Operation, way: Way) -> Instance:
    with operation.step("tunnel", f"Opening the tunnel to port {server.port}") as step:
        tunnel = _tunnel(bench, instance, way, server.port)
        taken = "" if tunnel.local_port == way.local_port else f" ({way.local_port} is taken)"
        taken += "".join(f"; {remote} → {local}" for local, remote in tunnel.forwards[1:])
        step.say(f"{server.port} on the instance is {tunnel.local_port} here{taken}")
    with operation.step("answer", "Asking Jupyter through the tunnel") as step:
        try:
            jupyter.wait_until_answers(tunnel.local_url, server.token, ANSWER_WITHIN_S)
        except JupyterDown as exc:
            raise _explained(bench, instance, way, exc) from exc
        step.say(f"Jupyter answers at {tunnel.local_url}")
    if way.open_browser:
        browser.open_with_token(tunnel.local_url, server.token, bench.records.root / "browser")
    return with_tunnel(bench, instance)


def tunnel_extra(bench: Workbench, way: Way) -> dict[str, object]:
    """Return what the tunnel's own process needs to build its workbench again."""
    settings = bench.settings
    return {
        "demo": bool(settings.demo),
        "profile": settings.profile,
        "data_dir": str(settings.data_dir),
        "allow_from": str(settings.allow_from),
        "via": way.via or settings.via,
    }
