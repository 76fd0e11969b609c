"""What a verb's value becomes on its way to a person: something that knows its picture and its JSON.

Single values (`Instance`, `Plan`, `Quota`) stay what they are; several of them come as one `Listing`,
a tuple that a notebook shows as a table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from jupyter_awsgpu.language import tr
from jupyter_awsgpu.model import Check, Cost, Image, Instance, Leftover, Offer, Plan, Quota, Run, Volume
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Self

    from jupyter_awsgpu.demo.client import DemoStatus
    from jupyter_awsgpu.model import DaskWay, GpuUse, Transfer
    from jupyter_awsgpu.verbs.picker import PickedKernel

T = TypeVar("T")


class Shown:
    """Shows its sheet in a notebook, as HTML and as 80 columns of text."""

    __slots__ = ()

    def sheet(self) -> Sheet:
        """Return the picture."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        from jupyter_awsgpu.surfaces.notebook import bundle

        return bundle(self.sheet())["text/html"]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        from jupyter_awsgpu.surfaces.notebook import bundle

        printer.text(bundle(self.sheet())["text/plain"])


class Listing(Shown, tuple[T, ...]):  # noqa: SLOT001 - it remembers whether it was simulated
    """Several values of one kind; behaves as a tuple, shows as a table."""

    simulated: bool

    def __new__(cls, values: Iterable[T], *, simulated: bool = False) -> Self:
        """Make a tuple that remembers whether the AWS was the simulated one."""
        made = super().__new__(cls, values)
        made.simulated = simulated
        return made

    def __str__(self) -> str:
        """Return the table as text, 80 columns wide."""
        from jupyter_awsgpu.surfaces.render import text

        return text.draw(spoken(self.sheet()))


class Instances(Listing[Instance]):
    """The answer of `status`; `volumes` are data volumes that are attached to nothing."""

    volumes: tuple[Volume, ...]

    def __new__(cls, values: Iterable[Instance], *, simulated: bool = False, volumes: tuple[Volume, ...] = ()) -> Self:
        """Make the tuple, with what lies there beside it."""
        made = super().__new__(cls, values, simulated=simulated)
        made.volumes = volumes
        return made

    def sheet(self) -> Sheet:
        """Return the table of instances."""
        from jupyter_awsgpu.surfaces.render import instances

        return instances.table(self, simulated=self.simulated, volumes=self.volumes)


class Types(Listing[Offer]):
    """The answer of `types`."""

    def sheet(self) -> Sheet:
        """Return the table of types."""
        from jupyter_awsgpu.surfaces.render import choosing

        return choosing.types(self, simulated=self.simulated)


class Regions(Listing[Offer]):
    """The answer of `regions`."""

    def sheet(self) -> Sheet:
        """Return the table of regions."""
        from jupyter_awsgpu.surfaces.render import choosing

        return choosing.regions(self, simulated=self.simulated)


class Runs(Listing[Run]):
    """The answer of `runs`."""

    def sheet(self) -> Sheet:
        """Return the table of runs."""
        from jupyter_awsgpu.surfaces.render import working

        return working.runs(self, simulated=self.simulated)


class Images(Listing[Image]):
    """The answer of `images`."""

    def sheet(self) -> Sheet:
        """Return the table of images."""
        from jupyter_awsgpu.surfaces.render import choosing

        return choosing.images(self, simulated=self.simulated)


class Preflight(Listing[Check]):
    """The answer of `doctor`."""

    def sheet(self) -> Sheet:
        """Return the table of checks."""
        from jupyter_awsgpu.surfaces.render import checks

        return checks.doctor(self, simulated=self.simulated)


