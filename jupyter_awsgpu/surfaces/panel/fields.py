"""The fields of the launch form: what a person may choose, and the wishes it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import ipywidgets as w

from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.surfaces.panel.offers import ANY_GPU, ANY_REGION
from jupyter_awsgpu.verbs.wishes import wishes_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Wishes
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.surfaces.panel.offers import Options

FIRST_TYPE = "g4dn.xlarge"
"""What the form begins with: the cheapest NVIDIA GPU that every large region has."""

IDLE_CHOICES = (15, 30, 60, 120, 240)
CAP_CHOICES = (1.0, 4.0, 8.0, 12.0, 24.0, 72.0)


class Fields:
    """The form's widgets by name, and their reading as `Wishes`."""

    def __init__(self, settings: AWSGPU, tr: Callable[[str], str]) -> None:
        self.gpu = w.Dropdown(description=tr("GPU"), options=((tr("every GPU"), ANY_GPU),), value=ANY_GPU)
        self.type = w.Dropdown(description=tr("Type"), options=((FIRST_TYPE, FIRST_TYPE),), value=FIRST_TYPE)
        here = str(settings.region or "")
        self.region = w.Dropdown(description=tr("Region"), options=((here or tr("your profile's"), here),), value=here)
        self.image = w.Dropdown(description=tr("Image"), options=((tr("the best for this type"), ""),), value="")
        self.name = w.Text(description=tr("Name"), value="gpu", continuous_update=False)
        self.disk = w.Text(description=tr("Disk, GB"), continuous_update=False)
        self.disk.tooltip = tr("Empty: 40 GB, or what the image needs")
        self.spot = w.Dropdown(description=tr("Market"), options=_markets(tr), value="no")
        idle, cap = int(settings.idle_stop_minutes), float(settings.max_hours)
        self.idle = w.Dropdown(description=tr("Idle stop"), options=_idle(idle, tr), value=idle)
        self.cap = w.Dropdown(description=tr("Cap"), options=_caps(cap, tr), value=cap)
        self._settings = settings
        for field in (self.gpu, self.type, self.region, self.image, self.spot):
            field.add_class("awsgpu-wide")
        for field in (self.name, self.disk, self.idle, self.cap):
            field.add_class("awsgpu-half")

    @property
    def all(self) -> tuple[w.Widget, ...]:
        """The widgets in the order in which one fills them in."""
        first = (self.gpu, self.type, self.region, self.image, self.name)
        return (*first, self.disk, self.idle, self.cap, self.spot)

    @property
    def region_here(self) -> str | None:
        """The region chosen, or None for the profile's."""
        value = str(self.region.value or "")
        return None if value in ("", ANY_REGION) else value

    def wishes(self) -> Wishes:
        """Return the wishes as they stand (`BadName`, `BadValue`)."""
        wishes = wishes_from(
            self._settings,
            str(self.type.value or FIRST_TYPE),
            name=str(self.name.value).strip() or None,
            any_region=self.region.value == ANY_REGION or None,
            region=self.region_here,
            image=str(self.image.value) or None,
            disk_gb=_whole_gb(str(self.disk.value)),
            spot=str(self.spot.value),
        )
        return replace(wishes, idle_stop_minutes=int(self.idle.value) or None, max_hours=float(self.cap.value) or None)

    def command(self) -> tuple[str, ...]:
        """Return the launch as the command line has it, every choice of the form spelled out."""
        wishes = self.wishes()
        words = ["launch", wishes.instance_type, "--name", wishes.name, "--spot", wishes.spot]
        words += ["--idle-stop", f"{wishes.idle_stop_minutes}m" if wishes.idle_stop_minutes else "none"]
        words += ["--max-hours", f"{wishes.max_hours:g}" if wishes.max_hours else "none"]
        words += ["--region", self.region_here] if self.region_here else []
        words += ["--any-region"] if wishes.any_region else []
        words += ["--image", wishes.image] if wishes.image else []
        words += ["--disk", str(wishes.disk_gb)] if wishes.disk_gb else []
        return tuple(words)

    def take(self, words: tuple[str, ...]) -> None:
        """Fill the form from a launch of the shared grammar, e.g. a remedy's: what it does not name stays."""
        options = dict(zip(words, (*words[1:], ""), strict=True))
        if len(words) > 1 and not words[1].startswith("-"):
            _choose(self.type, words[1])
        for option, field in (("--region", self.region), ("--image", self.image), ("--spot", self.spot)):
            if option in options:
                _choose(field, options[option] or "yes")
        if "--any-region" in options:
            _choose(self.region, ANY_REGION)
        if options.get("--disk", "").isdigit():
            self.disk.value = options["--disk"]
        if options.get("--name"):
            self.name.value = options["--name"]


def _whole_gb(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        return int(text)
    except ValueError:
        raise BadValue(option="--disk", value=repr(text), expected="it takes 1 to 16384 GB", verb="launch") from None


def _choose(field: w.Dropdown, value: str) -> None:
    if value not in {known for _, known in field.options}:
        field.options = (*field.options, (value, value))
    field.value = value


def set_options(field: w.Dropdown, options: Options, *, prefer: str | None = None) -> None:
    """Change what can be chosen, and keep the choice (or `prefer`) where it still can be."""
    wanted = field.value if prefer is None else prefer
    if tuple(field.options) == options and field.value == wanted:
        return
    values = [value for _, value in options]
    field.options = options
    field.value = wanted if wanted in values else values[0] if values else None


def _markets(tr: Callable[[str], str]) -> Options:
    return ((tr("on demand"), "no"), (tr("spot"), "yes"), (tr("spot, else on demand"), "prefer"))


def _idle(usual: int, tr: Callable[[str], str]) -> tuple[tuple[str, int], ...]:
    known = sorted({*IDLE_CHOICES, usual} - {0})
    return (*((tr("{n} min").format(n=n), n) for n in known), (tr("never"), 0))


def _caps(usual: float, tr: Callable[[str], str]) -> tuple[tuple[str, float], ...]:
    known = sorted({*CAP_CHOICES, usual} - {0.0})
    return (*((tr("{n} h").format(n=f"{n:g}"), n) for n in known), (tr("none"), 0.0))
