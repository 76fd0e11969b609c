"""`dask`: a cluster's scheduler on this machine and, in a notebook, a client of it."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Dask
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("dask")
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def dask(ask: Ask, *, name: str | None) -> Any:
    """Reach a cluster's Dask from here: in a notebook, client = %awsgpu dask NAME."""
    from jupyter_awsgpu.verbs.dask import dask as find

    bench = ask.bench()
    way = find(bench, name)
    if ask.surface == "terminal" or ask.json:
        return Dask(way, simulated=bench.demo)
    from jupyter_awsgpu.surfaces.daskclient import client_of

    return client_of(way)


COMMANDS = {"dask": dask}