class Costs(Listing[Cost]):
    """The answer of `cost`; `billed` where AWS itself was asked, for money."""

    billed: bool

    def __new__(cls, values: Iterable[Cost], *, simulated: bool = False, billed: bool = False) -> Self:
        """Make the tuple, with whose figures they are."""
        made = super().__new__(cls, values, simulated=simulated)
        made.billed = billed
        return made

    def sheet(self) -> Sheet:
        """Return the table of costs."""
        from jupyter_awsgpu.surfaces.render import spending

        return spending.costs(self, billed=self.billed, simulated=self.simulated)


class Leftovers(Listing[Leftover]):
    """The answer of `cleanup`."""

    removed: bool

    def __new__(cls, values: Iterable[Leftover], *, simulated: bool = False, removed: bool = False) -> Self:
        """Make the tuple; `removed` tells what was done from what could be."""
        made = super().__new__(cls, values, simulated=simulated)
        made.removed = removed
        return made

    def sheet(self) -> Sheet:
        """Return the table of leftovers."""
        from jupyter_awsgpu.surfaces.render import spending

        return spending.leftovers(self, removed=self.removed, simulated=self.simulated)


@dataclass(frozen=True, slots=True)
class WithToken:
    """The instance of `launch --json` in a terminal, the one place where both stand together.

    `phases` tells where the time went, in seconds: AWS, boot, SSH, set-up, Jupyter, tunnel.
    """

    instance: Instance
    token: str = field(repr=False)
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class Token(Shown):
    """The answer of `token`: the token in a terminal, None (and how to get in) in a notebook."""

    token: str | None = field(repr=False)

    def sheet(self) -> Sheet:
        """Return what a notebook shows in place of a token."""
        text = "A token is never shown in a notebook: it would be saved with it."
        return Sheet("", (), (), empty=text, commands=("awsgpu open", "!awsgpu token   # in a terminal, without the !"))


@dataclass(frozen=True, slots=True, repr=False)
class Picked(Shown):
    """The answer of `kernel`: what the local picker has now, or no longer has."""

    kernel: PickedKernel | None
    removed: bool = False
    simulated: bool = False

    def sheet(self) -> Sheet:
        """Return Jupyter's name for the kernel and what to do next."""
        if self.kernel is None:
            return Sheet("", (), (), empty="The kernel picker had no such instance.", simulated=self.simulated)
        rows = ((Cell("Kernel", "quiet"), Cell(self.kernel.title)), (Cell("Name", "quiet"), Cell(self.kernel.spec)))
        title = "No longer in the kernel picker" if self.removed else "In the kernel picker of this machine's Jupyter"
        notes = (
            () if self.removed else ("Choose it in Kernel > Change Kernel; a new file in that list may take a minute.",)
        )
        return Sheet(title, (Column(""), Column("")), rows, notes=notes, simulated=self.simulated, headless=True)


@dataclass(frozen=True, slots=True)
class SshCommand:
    """The exact ssh command; `run` where a command for the instance was given.

    `explain` raises what kept OpenSSH from connecting, where something did.
    """

    arguments: tuple[str, ...]
    run: bool = False
    name: str = ""
    explain: Callable[[], None] = field(default=lambda: None, repr=False)

    FAILED: ClassVar[int] = 255
    """The exit status of OpenSSH's own failures; a remote command may end so, too."""


@dataclass(frozen=True, slots=True, repr=False)
class Carried(Shown):
    """The answer of `push` and `pull`."""

    transfer: Transfer
    simulated: bool = False

    def sheet(self) -> Sheet:
        """Return what travelled and what did not."""
        from jupyter_awsgpu.surfaces.render import working

        return working.carried(self.transfer, simulated=self.simulated)


@dataclass(frozen=True, slots=True, repr=False)
class Gpus(Shown):
    """The answer of `gpu`: one look; in a notebook a chart that goes on where `looks` does."""

    use: GpuUse
    looks: Iterator[GpuUse] | None = None
    simulated: bool = False

    def sheet(self) -> Sheet:
        """Return the table of this look."""
        from jupyter_awsgpu.surfaces.render import working

        return working.gpus(self.use, simulated=self.simulated)

    def _ipython_display_(self) -> None:
        from jupyter_awsgpu.surfaces.gpuchart import show

        show(self)


