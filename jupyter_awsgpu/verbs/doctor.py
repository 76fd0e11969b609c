"""`doctor`: what is right and wrong on this machine, with the command that mends each."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from typing import TYPE_CHECKING

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import Check
from jupyter_awsgpu.remote.guest import read_report
from jupyter_awsgpu.tunnel import ports
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench


def doctor(bench: Workbench, name: str | None = None) -> tuple[Check, ...]:
    """Return the checks of this machine and account, in the order a newcomer mends them; read-only.

    With a name, the way to that instance is examined too: its state, SSH, host key, guest, tunnel.
    """
    questions: list[tuple[str, str, Callable[[], str]]] = [
        ("python", "Python", _python),
        ("package", "jupyter-awsgpu", _package),
        ("demo-extra", "Demo extra", _demo_extra),
        ("ssh", "ssh program", _ssh),
        ("folder", "Data folder", lambda: _folder(bench)),
        ("port", "Local port", lambda: _port(bench)),
        ("credentials", "AWS credentials", lambda: _credentials(bench)),
        ("region", "AWS region", lambda: _region(bench)),
        ("account-plan", "Account plan", lambda: _account_plan(bench)),
        ("address", "Address AWS sees", bench.clouds.caller_address),
    ]
    with parallel(len(questions)) as pool:
        checks = tuple(pool.map(lambda question: _ask(*question), questions))
    way = _way(bench, name) if name is not None else ()
    return (*checks, *way, *_settings(bench))


def _way(bench: Workbench, name: str) -> tuple[Check, ...]:
    """Examine the way to one instance, each thing only if the one before it stands."""
    found: list[Instance] = []

    def state() -> str:
        found.append(choose(bench, name, "doctor"))
        require_running(found[0], "be reached")
        return f"{found[0].instance_id} is {found[0].state}"

    def login() -> str:
        target = endpoint(bench, found[0])
        with bench.hosts.connect(target, launch_id=found[0].pin_id, name=name, timeout_s=10) as host:
            phase = read_report(host).phase
        return f"answers at {target.address} with the pinned host key; the guest says {phase}"

    def tunnel() -> str:
        if found[0].tunnel is None:
            raise _Note("not open", f"awsgpu connect {name}")
        return f"{found[0].tunnel.phase} at {found[0].tunnel.local_url}"

    checks: list[Check] = []
    for key, label, ask in (("state", "Instance", state), ("login", "SSH", login), ("tunnel", "Tunnel", tunnel)):
        checks.append(_ask(key, label, ask))
        if checks[-1].ok is False:
            break
    return tuple(checks)


def _ask(key: str, label: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(key, label, ok=True, detail=ask())
    except AwsGpuError as exc:
        return Check(key, label, ok=False, detail=exc.message, remedy=exc.remedy, error=exc.code)
    except _Note as note:
        return Check(key, label, ok=None, detail=str(note), remedy=note.remedy)


class _Note(Exception):
    """Something worth knowing that stands in nobody's way."""

    def __init__(self, text: str, remedy: str | None = None) -> None:
        super().__init__(text)
        self.remedy = remedy


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _package() -> str:
    from jupyter_awsgpu._version import __version__

    return __version__


def _demo_extra() -> str:
    missing = [name for name in ("moto", "flask", "asyncssh") if importlib.util.find_spec(name) is None]
    if missing:
        raise _Note(f"not installed ({', '.join(missing)})", 'pip install "jupyter-awsgpu[demo]"')
    return "installed"


def _ssh() -> str:
    found = shutil.which("ssh")
    if found is None:
        raise _Note("not found; only `awsgpu ssh` and jump hosts need it")
    return found


def _folder(bench: Workbench) -> str:
    return str(bench.records.root)


def _port(bench: Workbench) -> str:
    port = int(bench.settings.local_port)
    if any(one.local_port == port for one in bench.tunnels.all()):
        return f"{port} is our own tunnel's"
    if not ports.is_free(ports.LOOPBACK, port):
        raise _Note(f"{port} is taken; tunnels take the next free one")
    return f"{port} is free"


def _credentials(bench: Workbench) -> str:
    identity = bench.clouds.identity()
    return f"account {identity.account}, {identity.owner.partition('/')[2]}"


def _region(bench: Workbench) -> str:
    return bench.cloud().region


def _account_plan(bench: Workbench) -> str:
    state = bench.clouds.account_plan()
    if state == "unknown":
        raise _Note("could not be asked")
    if state == "free":
        raise _Note("Free plan: GPU instances cannot be launched until the account is upgraded in the Billing console")
    return f"{state} plan"


def _settings(bench: Workbench) -> list[Check]:
    """Return every setting that does not stand at its default, with where it came from."""
    settings = bench.settings
    return [
        Check(f"setting-{name}", name, ok=True, detail=f"{getattr(settings, name)!r} from {settings.origin(name)}")
        for name in configuration.names()
        if settings.origin(name) != "default"
    ]
