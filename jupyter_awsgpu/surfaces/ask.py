"""One question of a person, on its way through the grammar: its options, its surface, its progress."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jupyter_awsgpu.errors import NeedsYes

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from traitlets.config import Config

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.surfaces.display import Progress
    from jupyter_awsgpu.verbs.workbench import Workbench

T = TypeVar("T")


SHOWING = ("status", "list", "cost", "cleanup", "stop", "terminate", "demo")
"""Verbs whose own answer shows what runs, or that end it."""


@dataclass
class Ask:
    """What the surface knows before the line is parsed, and what the global options add to it.

    `show` makes the live progress of this surface; `confirm` asks a yes or no where somebody can answer.
    """

    surface: Literal["terminal", "notebook", "python"]
    arguments: list[str]
    show: Callable[[Ask], Progress | None]
    confirm: Callable[[str], bool] | None = None
    config: Config | None = None
    json: bool = False
    quiet: bool = False
    debug: bool = False
    simulated: bool = False
    several: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    progress: Progress | None = None

    @property
    def begin(self) -> str:
        """How a command begins at this surface, with the global options of this line."""
        from jupyter_awsgpu.surfaces.spelling import beginning

        return beginning("awsgpu" if self.surface == "terminal" else "%awsgpu", self.options)

    def settings(self, **more: object) -> AWSGPU:
        """Return the settings in force, and remember whether the AWS is the simulated one."""
        from jupyter_awsgpu import language, settings

        if self.config is None:
            from jupyter_awsgpu.surfaces.configuration import from_file

            self.config = from_file()
        loaded = settings.load({**self.options, **more}, self.config)
        self.simulated = bool(loaded.demo)
        language.speak(str(loaded.language))
        return loaded

    def bench(self, **more: object) -> Workbench:
        """Open the rooms, with this surface's progress listening."""
        from jupyter_awsgpu import wiring

        settings = self.settings(**more)
        self.progress = None if self.quiet else self.show(self)
        made = wiring.workbench(settings, None if self.progress is None else self.progress.hear)
        return replace(made, mention=self._mention) if self._mentions else made

    @property
    def _mentions(self) -> bool:
        """Whether a word on what has run for long would be read, and is not what this verb shows anyway."""
        if self.json or self.quiet or self.surface == "python":
            return False
        from jupyter_awsgpu.surfaces.grammar import VERBS

        said = next((word for word in self.arguments if word in VERBS), "status")
        return said not in SHOWING

    def _mention(self, instances: tuple[Instance, ...]) -> None:
        """Say in one line which instances have run for long, beside what the verb answers."""
        from jupyter_awsgpu.surfaces.render.instances import long_runs

        click.echo(long_runs(instances, self.begin), err=self.surface == "terminal")

    def consented(self, act: Callable[[bool], T], *, yes: bool) -> T:
        """Do something that may want a yes: asked for once, where somebody is there to answer."""
        try:
            return act(yes)
        except NeedsYes as exc:
            if self.confirm is None or not self.confirm(exc.message):
                raise
            return act(True)


pass_ask = click.make_pass_decorator(Ask)
"""Gives a command its `Ask` as first argument."""
