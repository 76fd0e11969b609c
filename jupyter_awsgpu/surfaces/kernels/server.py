"""Beside a Jupyter server: kernels on instances outlive it, and the next server has them again.

A server that ends lets go of them instead of ending them; one that starts takes up those that another
server of the same folder left behind, under the ids that pages still hold, before it answers anybody.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from tornado.ioloop import PeriodicCallback
from tornado.web import RequestHandler

from jupyter_awsgpu.surfaces.kernels import waiting
from jupyter_awsgpu.surfaces.kernels.provisioner import Provisioner

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTED_EVERY_MS = 2000
"""How soon a notebook that was moved is known under its new name."""

ARRIVED_S = 0.3
"""How long the last messages may take from here to the pages."""


class Leaving(RequestHandler):
    """Answers for a server that ends: that it is out of service, which sends pages to the next one.

    It goes on answering pages it is connected to while it lets go of its kernels. That a kernel is no longer
    in its lists they would take for the kernel's death, and never ask for it again.
    """

    @allow_unauthenticated  # it says nothing else to anybody
    def prepare(self) -> None:
        """Refuse whatever is asked."""
        self.set_header("Connection", "close")
        self.send_error(503)


class RemoteKernels(ExtensionApp):
    """The server extension; it has no pages."""

    name = "awsgpu_kernels"

    def initialize_settings(self) -> None:
        """Take up what was left behind (the server calls this before it listens)."""
        loop: Any = self._server.io_loop
        if loop.asyncio_loop.is_running():
            self._task = loop.asyncio_loop.create_task(self._take_up())
        else:
            loop.asyncio_loop.run_until_complete(self._take_up())
        self._noting = PeriodicCallback(self._note, NOTED_EVERY_MS)
        self._noting.start()

    async def stop_extension(self) -> None:
        """Let go of the kernels (the server calls this before it ends its own)."""
        self._noting.stop()
        await self._note()
        mine = list(self._mine())
        if mine:
            lists = url_path_join(self._server.base_url, r"/api/(?:kernels|sessions)(?:/.*)?")
            self._server.web_app.add_handlers(".*", [(lists, Leaving)])
        for _, manager in mine:
            manager.stop_restarter()
        await asyncio.gather(*(manager.provisioner.stay() for _, manager in mine))
        if mine:
            await asyncio.sleep(ARRIVED_S)

    @property
    def _server(self) -> Any:
        return self.serverapp

    def _mine(self) -> Iterator[tuple[str, Any]]:
        kernels = self._server.kernel_manager
        for kernel_id in kernels.list_kernel_ids():
            manager = kernels.get_kernel(kernel_id)
            if isinstance(manager.provisioner, Provisioner) and manager.provisioner.has_process:
                yield kernel_id, manager

    async def _note(self) -> None:
        """Keep on disk which notebooks the kernels belong to."""
        mine = dict(self._mine())
        if not mine:
            return
        sessions: dict[str, list[dict[str, str]]] = {}
        for one in await self._server.session_manager.list_sessions():
            about = {"session_id": one["id"], **{name: one[name] for name in ("path", "name", "type")}}
            sessions.setdefault(one["kernel"]["id"], []).append(about)
        for kernel_id in mine:
            if waiting.find(kernel_id) is not None:
                waiting.note(kernel_id, sessions=sessions.get(kernel_id, []))

    async def _take_up(self) -> None:
        for kernel_id, known in list(waiting.left_behind(self._server.root_dir)):
            try:
                await self._server.kernel_manager.start_kernel(kernel_id=kernel_id, kernel_name=known["spec"])
                for one in known.get("sessions", []):
                    await self._server.session_manager.save_session(kernel_id=kernel_id, **one)
            except Exception:  # whatever keeps one kernel from coming back must not keep the server from starting
                self.log.exception("The kernel %s was not found again", kernel_id)
                waiting.forget(kernel_id)
