"""The list of cards: one per instance, and one per launch that has no instance yet."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as w

from jupyter_awsgpu.surfaces.panel import clusters, progress
from jupyter_awsgpu.surfaces.panel.card import InstanceCard, waiting
from jupyter_awsgpu.surfaces.panel.column import Column
from jupyter_awsgpu.surfaces.panel.refusal import RefusalBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.records.operations import OperationSummary
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

    Run = Callable[[tuple[str, ...]], None]
    Answer = Callable[[tuple[str, ...]], str]

BEGINS_WITHIN_S = 20.0
"""How long a press may wait for its operation's log before it is forgotten."""

FAILED_SHOWN_S = 15 * 60.0
"""How long a launch that came to nothing stays in the list."""


class Instances(Column):
    """Keeps one card an instance, or a cluster by its first machine: nothing is rebuilt while a person reads it."""

    def __init__(self, run: Run, answer: Answer, tr: Callable[[str], str]) -> None:
        self._run = run
        self._answer = answer
        self._tr = tr
        self._cards: dict[str, InstanceCard] = {}
        self._newcomers: dict[str, Newcomer] = {}
        self._began: dict[str, tuple[str, float]] = {}
        self._empty = w.HTML()
        super().__init__([self._empty])

    def began(self, verb: str, name: str) -> None:
        """Note a press: its card says so until the operation's own log does."""
        self._began[name] = (verb, time.time())

    def over(self, name: str) -> None:
        """Forget a press that came to nothing."""
        self._began.pop(name, None)

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot: cards come, change and go."""
        self._forget_old_presses(snapshot)
        widgets: list[w.Widget] = []
        shown = tuple(clusters.cards(snapshot.instances))
        for one, whole in shown:
            card = self._cards.get(one.instance_id) or InstanceCard(self._run, self._answer, self._tr)
            self._cards[one.instance_id] = card
            verb = self._began.get(one.name)
            card.show(one, snapshot, whole, began=verb[0] if verb else None)
            widgets.append(card)
        widgets += self._show_newcomers(snapshot)
        gone = set(self._cards) - {one.instance_id for one, _ in shown}
        for instance_id in gone:
            del self._cards[instance_id]
        self._show_empty(snapshot, some=bool(widgets))
        children = tuple(widgets) or (self._empty,)
        if self.children != children:
            self.children = children

    def ask(self, verb: str) -> bool:
        """Press a verb's button where exactly one card has it; return whether that was so."""
        having = [card for card in self._cards.values() if any(one.verb == verb for one in card.actions)]
        return len(having) == 1 and having[0].ask(verb)

    def _forget_old_presses(self, snapshot: Snapshot) -> None:
        for name, (_verb, at) in list(self._began.items()):
            latest = next((one for one in snapshot.operations if one.name == name), None)
            answered = latest is not None and latest.events[0].at >= at - 1.0
            if answered or time.time() - at > BEGINS_WITHIN_S:
                self._began.pop(name, None)

    def _show_newcomers(self, snapshot: Snapshot) -> list[w.Widget]:
        known = {one.name for one in snapshot.instances}
        wanted: dict[str, OperationSummary | None] = {
            one.name: one for one in snapshot.newcomers() if snapshot.at - one.events[-1].at < FAILED_SHOWN_S
        }
        for name, (verb, _at) in self._began.items():
            if name not in known and verb == "launch":
                wanted[name] = None
        for name in set(self._newcomers) - set(wanted):
            del self._newcomers[name]
        for name, operation in wanted.items():
            if name not in self._newcomers:
                self._newcomers[name] = Newcomer(name, self._run, self._tr)
            self._newcomers[name].show(operation)
        return list(self._newcomers.values())

    def _show_empty(self, snapshot: Snapshot, *, some: bool) -> None:
        text = self._tr("No instances yet. Choose one below.") if snapshot.asked else self._tr("Asking AWS…")
        if snapshot.refusal is not None:
            text = ""
        value = "" if some else f'<p class="awsgpu-note" role="status">{escape(text)}</p>'
        if self._empty.value != value:
            self._empty.value = value


class Newcomer(Column):
    """A launch on its way to an instance, or one that came to nothing, with what would mend it."""

    def __init__(self, name: str, run: Run, tr: Callable[[str], str]) -> None:
        self._tr = tr
        self._progress = w.HTML()
        self._refusal = RefusalBox(run, tr)
        super().__init__([w.HTML(f'<div class="awsgpu-name">{escape(name)}</div>'), self._refusal, self._progress])
        self.add_class("awsgpu-card")

    def show(self, operation: OperationSummary | None) -> None:
        """Show the operation, or that it begins."""
        drawn = waiting("launch", self._tr) if operation is None else progress.draw(operation, self._tr)
        if self._progress.value != drawn:
            self._progress.value = drawn
        failed = operation is not None and operation.outcome == "failed"
        self._refusal.show(
            self._tr(operation.events[-1].text) if operation and failed else None,
            (operation.remedy or "") if operation else "",
        )
