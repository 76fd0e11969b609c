"""`run`, `runs`: scripts and notebooks that run on an instance by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Document, Lines, Runs
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.model import Run
    from jupyter_awsgpu.verbs.workbench import Workbench


@verb("run", context_settings={"allow_interspersed_args": False})
@click.option("--name", type=values.INSTANCE, help="The instance; not needed with one.")
@click.option("--detach", is_flag=True, help="Return at once; otherwise its log is followed.")
@click.argument("script", metavar="SCRIPT")
@click.argument("args", metavar="[ARGS]...", nargs=-1, type=click.UNPROCESSED)
@pass_ask
def run(ask: Ask, *, name: str | None, detach: bool, script: str, args: tuple[str, ...]) -> Any:
    """Run a script or a notebook of this machine on an instance; it goes on with the laptop shut.

    It runs in ~/work there, with what was pushed. Leaving (Ctrl-C) leaves it running. A notebook's executed copy
    comes as RUN.ipynb into this folder if this still follows when it ends; runs --fetch RUN brings it at any time.
    """
    from jupyter_awsgpu.verbs.run import run as start

    bench = ask.bench()
    started = start(bench, script, args, name)
    if detach:
        return Runs((started,), simulated=ask.simulated)
    return Lines(_followed(bench, started), endless=not ask.json)


def _followed(bench: Workbench, started: Run) -> Iterator[str]:
    from jupyter_awsgpu.verbs.run import log
    from jupyter_awsgpu.verbs.runs import fetch

    try:
        yield from log(bench, started.id, started.name)
    finally:
        if started.script.endswith(".ipynb") and not _goes_on(bench, started):
            yield f"Executed: {fetch(bench, started.id, started.name)}"


def _goes_on(bench: Workbench, started: Run) -> bool:
    from jupyter_awsgpu.verbs.runs import runs as look

    return any(one.id == started.id and one.state == "running" for one in look(bench, started.name))


@verb("runs")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--log", "shown", type=values.RUN, metavar="RUN", help="Its log, followed while it runs.")
@click.option("--cancel", "cancelled", type=values.RUN, metavar="RUN", help="End it.")
@click.option("--fetch", "fetched", type=values.RUN, metavar="RUN", help="Bring a notebook's executed copy here.")
@pass_ask
def runs(ask: Ask, *, name: str | None, shown: str | None, cancelled: str | None, fetched: str | None) -> Any:
    """List what runs on an instance by itself and what has run; show a log, cancel, fetch a notebook."""
    from jupyter_awsgpu.verbs.run import log
    from jupyter_awsgpu.verbs.runs import cancel, fetch
    from jupyter_awsgpu.verbs.runs import runs as look

    bench = ask.bench()
    if shown:
        return Lines(log(bench, shown, name), endless=not ask.json)
    if cancelled:
        return Runs((cancel(bench, cancelled, name),), simulated=ask.simulated)
    if fetched:
        return Document(str(fetch(bench, fetched, name)))
    return Runs(look(bench, name), simulated=ask.simulated)


COMMANDS = {"run": run, "runs": runs}
