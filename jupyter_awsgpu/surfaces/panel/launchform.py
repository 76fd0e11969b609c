"""The launch form: choices with prices, the preflight beneath, a button that carries the price."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import Plan
from jupyter_awsgpu.surfaces.panel import offers, preflight
from jupyter_awsgpu.surfaces.panel.column import Column
from jupyter_awsgpu.surfaces.panel.fields import Fields, set_options
from jupyter_awsgpu.surfaces.panel.refusal import RefusalBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Offer, Wishes
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.verbs.workbench import Workbench

    Run = Callable[[tuple[str, ...]], None]


class LaunchForm(Column):
    """Everything a launch needs, chosen; nothing here waits for AWS."""

    def __init__(self, bench: Callable[[], Workbench], settings: AWSGPU, run: Run, tr: Callable[[str], str]) -> None:
        self._bench = bench
        self._run = run
        self._tr = tr
        self._offers: tuple[Offer, ...] = ()
        self._plan: Plan | None = None
        self._filler: int | None = None
        self._fill_lock = threading.Lock()
        self.fields = Fields(settings, tr)
        self.button = w.Button(description=tr("Launch"), button_style="primary", disabled=True)
        self.button.add_class("awsgpu-launch")
        self.button.on_click(lambda _: self._press())
        self._checks = w.HTML()
        self._refusal = RefusalBox(run, tr)
        self._remedies = w.VBox([])
        self._preflight = preflight.Preflight(self._ask_plan, self._show)
        super().__init__([*self.fields.all, self.button, self._refusal, self._checks, self._remedies])
        self.add_class("awsgpu-form")
        for field in self.fields.all:
            field.observe(self._on_choice, names="value")

    def refresh(self) -> None:
        """Ask anew for everything: another AWS is in view, or the form is shown for the first time."""
        self._plan = None
        self._offers = ()
        self._checks.value = f'<p class="awsgpu-note" role="status">{self._tr("Asking AWS…")}</p>'
        self._in_thread(self._load_types)
        self._in_thread(self._load_images)
        self._in_thread(self._load_regions)
        self._wish()

    def take(self, words: tuple[str, ...]) -> None:
        """Fill the form from a launch of the shared grammar (a remedy's); the person still presses."""
        self.fields.take(words)
        self._wish()

    def _on_choice(self, change: dict[str, Any]) -> None:
        if self._filler == threading.get_ident():
            return  # our own filling-in, not a person's choice
        field = change["owner"]
        if field is self.fields.gpu:
            self._fill(self.fields.type, offers.type_options(self._offers, str(field.value), self._tr))
        elif field is self.fields.type:
            self._in_thread(self._load_regions)
        elif field is self.fields.region:
            self._in_thread(self._load_types)
            self._in_thread(self._load_images)
        self._wish()

    def _wish(self) -> None:
        self.button.disabled = True
        try:
            wishes = self.fields.wishes()
        except AwsGpuError as exc:
            self._show(exc)
            return
        self._preflight.wish(wishes)

    def _press(self) -> None:
        try:
            self._run(self.fields.command())
        except AwsGpuError as exc:
            self._show(exc)

    # ── from here on: in threads ──────────────────────────────────────────────────────────────

    def _ask_plan(self, wishes: Wishes) -> Plan:
        from jupyter_awsgpu.verbs.plan import plan

        return plan(self._bench(), wishes)

    def _show(self, found: Plan | AwsGpuError) -> None:
        if not isinstance(found, Plan):
            self._plan = None
            self._refusal.show(found.message, found.remedy)
            self._checks.value, self._remedies.children = "", ()
            self.button.description, self.button.disabled = self._tr("Launch"), True
            return
        self._plan = found
        self._refusal.show(None)
        self._checks.value = preflight.draw(found, self._tr)
        self._remedies.children = tuple(self._remedy(one.detail, one.remedy) for one in found.refusals if one.remedy)
        self.fields.disk.placeholder = str(found.disk_gb)  # what an empty field stands for
        self.button.description = preflight.button_label(found, self._tr)
        self.button.disabled = not found.ok

    def _remedy(self, detail: str, remedy: str | None) -> RefusalBox:
        box = RefusalBox(self._run, self._tr)
        box.show(self._tr(detail), remedy or "")
        return box

    def _load_types(self) -> None:
        from jupyter_awsgpu.verbs.choosing import types

        self._offers = types(self._bench(), everything=True, region=self.fields.region_here)
        self._fill(self.fields.gpu, offers.gpu_options(self._offers, self._tr))
        model = str(self.fields.gpu.value or offers.ANY_GPU)
        self._fill(self.fields.type, offers.type_options(self._offers, model, self._tr))

    def _load_regions(self) -> None:
        from jupyter_awsgpu.verbs.choosing import regions

        bench = self._bench()
        here = self.fields.region_here or bench.clouds.default_region
        self._fill(self.fields.region, offers.region_options((), here, self._tr), prefer=here)
        chosen = self.fields.type.value
        try:
            found = regions(bench, str(chosen), spot=False)
        except AwsGpuError:
            return  # the preflight says what is wrong with the type
        if chosen != self.fields.type.value:
            return  # a person chose on; the answer to the newer question comes, or has come
        self._fill(self.fields.region, offers.region_options(found, here, self._tr))

    def _load_images(self) -> None:
        from jupyter_awsgpu.verbs.choosing import images

        found = images(self._bench(), region=self.fields.region_here)
        self._fill(self.fields.image, offers.image_options(found, self._tr))

    def _fill(self, field: w.Dropdown, options: offers.Options, *, prefer: str | None = None) -> None:
        """Change a field's options without taking that for a choice; ask again if it moved the choice."""
        if not options:
            return
        with self._fill_lock:
            before = field.value
            self._filler = threading.get_ident()
            try:
                set_options(field, options, prefer=prefer)
            finally:
                self._filler = None
        if field.value != before:
            if field is self.fields.type:
                self._in_thread(self._load_regions)  # theirs were the prices of another type
            self._wish()

    def _in_thread(self, work: Callable[[], None]) -> None:
        def quietly() -> None:
            try:
                work()
            except AwsGpuError:
                return  # the preflight asks the same AWS and shows its refusal

        threading.Thread(target=quietly, name="awsgpu-choices", daemon=True).start()
