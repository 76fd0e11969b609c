"""Jupyter's side of a kernel on an instance: `jupyter_client` asks for a process and gets a remote one.

Neither the local environment nor the working directory travels: both are this machine's.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Dict

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.surfaces.kernels import waiting
from jupyter_awsgpu.surfaces.spelling import beginning, spell

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

    from jupyter_awsgpu.remote.kernel import RemoteKernel
    from jupyter_awsgpu.remote.kernel_doors import Doors

POLL_S = 0.1
NUMBERS: dict[int, int] = {signal.SIGINT: 2, signal.SIGTERM: 15}
"""Signals by the instance's numbers; Windows has others."""

KILL = 9


class KernelNotStarted(RuntimeError):
    """Why the kernel did not start, and the command that helps, in one line."""


class Provisioner(KernelProvisionerBase):
    """Starts, interrupts and ends the kernel of one notebook on the instance that the kernel spec names."""

    instance = Dict(help="How to find and reach the instance, as `awsgpu kernel` wrote it.").tag(config=True)

    _kernel: RemoteKernel | None = None
    _doors: Doors | None = None
    _left_behind: dict[str, Any] | None = None
    _stays = False

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel to ask about."""
        return self._kernel is not None

    async def poll(self) -> int | None:
        """Return the exit status, None while the kernel runs (or is out of reach), 0 where there is none."""
        return 0 if self._kernel is None else self._kernel.status

    async def wait(self) -> int | None:
        """Return the exit status once there is one."""
        kernel = self._kernel
        if kernel is None:
            return 0
        while kernel.status is None:
            await asyncio.to_thread(kernel.wait, POLL_S)
        self._let_go()
        return kernel.status

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the kernel and what it started."""
        if self._kernel is not None:
            await asyncio.to_thread(self._kernel.signal, NUMBERS.get(signum, int(signum)))

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002 - Jupyter's signature
        """End the kernel at once."""
        await self.send_signal(KILL)

    async def terminate(self, restart: bool = False) -> None:  # noqa: ARG002 - Jupyter's signature
        """Ask the kernel to end."""
        await self.send_signal(signal.SIGTERM)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Open the local sockets and write them into the connection file; a restart keeps them."""
        from jupyter_awsgpu.remote.kernel_doors import Doors

        kwargs.pop("extra_arguments", None)
        kwargs.pop("transport_encryption", None)  # SSH carries and encrypts
        manager: Any = self.parent
        if self._doors is None:
            self._doors = Doors()
            self._left_behind = waiting.find(self.kernel_id or "")
            if self._left_behind is not None:
                manager.session.key = self._left_behind["key"].encode()
        self._doors.show()
        for name, value in self._doors.connection.items():
            setattr(manager, name, value)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        prepared: dict[str, Any] = await super().pre_launch(cmd=[], **kwargs)
        return prepared

    async def launch_kernel(self, cmd: list[str], **_: Any) -> KernelConnectionInfo:
        """Start the kernel on the instance, or be the one that an earlier server left there.

        Raises the errors of the way in and `KernelFailed`.
        """
        del cmd  # the instance knows its interpreter
        from jupyter_awsgpu import wiring
        from jupyter_awsgpu.remote.kernel import RemoteKernel

        assert self._doors is not None, "pre_launch comes first"  # noqa: S101 - Jupyter's order
        document = dict(self.instance)
        kernel = RemoteKernel(document["name"], lambda: wiring.reach_for_kernel(document), self._doors)
        info: Any = self.connection_info  # the key is bytes, whatever the type says
        key = info["key"].decode()
        left_behind, self._left_behind = self._left_behind, None
        if left_behind is not None:
            kernel.resume(key, left_behind["kernel"])
        else:
            await self._start(kernel, key, document)
        self._kernel = kernel
        self._note(key=key, kernel=kernel.found)
        return self.connection_info

    async def _start(self, kernel: RemoteKernel, key: str, document: dict[str, Any]) -> None:
        try:
            await asyncio.to_thread(
                kernel.start,
                key,
                environment=document.get("environment", ""),
                lease_s=document.get("lease_s"),
            )
        except BaseException as exc:
            self._close_doors()
            if isinstance(exc, AwsGpuError):  # Jupyter shows an exception's text and nothing else of it
                raise KernelNotStarted(spell(f"{exc} `{exc.remedy}`", beginning("awsgpu", document["extra"]))) from exc
            raise

    def _note(self, **facts: Any) -> None:
        """Let a later server find the kernel: only for one that a Jupyter server started."""
        manager: Any = self.parent
        application: Any = getattr(getattr(manager, "parent", None), "parent", None)
        if hasattr(application, "session_manager"):
            here = waiting.server(application.root_dir)
            waiting.note(self.kernel_id or "", server=here, spec=manager.kernel_name, **facts)

    async def stay(self) -> None:
        """Let go of the kernel, which goes on and waits for the next server."""
        kernel, self._kernel = self._kernel, None
        self._stays = True
        if kernel is not None:
            await asyncio.to_thread(kernel.rest)

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the connection, and of the local sockets unless the kernel comes again."""
        self._let_go()
        if not restart:
            self._close_doors()
            if not self._stays:
                waiting.forget(self.kernel_id or "")

    def _close_doors(self) -> None:
        doors, self._doors = self._doors, None
        if doors is not None:
            doors.close()

    def _let_go(self) -> None:
        if self._kernel is not None:
            self._kernel.leave()
            self._kernel = None
