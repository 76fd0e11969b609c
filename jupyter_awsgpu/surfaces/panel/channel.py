"""The comm to the labextension: the status bar's line, toasts, and verbs chosen in the palette."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.surfaces.panel import notices, shared, watcher
from jupyter_awsgpu.surfaces.panel.words import translator

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

TARGET = "awsgpu"
"""The comm's name; `labextension/src/protocol.ts` knows the same."""


def listen() -> None:
    """Let front ends connect. Called once a kernel, by the labextension; harmless again."""
    from comm import get_comm_manager

    get_comm_manager().register_target(TARGET, _on_open)


def _on_open(comm: Any, message: dict[str, Any]) -> None:
    language = str(message["content"]["data"].get("language") or "")
    Channel(comm, translator(language or None), language)


class Channel:
    """One front end (a browser tab) at the other end of a comm."""

    def __init__(self, comm: Any, tr: Callable[[str], str], language: str) -> None:
        self._comm = comm
        self._tr = tr
        self._language = language
        self._before: Snapshot | None = None
        self._said: dict[str, Any] | None = None
        comm.on_msg(self._on_message)
        self._stop = watcher().listen(self._tell)
        comm.on_close(lambda _: self._stop())

    def _tell(self, snapshot: Snapshot) -> None:
        summary = notices.summary(snapshot, self._tr)
        if summary != self._said:
            self._said = summary
            self._comm.send({"kind": "summary", "summary": summary})
        before, self._before = self._before, snapshot
        if before is not None and before.demo == snapshot.demo:
            for toast in notices.toasts(before, snapshot, self._tr):
                self._comm.send({"kind": "toast", "toast": toast})

    def _on_message(self, message: dict[str, Any]) -> None:
        """Carry out what was chosen: `{"verb": …}` or `{"line": …}` of the palette, `{"run": [words]}` of a toast."""
        data = message["content"]["data"]
        view = shared(self._language)
        if isinstance(data.get("verb"), str):
            view.verb(data["verb"])
        if isinstance(data.get("line"), str):
            view.line(data["line"])
        words = data.get("run")
        if isinstance(words, list) and words:
            with suppress(Exception):  # the panel shows what went wrong
                view.run(tuple(map(str, words)))
