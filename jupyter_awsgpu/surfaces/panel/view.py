"""The panel: demo switch, launch form, instances, answers; everything in it only shows and starts."""

from __future__ import annotations

import threading
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.surfaces.panel import jobs, style
from jupyter_awsgpu.surfaces.panel.column import Column
from jupyter_awsgpu.surfaces.panel.instances import Instances
from jupyter_awsgpu.surfaces.panel.launchform import LaunchForm
from jupyter_awsgpu.surfaces.panel.refusal import RefusalBox
from jupyter_awsgpu.surfaces.usehere import asking_page, use_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.surfaces.panel.jobs import Job
    from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot
    from jupyter_awsgpu.surfaces.panel.watcher import Watcher

CHANGING = (
    *("launch", "connect", "disconnect", "open", "keep", "stop", "start", "image", "terminate"),
    *("provision", "resize", "adopt", "push", "pull", "run"),
)
"""Verbs that run as jobs; every other one is a question whose answer is shown."""

PRESSED = (*CHANGING, "kernel")
"""Verbs of the palette that press the button of the one card that has it."""

NEEDS_TYPE = ("plan", "regions", "quota")
"""Questions about the type that the form has chosen."""


class Panel(Column):
    """One panel. Several of them, in one kernel or many, agree through the records and AWS."""

    def __init__(self, watcher: Watcher, settings: AWSGPU, tr: Callable[[str], str]) -> None:
        self._watcher = watcher
        self._tr = tr
        self._jobs: list[Job] = []
        self._demo_shown: bool | None = None
        self.switch = w.ToggleButtons(
            options=((tr("Real AWS"), False), (tr("SIMULATED"), True)), value=watcher.snapshot.demo
        )
        self.switch.add_class("awsgpu-switch")
        self._banner = w.HTML()
        self._refusal = RefusalBox(self.run, tr)  # what AWS answers the watcher
        self._job_refusal = RefusalBox(self.run, tr)  # what the last press came to
        self.form = LaunchForm(watcher.bench, settings, self.run, tr)
        self.instances = Instances(self.run, self._answer, tr)
        self._answered = w.HTML()
        super().__init__(
            [
                w.HTML(style.SHEET, layout=w.Layout(display="none")),
                self.switch,
                self._banner,
                self._refusal,
                self._job_refusal,
                w.HTML(f"<h3>{escape(tr('Instances'))}</h3>"),
                self.instances,
                w.HTML(f"<h3>{escape(tr('Launch'))}</h3>"),
                self.form,
                self._answered,
            ]
        )
        self.add_class("awsgpu-panel")
        self.switch.observe(self._on_switch, names="value")
        self._stop_listening = watcher.listen(self._show)

    def close(self) -> None:
        """Stop listening with the widget: what was started goes on."""
        self._stop_listening()
        super().close()

    # ── what a person does ────────────────────────────────────────────────────────────────────

    def run(self, command: tuple[str, ...]) -> None:
        """Carry out a line of the grammar: a launch to be looked at again, a job, or a question."""
        verb = command[0]
        if verb == "launch" and "--max-hours" not in command:
            self.form.take(command)  # a remedy's launch: the person sees the price first
        elif verb in CHANGING:
            self._start(command)
        elif verb == "kernel":
            self._use_here(command, asking_page())
        else:
            self._ask(command)

    def verb(self, verb: str) -> None:
        """Carry out a verb chosen by name (the palette): press its button, or ask its question."""
        if verb == "launch":
            self.form.button.focus()
        elif verb in PRESSED:
            if not self.instances.ask(verb):
                self._say(
                    self._tr("{verb}: no instance, or more than one, can do that now.").format(verb=self._tr(verb))
                )
        elif verb != "status":
            chosen = (str(self.form.fields.type.value),) if verb in NEEDS_TYPE else ()
            self._ask((verb, *chosen))

    def line(self, line: str) -> None:
        """Carry out a line as a person types it after `awsgpu` (the palette asked for its words)."""
        from jupyter_awsgpu.surfaces.grammar import split

        try:
            words = split(line)
        except AwsGpuError as exc:
            self._job_refusal.show(exc.message, exc.remedy)
        else:
            self.run(tuple(words))

    def _start(self, command: tuple[str, ...]) -> None:
        try:
            bench = self._watcher.bench()
            job = jobs.start(command, demo=bench.demo, folder=bench.records.log_folder)
        except Exception as exc:
            self._job_refusal.show(str(exc))
            return
        self._job_refusal.show(None)
        self._jobs.append(job)
        self.instances.began(command[0], _name_of(command))
        self._show(self._watcher.snapshot)
        threading.Thread(target=self._wait, args=(job,), name="awsgpu-job", daemon=True).start()

    def _wait(self, job: Job) -> None:
        """Wait for a job (in a thread): it is reaped, AWS is asked, and what it refused early is shown."""
        job.process.wait()
        self._jobs.remove(job)
        self.instances.over(_name_of(job.command))
        refusal = job.refusal()
        if refusal is not None and not self._has_log(job):
            self._job_refusal.show(self._tr(refusal["message"]), refusal["remedy"])
        self._watcher.hurry()

    def _has_log(self, job: Job) -> bool:
        recent = self._watcher.bench().records.operations.recent()
        return any(one.pid == job.process.pid and one.outcome == "failed" for one in recent)

    def _use_here(self, command: tuple[str, ...], page: str) -> None:
        """Offer the instance's kernel (in a thread: AWS is asked), then let the page that pressed move its notebook."""

        def offer() -> None:
            from jupyter_awsgpu.verbs.kernel import kernel

            try:
                use_here(kernel(self._watcher.bench(), command[1]).spec, page)
            except AwsGpuError as exc:
                self._job_refusal.show(exc.message, exc.remedy)
            else:
                self._job_refusal.show(None)

        threading.Thread(target=offer, name="awsgpu-use-here", daemon=True).start()

    def _answer(self, command: tuple[str, ...]) -> str:
        return jobs.answer(command, demo=self._watcher.snapshot.demo)

    def _ask(self, command: tuple[str, ...]) -> None:
        line = escape("awsgpu " + " ".join(command))
        self._answered.value = f'<h3>{line}</h3><p class="awsgpu-note" role="status">{escape(self._tr("Asking…"))}</p>'

        def ask() -> None:
            try:
                text = self._answer(command)
            except Exception as exc:
                text = str(exc)
            self._answered.value = f'<h3>{line}</h3><pre tabindex="0">{escape(text)}</pre>'

        threading.Thread(target=ask, name="awsgpu-answer", daemon=True).start()

    def _say(self, text: str) -> None:
        self._answered.value = f'<p class="awsgpu-note" role="status">{escape(text)}</p>'

    # ── what the watcher tells ────────────────────────────────────────────────────────────────

    def _on_switch(self, change: dict[str, Any]) -> None:
        self._watcher.use_demo(bool(change["new"]))

    def _show(self, snapshot: Snapshot) -> None:
        if snapshot.demo != self._demo_shown:
            self._demo_shown = snapshot.demo
            self.switch.value = snapshot.demo
            warning = self._tr("SIMULATED: an AWS on this machine. Nothing here is real, nothing costs money.")
            (self.add_class if snapshot.demo else self.remove_class)("awsgpu-demo")
            self._banner.value = f'<div class="awsgpu-simulated">{escape(warning)}</div>' if snapshot.demo else ""
            self.form.refresh()
        refused = snapshot.refusal
        self._refusal.show(refused.message if refused else None, refused.remedy if refused else "")
        self.instances.show(snapshot)


def _name_of(command: tuple[str, ...]) -> str:
    if command[0] == "launch":
        return command[command.index("--name") + 1] if "--name" in command else "gpu"
    return command[1] if len(command) > 1 else ""
