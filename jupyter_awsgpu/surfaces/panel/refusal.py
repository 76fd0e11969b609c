"""An error as everywhere: one sentence, and a button that does the remedy."""

from __future__ import annotations

import shlex
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as w

from jupyter_awsgpu.surfaces.panel.column import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[tuple[str, ...]], None]


def runnable(remedy: str) -> tuple[str, ...] | None:
    """Return the words of a remedy that this panel can carry out: ours, with nothing left to fill in.

    >>> runnable("awsgpu quota g5.xlarge --request 4")
    ('quota', 'g5.xlarge', '--request', '4')
    >>> runnable("awsgpu launch --key FILE"), runnable("aws configure")
    (None, None)
    """
    try:
        words = shlex.split(remedy)
    except ValueError:
        return None
    words = [word for word in words if word != "--demo"]  # the panel's switch says which AWS
    if len(words) < 2 or words[0] != "awsgpu" or any(word.isupper() and word.isalpha() for word in words):  # noqa: PLR2004
        return None
    return tuple(words[1:])


class RefusalBox(Column):
    """Shows a message with its remedy; hidden while there is none."""

    def __init__(self, run: Run, tr: Callable[[str], str]) -> None:
        self._tr = tr
        self._run = run
        self._command: tuple[str, ...] | None = None
        self._shown: tuple[str, str] | None = None
        self._text = w.HTML()
        self._button = w.Button(button_style="")
        self._button.on_click(lambda _: self._press())
        super().__init__([])
        self.add_class("awsgpu-refusal")
        self.hide()

    def show(self, message: str | None, remedy: str = "") -> None:
        """Show a sentence and its remedy, or nothing."""
        wanted = (message, remedy) if message else None
        if wanted == self._shown:
            return
        self._shown = wanted
        if message is None:
            self.hide()
            self.children = ()
            return
        self._command = runnable(remedy)
        code = f"<code>{escape(remedy)}</code>" if remedy else ""
        self._text.value = f'<div role="alert"><b aria-hidden="true">✗</b> {escape(message)}</div>{code}'
        self._button.description = self._tr("Do this") if self._command else ""
        self._button.tooltip = remedy
        self.children = (self._text, self._button) if self._command else (self._text,)
        self.reveal()

    def _press(self) -> None:
        if self._command is not None:
            self._run(self._command)
