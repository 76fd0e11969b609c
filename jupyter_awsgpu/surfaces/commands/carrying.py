"""`push`, `pull`: files both ways."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Carried
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb

NAME = click.option("--name", type=values.INSTANCE, help="The instance; not needed with one.")
EVERYTHING = click.option("--everything", is_flag=True, help="What .gitignore and .awsgpuignore leave out, too.")
YES = click.option("--yes", is_flag=True, help="Overwrite files that are newer at the other end.")


@verb("push")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@NAME
@click.option("--to", default="", metavar="DIR", help="A folder there, in place of the one where its Jupyter begins.")
@EVERYTHING
@YES
@pass_ask
def push(ask: Ask, *, paths: tuple[str, ...], name: str | None, to: str, everything: bool, yes: bool) -> Any:
    """Bring files to an instance; only what differs travels.

    What lies below this folder goes to the same place below ~/work, where the instance's Jupyter begins.
    """
    from jupyter_awsgpu.verbs.push import push as carry

    bench = ask.bench()
    moved = ask.consented(lambda agreed: carry(bench, paths, name, to=to, everything=everything, yes=agreed), yes=yes)
    return Carried(moved, simulated=ask.simulated)


@verb("pull")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@NAME
@click.option("--to", default="", metavar="DIR", help="A folder here, in place of this one.")
@EVERYTHING
@YES
@pass_ask
def pull(ask: Ask, *, paths: tuple[str, ...], name: str | None, to: str, everything: bool, yes: bool) -> Any:
    """Bring files from an instance to this folder; only what differs travels.

    Paths are those that the instance's Jupyter shows (below ~/work), or begin with ~/ or /.
    """
    from jupyter_awsgpu.verbs.pull import pull as carry

    bench = ask.bench()
    moved = ask.consented(lambda agreed: carry(bench, paths, name, to=to, everything=everything, yes=agreed), yes=yes)
    return Carried(moved, simulated=ask.simulated)


COMMANDS = {"push": push, "pull": pull}
