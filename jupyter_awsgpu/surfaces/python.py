"""Most verbs as Python functions: `from jupyter_awsgpu import launch, status`.

Every function takes `demo`, `region` and `profile`; what is left out comes from the settings. Values
are `model` values; errors are those of `jupyter_awsgpu.errors`, which a notebook shows as a sentence.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, TypeVar, Unpack, overload

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.surfaces.answers import Costs, Images, Instances, Leftovers, Preflight, Regions, Runs, Types
from jupyter_awsgpu.surfaces.ask import Ask
from jupyter_awsgpu.surfaces.notebook import quieten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_awsgpu.model import GpuUse, Image, Instance, Plan, Quota, Run, Transfer, Wishes
    from jupyter_awsgpu.surfaces.display import Progress

P = ParamSpec("P")
T = TypeVar("T")

SETTINGS = ("idle_stop_minutes", "on_idle", "max_hours", "budget", "local_port")


class Where(TypedDict, total=False):
    """Where a function works: the simulated AWS or the real one, which region, which profile."""

    demo: bool
    region: str
    profile: str


class Options(Where, total=False):
    """Every wish of a launch beside its type: sizes in GB, money in dollars; see `awsgpu launch --help`.

    `idle_stop_minutes`, `max_hours` and `budget` take 0 for «no limit», `data_gb` 0 for «no data volume».
    """

    name: str
    nodes: int
    engine: Literal["dask"]
    zone: str
    any_region: bool
    image: str
    disk_gb: int
    data_gb: int
    key_file: Path
    spot: Literal["no", "yes", "prefer"]
    max_price: float
    cuda: str
    python: Literal["auto", "miniforge", "anaconda", "system"]
    environment: str
    idle_stop_minutes: int
    on_idle: Literal["stop", "terminate"]
    max_hours: float
    budget: float
    guard: Literal["none", "scheduler"]
    guard_role: str
    subnet: str
    security_group: str
    instance_profile: str
    local_port: int


def _quietly(function: Callable[P, T]) -> Callable[P, T]:
    """Let a notebook show our errors as a sentence; anywhere else they are plain exceptions."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except AwsGpuError as exc:
            raise quieten(exc) from exc.__cause__

    return called


def _ask(where: Any) -> Ask:
    options = {name: where[name] for name in ("demo", "region", "profile") if where.get(name) is not None}
    shell = _shell()
    return Ask("python", [], show=_progress, config=getattr(shell, "config", None), options=options)


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _progress(ask: Ask) -> Progress | None:
    """Show progress where somebody watches: in a notebook, or in a terminal."""
    from jupyter_awsgpu.surfaces import display

    in_notebook = hasattr(_shell(), "kernel")
    if ask.several and (in_notebook or sys.stderr.isatty()):
        from jupyter_awsgpu.surfaces.several import side_by_side

        return side_by_side(sys.stderr, simulated=ask.simulated, in_notebook=in_notebook)
    if in_notebook:
        return display.NotebookProgress(simulated=ask.simulated)
    if sys.stderr.isatty():
        return display.TerminalProgress(sys.stderr, simulated=ask.simulated, colour=True)
    return None


def _wishes(ask: Ask, instance_type: str, options: Any) -> Wishes:
    from jupyter_awsgpu.verbs.wishes import wishes_from

    speaking = {name: options[name] for name in SETTINGS if name in options}
    ask.options.update(speaking)
    given = {name: value for name, value in options.items() if name not in (*SETTINGS, "demo", "profile", "region")}
    return wishes_from(ask.settings(), instance_type, **given)


def _finished(ask: Ask, act: Callable[[], T]) -> T:
    try:
        return act()
    finally:
        if ask.progress is not None:
            ask.progress.close()


# ── choosing ─────────────────────────────────────────────────────────────────────────────────


@_quietly
def types(
    *,
    gpu: str | None = None,
    max_price: float | None = None,
    memory_gib: float | None = None,
    everything: bool = False,
    **where: Unpack[Where],
) -> Types:
    """Return the accelerators offered in the region, cheapest first (`max_price` in dollars an hour)."""
    from jupyter_awsgpu.verbs.choosing import types as look

    ask = _ask(where)
    found = look(ask.bench(), gpu=gpu, max_price=max_price, memory_gib=memory_gib, everything=everything)
    return Types(found, simulated=ask.simulated)


@_quietly
def regions(instance_type: str, *, spot: bool = True, **where: Unpack[Where]) -> Regions:
    """Return the regions that offer the type, cheapest first."""
    from jupyter_awsgpu.verbs.choosing import regions as look

    ask = _ask(where)
    return Regions(look(ask.bench(), instance_type, spot=spot), simulated=ask.simulated)


@_quietly
def quota(instance_type: str, *, request: int | None = None, spot: bool = False, **where: Unpack[Where]) -> Quota:
    """Return the account's limit for the type's family; with `request`, ask for that many vCPUs."""
    from jupyter_awsgpu.verbs.choosing import quota as look

    return look(_ask(where).bench(), instance_type, request=request, spot=spot)


