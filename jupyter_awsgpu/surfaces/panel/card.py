"""The card of one instance: what it is, costs and does, and the actions that fit its state."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as w

from jupyter_awsgpu.surfaces.panel import chart, clusters, figures, progress
from jupyter_awsgpu.surfaces.panel.actions import Action, actions_for, keep_action
from jupyter_awsgpu.surfaces.panel.column import Column
from jupyter_awsgpu.surfaces.panel.logview import LogView
from jupyter_awsgpu.surfaces.panel.refusal import RefusalBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

    Run = Callable[[tuple[str, ...]], None]
    Answer = Callable[[tuple[str, ...]], str]


class InstanceCard(Column):
    """Redraws only what changed: a card that is looked at must not flicker or lose the focus."""

    def __init__(self, run: Run, answer: Answer, tr: Callable[[str], str]) -> None:
        self._run = run
        self._tr = tr
        self._facts = w.HTML()
        self._chart = w.HTML()
        self._progress = w.HTML()
        self._buttons = w.Box([])
        self._buttons.add_class("awsgpu-actions")
        self._confirm = Confirmation(tr)
        self._refusal = RefusalBox(run, tr)
        self._log = LogView(answer, tr)
        self._shown: tuple[Action, ...] = ()
        super().__init__(
            [self._facts, self._buttons, self._confirm, self._refusal, self._progress, self._chart, self._log]
        )
        self.add_class("awsgpu-card")

    def show(
        self, instance: Instance, snapshot: Snapshot, whole: tuple[Instance, ...] = (), *, began: str | None = None
    ) -> None:
        """Show an instance as the snapshot has it, with all machines of its cluster.

        `began` is a verb pressed whose log is not there yet.
        """
        _set(self._facts, facts(instance, snapshot.at, self._tr, whole) + clusters.draw(whole, snapshot, self._tr))
        _set(self._chart, chart.draw(snapshot.gpu.get(instance.instance_id, ()), self._tr))
        operation = snapshot.shown(instance.name)
        drawn = progress.draw(operation, self._tr) if operation is not None else ""
        _set(self._progress, waiting(began, self._tr) if began else drawn)
        failed = operation if operation is not None and operation.outcome == "failed" and not began else None
        self._refusal.show(
            self._tr(failed.events[-1].text) if failed else None, (failed.remedy or "") if failed else ""
        )
        busy = bool(began) or snapshot.running(instance.name) is not None
        keep = keep_action(instance)
        self._show_actions(
            (
                *((keep,) if keep and not busy else ()),
                *actions_for(instance, self._tr, busy=busy, workers=len(whole[1:])),
            )
        )
        self._log.name = instance.name

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions whose buttons are shown."""
        return self._shown

    def ask(self, verb: str) -> bool:
        """Press the button of a verb for the person who chose it in the palette; return whether there is one."""
        for action in self._shown:
            if action.verb == verb:
                self._press(action)
                return True
        return False

    def _show_actions(self, actions: tuple[Action, ...]) -> None:
        if actions == self._shown:
            return
        if [(one.verb, one.label) for one in actions] != [(one.verb, one.label) for one in self._shown]:
            self._buttons.children = tuple(self._button(one) for one in actions)
            self._confirm.drop()
        self._shown = actions

    def _button(self, action: Action) -> w.Button:
        button = w.Button(description=self._tr(action.label), button_style="primary" if action.main else "")
        button.tooltip = "awsgpu " + " ".join(action.command)
        button.on_click(lambda _: self._press_verb(action.verb))
        return button

    def _press_verb(self, verb: str) -> None:
        """Press by verb: what must be confirmed may have changed since the button was drawn."""
        self.ask(verb)

    def _press(self, action: Action) -> None:
        if action.confirm is None:
            self._run(action.command)
        else:
            self._confirm.show(action, lambda: self._run(action.command))


class Confirmation(Column):
    """What would be lost, and two buttons; the harmless one has the focus."""

    def __init__(self, tr: Callable[[str], str]) -> None:
        self._tr = tr
        super().__init__([])
        self.add_class("awsgpu-confirm")
        self.hide()

    def show(self, action: Action, do: Callable[[], None]) -> None:
        """Ask; `do` runs only on the button that names the deed."""
        label = self._tr(action.label)
        yes = w.Button(description=f"{label} {action.arguments[0]}", button_style="danger")
        no = w.Button(description=self._tr("Leave it"))
        text = w.HTML(f'<div role="alert">{escape(action.confirm or "")}</div>')

        def confirmed(_button: object) -> None:
            self.drop()
            do()

        yes.on_click(confirmed)
        no.on_click(lambda _: self.drop())
        self.children = (text, w.HBox([no, yes]))
        self.reveal()
        no.focus()

    def drop(self) -> None:
        """Take the question back."""
        self.hide()
        self.children = ()


def facts(instance: Instance, now: float, tr: Callable[[str], str], whole: tuple[Instance, ...] = ()) -> str:
    """Return name, state, machine, place, age, money, countdown and tunnel; names are AWS's: escaped."""
    badge = f'<span class="awsgpu-badge">{escape(tr("SIMULATED"))}</span>' if instance.demo else ""
    state = f'<span class="awsgpu-state" data-state="{escape(instance.state)}">{escape(tr(instance.state))}</span>'
    gpu = f" · {instance.gpu}" if instance.gpu else ""
    spot = f" · {tr('spot')}" if instance.spot else ""
    age = (
        tr("running for {time}").format(time=figures.coarse(figures.age_s(instance, now), tr))
        if instance.state.bills
        else ""
    )
    doing = instance.guest.phase if instance.guest and instance.guest.phase != "ready" else ""
    lines = [
        f"{instance.instance_type}{gpu}{spot} · {instance.zone}",
        " · ".join(filter(None, [age, figures.price_line(instance, now, tr, whole)])),
        " · ".join(filter(None, [figures.idle_line(instance, now, tr), figures.cap_line(instance, now, tr)])),
        " · ".join(filter(None, [figures.tunnel_line(instance, tr), tr(doing) if doing else ""])),
    ]
    shown = "".join(f"<div>{escape(line)}</div>" for line in lines if line)
    return f'<div class="awsgpu-name">{escape(instance.name)} {state} {badge}</div>{shown}'


def waiting(verb: str, tr: Callable[[str], str]) -> str:
    """Return the line between a press and the first step of its operation."""
    text = tr("{verb} begins…").format(verb=tr(verb))
    return f'<div class="awsgpu-head" role="status"><span class="awsgpu-spin"></span> {escape(text)}</div>'


def _set(html: w.HTML, value: str) -> None:
    if html.value != value:
        html.value = value
