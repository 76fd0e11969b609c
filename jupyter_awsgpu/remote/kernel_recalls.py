"""What pages that were opened anew ask for: the output of cells that other pages ran and nobody has saved.

A question outlives breaks of the line and is answered whole, once. What a kernel that died had said
stays here for the pages to come: its relay ends with it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from jupyter_awsgpu.remote import kernel_messages as messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RECALL = "awsgpu_recall"
"""The request of a page for what it missed."""

SAVED = "awsgpu_saved"
"""The request of a page that has saved its notebook: which runs' output the file has, by the ids of their requests."""

LAST = "last"
"""The question that is ours: asked for the pages to come before a kernel's end is told."""


class Told(TypedDict):
    """One message that a page missed, and the cell whose output it is."""

    cell: str
    header: dict[str, Any]
    parent: dict[str, Any]
    content: dict[str, Any]


SETTLED_S = 0.25
"""How long after a page's first word its subscription to the output is sure to stand."""


@dataclass(slots=True)
class Question:
    """A page's request, and what is known of its answer."""

    session: str
    due: float = 0.0
    channel: str = ""
    request: list[bytes] = field(default_factory=list)
    asked: bool = False
    found: list[Told] = field(default_factory=list)
    numbers: dict[int, str] = field(default_factory=dict)
    """Of the messages in `found`: the session of the page whose cell it was."""


class Recalls:
    """The open questions of one kernel's pages, and what its dead predecessors said."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._left: list[Told] = []
        self._last_told = False

    def take(self, channel: str, request: list[bytes]) -> None:
        """Take a page's question."""
        header = messages.header_of(request)
        due = time.monotonic() + SETTLED_S
        self._open[str(header.get("msg_id"))] = Question(str(header.get("session", "")), due, channel, request)

    def ask_last(self) -> bool:
        """Ask what a kernel said that has ended, for whoever comes; tell whether the answer is here."""
        if not self._last_told:
            self._open.setdefault(LAST, Question(""))
        return self._last_told

    def another(self) -> None:
        """Another kernel takes the ended one's place."""
        self._last_told = False
        self._open.pop(LAST, None)

    def due(self) -> Iterator[tuple[str, str]]:
        """Yield the questions to be asked now, by their page's session; each once, until the line has broken."""
        for name, one in self._open.items():
            if not one.asked and time.monotonic() >= one.due:
                one.asked = True
                yield name, one.session

    @property
    def waiting(self) -> bool:
        """Whether a question is not asked yet."""
        return any(not one.asked for one in self._open.values())

    def again(self) -> None:
        """Ask everything anew: the line was broken."""
        for one in self._open.values():
            one.asked = False
            one.found.clear()
            one.numbers.clear()

    def tell(self, name: str, cell: str, number: int, parts: list[bytes]) -> None:
        """Take a part of an answer."""
        if (one := self._open.get(name)) is not None:
            parent = messages.parent_of(parts)
            header, content = messages.header_of(parts), messages.content_of(parts)
            one.found.append({"cell": cell, "header": header, "parent": parent, "content": content})
            one.numbers[number] = str(parent.get("session", ""))

    def told(self, name: str) -> Question | None:
        """Take the end of an answer; return the page's question with all of it, unless it was ours."""
        one = self._open.pop(name, None)
        if name == LAST:
            self._last_told = True
            self._left += one.found if one is not None else []
            return None
        if one is not None:
            known = {found["header"].get("msg_id") for found in one.found}
            one.found[:0] = [left for left in self._left if left["header"].get("msg_id") not in known]
        return one

    def begun(self, request: list[bytes]) -> None:
        """Let go of what a cell said earlier that is run again."""
        if self._left:
            cell = messages.metadata_of(request).get("cellId")
            self._left = [one for one in self._left if one["cell"] != cell]

    def saved(self, causes: Iterable[str]) -> None:
        """Let go of what these requests led to: a page has saved it."""
        gone = set(causes)
        self._left = [one for one in self._left if one["parent"].get("msg_id") not in gone]
