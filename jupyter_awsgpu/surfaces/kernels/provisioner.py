"""Jupyter's side of a kernel on an instance: `jupyter_client` asks for a process and gets a remote one.

Neither the local environment nor the working directory travels: both are this machine's.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from traitlets import Dict

if TYPE_CHECKING:
    from jupyter_client.connect import KernelConnectionInfo

    from jupyter_awsgpu.remote.kernel import RemoteKernel
    from jupyter_awsgpu.remote.kernel_doors import Doors

POLL_S = 0.1
NUMBERS: dict[int, int] = {signal.SIGINT: 2, signal.SIGTERM: 15}
"""Signals by the instance's numbers; Windows has others."""

KILL = 9


class Provisioner(KernelProvisionerBase):
    """Starts, interrupts and ends the kernel of one notebook on the instance that the kernel spec names."""

    instance = Dict(help="How to find and reach the instance, as `awsgpu kernel` wrote it.").tag(config=True)

    _kernel: RemoteKernel | None = None
    _doors: Doors | None = None

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
        if self._doors is None:
            self._doors = Doors()
        self._doors.show()
        manager: Any = self.parent
        for name, value in self._doors.connection.items():
            setattr(manager, name, value)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        prepared: dict[str, Any] = await super().pre_launch(cmd=[], **kwargs)
        return prepared

    async def launch_kernel(self, cmd: list[str], **_: Any) -> KernelConnectionInfo:
        """Start the kernel on the instance; raises the errors of the way in and `KernelFailed`."""
        del cmd  # the instance knows its interpreter
        from jupyter_awsgpu import wiring
        from jupyter_awsgpu.remote.kernel import RemoteKernel

        assert self._doors is not None, "pre_launch comes first"  # noqa: S101 - Jupyter's order
        document = dict(self.instance)
        kernel = RemoteKernel(document["name"], lambda: wiring.reach_for_kernel(document), self._doors)
        info: Any = self.connection_info  # the key is bytes, whatever the type says
        try:
            await asyncio.to_thread(kernel.start, info["key"].decode())
        except BaseException:
            self._doors.close()
            self._doors = None
            raise
        self._kernel = kernel
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the connection, and of the local sockets unless the kernel comes again."""
        self._let_go()
        if not restart and self._doors is not None:
            self._doors.close()
            self._doors = None

    def _let_go(self) -> None:
        if self._kernel is not None:
            self._kernel.leave()
            self._kernel = None
