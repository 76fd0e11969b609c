"""The instance's log, folded: read when it is opened, in a thread, by the same verb as everywhere."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as w

from jupyter_awsgpu.surfaces.panel.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[tuple[str, ...]], str]

LAST = 12_000
"""Characters shown: the end of a log is what one looks for."""


class LogView(Column):
    """A toggle, and beneath it the text once it is pressed."""

    def __init__(self, answer: Answer, tr: Callable[[str], str]) -> None:
        self.name = ""
        self._answer = answer
        self._tr = tr
        self._toggle = w.ToggleButton(description=tr("Log"), icon="caret-right")
        self._toggle.add_class("awsgpu-fold")
        self._toggle.observe(self._on_toggle, names="value")
        self._text = w.HTML()
        super().__init__([self._toggle])

    def _on_toggle(self, _change: object) -> None:
        opened = bool(self._toggle.value)
        self._toggle.icon = "caret-down" if opened else "caret-right"
        self.children = (self._toggle, self._text) if opened else (self._toggle,)
        if opened:
            self._text.value = escape(self._tr("Reading…"))
            threading.Thread(target=self._read, name="awsgpu-log", daemon=True).start()

    def _read(self) -> None:
        try:
            text = self._answer(("logs", self.name))
        except Exception as exc:
            text = str(exc)
        self._text.value = f'<pre tabindex="0">{escape(text[-LAST:])}</pre>'
