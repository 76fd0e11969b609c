"""How a host's processes are kept apart from this machine: by namespaces, or by a folder only.

`enter` is called in the host's fresh process (one thread, little imported) and returns in the
process that goes on to be the host; the ones it leaves behind only watch. Nothing here knows of
SSH, user-data or AWS.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jupyter_awsgpu.errors import DemoFailed

if TYPE_CHECKING:
    import socket

ISOLATED_UID = 1000
"""The default user's id on an isolated host, as on AWS' images."""

NETWORK_DEVICE = "ens5"
"""An isolated host's interface in its VPC, named as on AWS."""

LARGEST_PACKET = 65000
"""The MTU there: the fewer packets, the less the switch has to do."""

Kind = Literal["root", "user", "folder"]
"""Namespaces made by this machine's root; by an ordinary user (who has one id inside); a mere folder."""


class IsolationError(DemoFailed):
    """This machine cannot keep a host apart. Facts: why."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a host stands on: how it is kept apart, and where its root folder is."""

    kind: Kind
    root: Path
    network: int | None = None
    """The descriptor of the device by which the host is in its VPC's network, to be given to the fleet."""

    @property
    def isolated(self) -> bool:
        """Whether the host has namespaces of its own."""
        return self.kind != "folder"

    def path(self, path: str | Path) -> Path:
        """Return where a path of the host's lies for its own process."""
        return self.root / str(path).lstrip("/")


def available() -> Kind:
    """Return the best isolation this machine allows (tried once in a throw-away process).

    Raises IsolationError on Windows, and for root where only the folder is left: user-data runs as root on a host,
    and may not run as root on this machine's own file system.
    """
    if sys.platform == "win32":
        raise IsolationError(why="its hosts need Linux or macOS; on Windows, run it under WSL.")
    if sys.platform.startswith("linux"):
        attempt = [sys.executable, "-I", "-c", _ATTEMPT, str(Path(__file__).parents[3])]
        done = subprocess.run(attempt, capture_output=True, timeout=60, check=False)
        if done.returncode == 0:
            return "root" if os.geteuid() == 0 else "user"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        raise IsolationError(why="root needs Linux namespaces for its hosts; run the demo as an ordinary user.")
    return "folder"


_ATTEMPT = """
import sys; sys.path.append(sys.argv[1])
from pathlib import Path; import tempfile, os
from jupyter_awsgpu.demo.hosts import isolation, kernel
with tempfile.TemporaryDirectory() as folder:
    child = os.fork()
    if not child:
        status = 1
        try:
            isolation.unshare_everything()
            inner = os.fork()
            if not inner:
                kernel.mount("none", Path("/"), "none", kernel.MS_REC | kernel.MS_PRIVATE)
                kernel.mount("tmpfs", Path(folder), "tmpfs")
                os.mkdir(folder + "/proc")
                kernel.mount("proc", Path(folder + "/proc"), "proc")
                os._exit(0)
            status = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])
        finally:
            os._exit(status)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def unshare_everything() -> None:
    """Leave this machine's namespaces; inside, root keeps the ids of all users, a user has one."""
    from jupyter_awsgpu.demo.hosts import kernel

    wanted = (
        kernel.CLONE_NEWUSER
        | kernel.CLONE_NEWNS
        | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS
    )
    uid, gid, whole = os.geteuid(), os.getegid(), os.geteuid() == 0
    told, tell = os.pipe()
    mapper = os.fork() if whole else 0
    if whole and mapper == 0:  # only a process outside may map more than one id
        os.read(told, 1)
        ok = _write_maps(f"/proc/{os.getppid()}", "0 0 65536", "0 0 65536")
        os._exit(0 if ok else 1)
    kernel.unshare(wanted)
    os.write(tell, b"x")
    if whole:
        if os.waitpid(mapper, 0)[1] != 0:
            raise IsolationError(why="this machine does not let root map user ids.")
    else:
        Path("/proc/self/setgroups").write_text("deny")
        _write_maps("/proc/self", f"{ISOLATED_UID} {uid} 1", f"{ISOLATED_UID} {gid} 1")
    os.close(told)
    os.close(tell)


def _write_maps(process: str, uid_map: str, gid_map: str) -> bool:
    try:
        Path(f"{process}/uid_map").write_text(uid_map)
        Path(f"{process}/gid_map").write_text(gid_map)
    except OSError:
        return False
    return True


def enter(kind: Kind, folder: Path, control: socket.socket) -> Ground:
    """Isolate the host whose folder this is and return, in the process that shall be the host.

    Two processes stay behind: one outside, which ends the host when the fleet's end of `control`
    closes, and the host's process 1, which buries orphans. With the second dies everything inside.
    """
    from jupyter_awsgpu.demo.hosts import rootfs, volumes

    if kind == "folder":
        (folder / "disk").mkdir(parents=True, exist_ok=True)
        volumes.show(folder, folder / "disk")
        return Ground("folder", (folder / "disk").resolve())
    from jupyter_awsgpu.demo.hosts import kernel

    rootfs.lay_out(folder / "disk")
    unshare_everything()
    if (first := os.fork()) != 0:
        os._exit(_outlive(first, control))
    kernel.end_with_parent(signal.SIGKILL)
    kernel.interface_up("lo")
    network = _network_device()
    kernel.pivot_root(rootfs.assemble(folder))
    if (host := os.fork()) != 0:
        control.close()
        if network is not None:
            os.close(network)
        os._exit(_bury(host))
    return Ground(kind, Path("/"), network)


def _network_device() -> int | None:
    """Open the host's network device, before this machine's /dev is out of sight; None where there is none to have."""
    from jupyter_awsgpu.demo.hosts import kernel

    with suppress(OSError):
        return kernel.open_tun(NETWORK_DEVICE, LARGEST_PACKET)
    return None


def _outlive(first: int, control: socket.socket) -> int:
    """Wait outside for the host's process 1, or kill it when the fleet is gone."""
    process = os.pidfd_open(first)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(control, 0)  # no event asked: a hang-up is always told
    if all(descriptor != process for descriptor, _ in poll.poll()):
        os.kill(first, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0xFF


def _bury(host: int) -> int:
    """Be process 1: wait for every orphan until the host itself has ended."""
    for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == host:
            return os.waitstatus_to_exitcode(status) & 0xFF