@_quietly
def images(**where: Unpack[Where]) -> Images:
    """Return the images a launch understands in the region."""
    from jupyter_awsgpu.verbs.choosing import images as look

    ask = _ask(where)
    return Images(look(ask.bench()), simulated=ask.simulated)


@_quietly
def plan(instance_type: str, **options: Unpack[Options]) -> Plan:
    """Return what a launch with these wishes would do, cost and meet. Creates nothing."""
    from jupyter_awsgpu.verbs.plan import plan as ask_first

    ask = _ask(options)
    wishes = _wishes(ask, instance_type, options)
    return ask_first(ask.bench(), wishes)


# ── working ──────────────────────────────────────────────────────────────────────────────────


@overload
def launch(
    instance_type: str,
    *,
    count: None = None,
    yes: bool = False,
    open_browser: bool = False,
    **options: Unpack[Options],
) -> Instance: ...


@overload
def launch(
    instance_type: str, *, count: int, yes: bool = False, open_browser: bool = False, **options: Unpack[Options]
) -> Instances: ...


@_quietly
def launch(
    instance_type: str,
    *,
    count: int | None = None,
    yes: bool = False,
    open_browser: bool = False,
    **options: Unpack[Options],
) -> Instance | Instances:
    """Launch, or continue, an instance and return it with its tunnel open; with `count` so many, as a tuple.

    `yes` agrees to any price. Raises `NeedsYes` above the price set by `confirm_above`, `NotAllLaunched` where
    some of several failed.
    """
    ask = _ask(options)
    ask.several = count is not None
    wishes = _wishes(ask, instance_type, options)
    bench = ask.bench()
    if count is None:
        from jupyter_awsgpu.verbs.launch import launch as begin

        return _finished(ask, lambda: begin(bench, wishes, yes=yes, open_browser=open_browser))
    from jupyter_awsgpu.verbs.launch_many import launch_many

    made = _finished(ask, lambda: launch_many(bench, wishes, count, yes=yes, open_browser=open_browser))
    return Instances(made, simulated=ask.simulated)


@_quietly
def status(
    name: str | None = None, *, everyone: bool = False, all_regions: bool = False, **where: Unpack[Where]
) -> Instances:
    """Return your instances, each with its tunnel and what it is doing."""
    from jupyter_awsgpu.verbs.status import status as look

    ask = _ask(where)
    found = look(ask.bench(), name, everyone=everyone, all_regions=all_regions)
    return Instances(found, simulated=ask.simulated)


@_quietly
def connect(
    name: str | None = None,
    *,
    port: int | None = None,
    forwards: tuple[tuple[int, int], ...] = (),
    via: str | None = None,
    open_browser: bool = False,
    **where: Unpack[Where],
) -> Instance:
    """Open the tunnel to a running instance, or find it open. `forwards` are (local, remote) ports."""
    from jupyter_awsgpu.verbs.connect import connect as reach

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: reach(bench, name, port=port, forwards=forwards, via=via, open_browser=open_browser))


@_quietly
def disconnect(name: str | None = None, **where: Unpack[Where]) -> Instance:
    """Close the tunnel; the instance goes on."""
    from jupyter_awsgpu.verbs.connect import disconnect as leave

    return leave(_ask(where).bench(), name)


@_quietly
def open_jupyter(name: str | None = None, **where: Unpack[Where]) -> Instance:
    """Open the instance's Jupyter in the browser, already logged in."""
    from jupyter_awsgpu.verbs.connect import open_ as show

    return show(_ask(where).bench(), name)


@_quietly
def token(name: str | None = None, **where: Unpack[Where]) -> str:
    """Return the token of the instance's Jupyter: a secret, so keep it out of a cell's output."""
    from jupyter_awsgpu.verbs.connect import token as read

    return read(_ask(where).bench(), name)


@_quietly
def logs(
    name: str | None = None, *, source: str = "guest", follow: bool = False, **where: Unpack[Where]
) -> Iterator[str]:
    """Return log lines as they come: of the guest, Jupyter, the tunnel, or this machine's operations."""
    from jupyter_awsgpu.verbs.logs import logs as read

    return read(_ask(where).bench(), name, source=source, follow=follow)


@_quietly
def gpu(name: str | None = None, **where: Unpack[Where]) -> GpuUse:
    """Return what the instance's GPUs do: use, memory, temperature, power, processes; `stale` says that it is old."""
    from jupyter_awsgpu.verbs.gpu import gpu as look

    return look(_ask(where).bench(), name)


@_quietly
def run(script: str, *args: str, name: str | None = None, **where: Unpack[Where]) -> Run:
    """Start a script or notebook of this machine on the instance, where it goes on by itself; `runs` tells how."""
    from jupyter_awsgpu.verbs.run import run as begin

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: begin(bench, script, args, name))


@_quietly
def runs(name: str | None = None, **where: Unpack[Where]) -> Runs:
    """Return what runs on the instance by itself and what has run, the latest first."""
    from jupyter_awsgpu.verbs.runs import runs as look

    ask = _ask(where)
    return Runs(look(ask.bench(), name), simulated=ask.simulated)


