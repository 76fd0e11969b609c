"""`%%awsgpu`: the options of a cell that runs on an instance. A terminal has no cells."""

from __future__ import annotations

import re
from typing import Any

import click

from jupyter_awsgpu.errors import UsageError
from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import CellLine
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("cell")
@click.option(
    "--in", "inputs", type=values.NAMES, help="Names that go there, e.g. df,model; without it, what it reads."
)
@click.option("--out", "outputs", type=values.NAMES, help="Names that come back, e.g. accuracy,weights.")
@click.option("--name", type=values.INSTANCE, help="The instance; not needed with one.")
@click.option("--limit", type=values.BYTES, help="How much may travel there unasked; 256MB.")
@click.option(
    "--unpickle",
    is_flag=True,
    help="Let results come back as pickles: reading one runs what the instance wrote, on this machine.",
)
@pass_ask
def cell(
    ask: Ask, *, inputs: str | None, outputs: str | None, name: str | None, limit: int | None, unpickle: bool
) -> Any:
    """Run the cell below `%%awsgpu` on an instance, and the rest of the notebook here.

    Cells share one kernel there. What a cell reads goes along, functions and classes too; modules are
    imported there. Names given with --out come back, as plain data.
    """
    if ask.surface != "notebook":
        raise UsageError("Cells are a notebook's: begin one with %%awsgpu.", verb="cell")
    travels = None if inputs is None else _names(inputs)
    return CellLine(travels, _names(outputs or ""), name, limit, unpickle)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r"\w+", text)))


COMMANDS = {"cell": cell}