@dataclass(frozen=True, slots=True)
class CellLine:
    """What stands behind `%%awsgpu`: names that go (None: those the cell reads) and come back, where, how much."""

    inputs: tuple[str, ...] | None
    outputs: tuple[str, ...]
    name: str | None
    limit: int | None
    unpickle: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to print as they come; `endless` where they go on until interrupted.

    With `--json` a line that is endless stands in a document of its own; `documents` are such already.
    """

    lines: Iterator[str]
    endless: bool = False
    documents: Iterator[Any] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON document that is shown as one on every surface."""

    value: Any


@dataclass(frozen=True, slots=True, repr=False)
class Detached(Shown):
    """A verb that goes on in a process of its own; `name` of the instance, `operation` its log."""

    verb: str
    name: str
    operation: str
    log_file: str
    simulated: bool = False

    def sheet(self) -> Sheet:
        """Return how to follow it."""
        text = tr("{verb} {name} goes on by itself.").format(verb=tr(self.verb), name=self.name)
        name = "" if self.name == "gpu" else f" {self.name}"
        commands = ("awsgpu status", f"awsgpu logs{name} --source operations")
        return Sheet("", (), (), empty=text, commands=commands, simulated=self.simulated)


@dataclass(frozen=True, slots=True, repr=False)
class Dask(Shown):
    """The answer of `dask` where no client is wanted: where scheduler and dashboard answer."""

    way: DaskWay
    simulated: bool = False

    def sheet(self) -> Sheet:
        """Return both addresses, and the line that makes a client."""
        rows = (
            (Cell("Scheduler", "quiet"), Cell(self.way.scheduler)),
            (Cell("Dashboard", "quiet"), Cell(self.way.dashboard, link=self.way.dashboard)),
            (Cell("Workers", "quiet"), Cell(str(self.way.workers))),
        )
        return Sheet(
            title=tr("Dask on {name}").format(name=self.way.name),
            columns=(Column(""), Column("")),
            rows=rows,
            commands=(f"client = %awsgpu dask {self.way.name}   # in a notebook here",),
            simulated=self.simulated,
            headless=True,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Demo(Shown):
    """How the simulated AWS stands."""

    status: DemoStatus
    ended: bool = False

    def sheet(self) -> Sheet:
        """Return where it answers."""
        if not self.status.running:
            text = "The simulated AWS has ended, with all its instances." if self.ended else "It is not running."
            return Sheet("", (), (), empty=text, commands=("awsgpu demo up",), simulated=True)
        rows = (
            (Cell("Endpoint", "quiet"), Cell(str(self.status.endpoint))),
            (Cell("State", "quiet"), Cell(str(self.status.state_dir))),
        )
        return Sheet(
            "The simulated AWS is running",
            (Column(""), Column("")),
            rows,
            commands=("awsgpu --demo launch p2.xlarge", "awsgpu demo down"),
            simulated=True,
            headless=True,
        )


def sheet_of(value: object, *, simulated: bool = False) -> Sheet | None:
    """Return the picture of an answer, or None for what has none."""
    if isinstance(value, Instance):
        from jupyter_awsgpu.surfaces.render import instances

        return instances.card(value)
    if isinstance(value, Plan):
        from jupyter_awsgpu.surfaces.render import checks

        return checks.plan(value)
    if isinstance(value, Quota):
        from jupyter_awsgpu.surfaces.render import choosing

        return choosing.quota(value, simulated=simulated)
    if isinstance(value, Image):
        from jupyter_awsgpu.surfaces.render import choosing

        return replace(choosing.images((value,), simulated=simulated), title=tr("Image {name}").format(name=value.name))
    if isinstance(value, Listing | Token | Dask | Demo | Detached | Picked | Carried | Gpus):
        return value.sheet()
    return None