@_quietly
def push(
    *paths: str,
    name: str | None = None,
    to: str = "",
    everything: bool = False,
    yes: bool = False,
    **where: Unpack[Where],
) -> Transfer:
    """Bring files to the instance; only what differs travels. `yes` overwrites what is newer there."""
    from jupyter_awsgpu.verbs.push import push as carry

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: carry(bench, paths, name, to=to, everything=everything, yes=yes))


@_quietly
def pull(
    *paths: str,
    name: str | None = None,
    to: str = "",
    everything: bool = False,
    yes: bool = False,
    **where: Unpack[Where],
) -> Transfer:
    """Bring files from the instance; only what differs travels. `yes` overwrites what is newer here."""
    from jupyter_awsgpu.verbs.pull import pull as carry

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: carry(bench, paths, name, to=to, everything=everything, yes=yes))


# ── pausing and ending ───────────────────────────────────────────────────────────────────────


@_quietly
def stop(name: str | None = None, **where: Unpack[Where]) -> Instance:
    """Stop the instance; its disk stays."""
    from jupyter_awsgpu.verbs.stop import stop as pause

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: pause(bench, name))


@_quietly
def start(
    name: str | None = None, *, port: int | None = None, open_browser: bool = False, **where: Unpack[Where]
) -> Instance:
    """Start a stopped instance and open its tunnel again."""
    from jupyter_awsgpu.verbs.start import start as resume

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: resume(bench, name, port=port, open_browser=open_browser))


@_quietly
def keep(name: str | None = None, *, hours: float = 1.0, **where: Unpack[Where]) -> Instance:
    """Keep an idle instance running for `hours` from now; 0 takes it back."""
    from jupyter_awsgpu.verbs.keep import keep as hold

    return hold(_ask(where).bench(), name, hours=hours)


@_quietly
def provision(name: str | None = None, *, environment: str | None = None, **where: Unpack[Where]) -> Instance:
    """Run the set-up of an instance again; what is right stays. `environment` is a file, or "local"."""
    from jupyter_awsgpu.verbs.provision import provision as set_up

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: set_up(bench, name, environment=environment))


@_quietly
def image(
    name: str | None = None,
    *,
    image_name: str | None = None,
    then_terminate: bool = False,
    freeze: bool = False,
    yes: bool = False,
    **where: Unpack[Where],
) -> Image:
    """Make an image of the instance, stopped for it unless `freeze`; `then_terminate` ends it once the image booted."""
    from jupyter_awsgpu.verbs.image import image as copy

    ask = _ask(where)
    bench = ask.bench()
    how: dict[str, Any] = {"image_name": image_name, "then_terminate": then_terminate, "freeze": freeze, "yes": yes}
    return _finished(ask, lambda: copy(bench, name, **how))


@_quietly
def resize(
    name: str | None = None,
    *,
    instance_type: str | None = None,
    disk_gb: int | None = None,
    yes: bool = False,
    **where: Unpack[Where],
) -> Instance:
    """Give the instance another type, a larger disk (GB), or both. Raises `NeedsYes` for one that must stop."""
    from jupyter_awsgpu.verbs.resize import resize as change

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: change(bench, name, instance_type=instance_type, disk_gb=disk_gb, yes=yes))


@_quietly
def terminate(name: str | None = None, *, yes: bool = False, **where: Unpack[Where]) -> Instance:
    """End the instance and delete its disk. Raises `NeedsYes` unless `yes`."""
    from jupyter_awsgpu.verbs.terminate import terminate as end

    ask = _ask(where)
    bench = ask.bench()
    return _finished(ask, lambda: end(bench, name, yes=yes))


# ── money and health ─────────────────────────────────────────────────────────────────────────


@_quietly
def cost(**where: Unpack[Where]) -> Costs:
    """Return what each instance has cost, the dearest first."""
    from jupyter_awsgpu.verbs.cost import cost as add_up

    ask = _ask(where)
    return Costs(add_up(ask.bench()), simulated=ask.simulated)


@_quietly
def cleanup(
    *, kinds: tuple[str, ...] = (), ids: tuple[str, ...] = (), yes: bool = False, **where: Unpack[Where]
) -> Leftovers:
    """Return what of yours costs money or clutters, all or what is named; with `yes`, remove and return what may go.

    What may hold work (instances, images, volumes, snapshots) goes only by its kind or id, a data volume by its id.
    """
    from jupyter_awsgpu.verbs.cleanup import cleanup as clear
    from jupyter_awsgpu.verbs.cleanup import listed

    ask = _ask(where)
    bench = ask.bench()
    found = clear(bench, kinds=kinds, ids=ids, yes=True) if yes else listed(bench, kinds=kinds, ids=ids)
    return Leftovers(found, simulated=ask.simulated, removed=yes)


@_quietly
def doctor(**where: Unpack[Where]) -> Preflight:
    """Return what is right and wrong on this machine and account."""
    from jupyter_awsgpu.verbs.doctor import doctor as examine

    ask = _ask(where)
    return Preflight(examine(ask.bench()), simulated=ask.simulated)
