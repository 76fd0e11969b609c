"""The host itself: from power on to power off, in the process that `isolation` left inside.

One event loop serves SSH, the metadata service, cloud-init, the guest's own socket (shutdown,
reload) and the fleet's commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from jupyter_awsgpu.demo.hosts import images
from jupyter_awsgpu.demo.hosts.accounts import METADATA_ADDRESS, RUNTIME, Accounts
from jupyter_awsgpu.demo.hosts.cloud_init import CloudInit
from jupyter_awsgpu.demo.hosts.metadata import Metadata
from jupyter_awsgpu.demo.hosts.sshd import SshServer

if TYPE_CHECKING:
    import socket

    from jupyter_awsgpu.demo.hosts.isolation import Ground
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

GRACE_S = 1.5
"""How long processes may take to end after SIGTERM before they are killed."""


class Machine:
    """A running host."""

    def __init__(
        self, ground: Ground, spec: HostSpec, *, ssh: socket.socket, control: socket.socket, console: IO[str]
    ) -> None:
        self._ground = ground
        self._spec = spec
        self._ssh = ssh
        self._control_socket = control
        self._console = console
        self.accounts = Accounts(ground, spec)
        self._server = SshServer(self.accounts)
        self._metadata = Metadata(spec, self.accounts.hostname)
        self._ending: asyncio.Future[str] | None = None
        self._scheduled: asyncio.TimerHandle | None = None
        self._control: asyncio.StreamWriter | None = None

    async def live(self) -> None:
        """Boot, serve until told to end, and end everything that runs here."""
        loop = asyncio.get_running_loop()
        self._ending = loop.create_future()
        reader, self._control = await asyncio.open_connection(sock=self._control_socket)
        following = asyncio.ensure_future(self._follow_fleet(reader))
        booting = asyncio.ensure_future(self._boot())
        booting.add_done_callback(self._boot_failed)
        how = await self._ending
        booting.cancel()
        self._server.close()
        await self._end_processes()
        self._tell_fleet(event=how)
        with contextlib.suppress(OSError):
            await self._control.drain()
        following.cancel()

    def _boot_failed(self, booting: asyncio.Future[None]) -> None:
        if not booting.cancelled() and (error := booting.exception()):
            self._say(f"The simulated host failed to boot: {error!r}")
            self._tell_fleet(event="failed", why=repr(error))

    async def _boot(self) -> None:
        begun = time.monotonic()
        self._say(f"SIMULATED instance {self._spec.instance_id} ({self._spec.instance_type}) of jupyter-awsgpu's demo")
        self.accounts.establish()
        images.install(self.accounts, self._spec)
        self._make_sudo()
        await self._serve_metadata()
        await self._listen_inside()
        self._renounce_mounting()
        cloud_init = CloudInit(self.accounts, self._spec, self._run_as_root, self._say)
        await cloud_init.init_stage()
        await self._server.start(self._ssh)
        self._ground.path("run/sshd.pid").write_text(f"{os.getpid()}\n")
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._server.reload)
        self._say(f"sshd answers after {time.monotonic() - begun:.2f} s")
        self._tell_fleet(event="ready")
        await cloud_init.final_stage()
        self._tell_fleet(event="booted")

    def _make_sudo(self) -> None:
        """Lay the one set-user-id program `sudo` needs on the host's own memory disk, unseen from outside."""
        if self._ground.kind == "root" and (env := shutil.which("env", path="/usr/bin:/bin")):
            target = self._ground.path(f"{RUNTIME}/as-root")
            shutil.copyfile(env, target)
            target.chmod(0o4755)

    def _renounce_mounting(self) -> None:
        """Keep root on the host from remounting what it sees of this machine."""
        if self._ground.kind == "root":
            from jupyter_awsgpu.demo.hosts import kernel

            kernel.forbid_capability(kernel.CAP_SYS_ADMIN)

    async def _serve_metadata(self) -> None:
        if not self._ground.isolated:
            port = await self._metadata.serve("127.0.0.1", 0)
            self.accounts.variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = f"http://127.0.0.1:{port}"
            return
        from jupyter_awsgpu.demo.hosts import kernel

        kernel.add_address("lo:1", METADATA_ADDRESS)
        self._join_network()
        await self._metadata.serve(METADATA_ADDRESS, 80)

    def _join_network(self) -> None:
        """Take the private address: in the VPC's network, or for this host alone where it has no device for it."""
        from jupyter_awsgpu.demo.hosts import isolation, kernel

        if self._ground.network is None:
            kernel.add_address("lo:2", self._spec.private_address)
            self._say("No /dev/net/tun here: no other instance reaches this one by its private address")
            return
        mask = str(ipaddress.ip_network(self._spec.network).netmask)
        kernel.add_address(isolation.NETWORK_DEVICE, self._spec.private_address, mask)
        kernel.interface_up(isolation.NETWORK_DEVICE)

    async def _listen_inside(self) -> None:
        """Open the socket through which tools on the host reach it (shutdown, reload)."""
        path = self._ground.path(f"{RUNTIME}/host.sock")
        path.unlink(missing_ok=True)
        await asyncio.start_unix_server(self._obey_guest, str(path))

    async def _obey_guest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            order = json.loads(await reader.readline())
            writer.write(images.as_json(self._answer_guest(order)))
            await writer.drain()
        writer.close()

    def _answer_guest(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "reload":
            return {"ok": self._server.reload()}
        if self._scheduled:
            self._scheduled.cancel()
            self._scheduled = None
        if order["do"] in ("shutdown", "reboot"):
            loop = asyncio.get_running_loop()
            self._scheduled = loop.call_later(max(0.05, float(order.get("in_s", 0))), self._end, order["do"])
        return {"ok": True}

    async def _follow_fleet(self, reader: asyncio.StreamReader) -> None:
        """Do what the fleet says; if the fleet is gone, so is the host."""
        while line := await reader.readline():
            order = json.loads(line)
            if order["do"] == "stop":
                break
            if order["do"] == "busy":
                self._ground.path(f"{RUNTIME}/busy").write_text(str(order["percent"]))
            elif order["do"] == "tags":
                self._metadata.tags = order["tags"]
            elif order["do"] == "interrupt":
                self._metadata.interruption = {"action": order["action"], "time": order["time"]}
            elif order["do"] == "cut":
                self._server.cut(float(order["seconds"]))
        self._end("stopped")

    def _end(self, how: str) -> None:
        if self._ending and not self._ending.done():
            self._ending.set_result(how)

    def _tell_fleet(self, **message: str) -> None:
        if self._control and not self._control.is_closing():
            self._control.write(images.as_json(message))

    def _say(self, text: str) -> None:
        self._console.write(text.rstrip("\n") + "\n")
        self._console.flush()

    async def _run_as_root(self, command: list[str]) -> int:
        """Run a command of cloud-init's, its output in cloud-init's log and on the console."""
        if not self._ground.isolated:
            command = [self._in_folder(word) for word in command]
        argv, ownership = self.accounts.ownership(command, as_root=True)
        log = self._ground.path("var/log/cloud-init-output.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=self.accounts.environment(as_root=True),
                cwd=self._ground.root,
                start_new_session=True,
                **ownership,
            )
        except OSError as wrong:
            self._say(f"{command[0]}: {wrong}")
            return 127
        assert child.stdout  # noqa: S101 - a pipe was asked for
        copying = asyncio.ensure_future(self._copy_output(child.stdout, log))
        status = await child.wait()
        await asyncio.wait([copying], timeout=0.2)  # a daemon it left behind may hold the pipe for ever
        return status

    def _in_folder(self, word: str) -> str:
        there = self._ground.path(word)
        return str(there) if word.startswith("/") and there.exists() else word

    async def _copy_output(self, output: asyncio.StreamReader, log: Path) -> None:
        while data := await output.read(65536):
            with log.open("ab") as file:
                file.write(data)
            self._say(data.decode(errors="replace"))

    async def _end_processes(self) -> None:
        """SIGTERM to all, then SIGKILL to what is left."""
        for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, 0.3)):
            self._signal_all(number)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and self._others_live():  # noqa: ASYNC110 - nobody tells of the end of another's child
                await asyncio.sleep(0.02)

    def _signal_all(self, number: int) -> None:
        if self._ground.isolated:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(-1, number)  # of our process namespace, but for process 1 and ourselves
            return
        from jupyter_awsgpu.demo.hosts import listeners

        for process in listeners.processes(self._ground):
            with contextlib.suppress(Exception):
                process.send_signal(number)

    def _others_live(self) -> bool:
        if self._ground.isolated:
            return any(int(entry.name) not in (1, os.getpid()) for entry in Path("/proc").glob("[0-9]*"))
        from jupyter_awsgpu.demo.hosts import listeners

        return bool(listeners.processes(self._ground))


def run(ground: Ground, spec: HostSpec, ssh: socket.socket, control: socket.socket, console: IO[str]) -> None:
    """Be the host until its end."""
    machine = Machine(ground, spec, ssh=ssh, control=control, console=console)
    home = machine.accounts.home
    home.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(ground.root)
    asyncio.run(machine.live())
    sys.stdout.flush()
