"""`gpu`: what an instance's GPUs do."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Gpus, Lines
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("gpu")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on: a line every two seconds; in a notebook a live chart.")
@click.option("--once", is_flag=True, help="One look, in a notebook too.")
@pass_ask
def gpu(ask: Ask, *, name: str | None, follow: bool, once: bool) -> Any:
    """Show use, memory, temperature, power and processes of an instance's GPUs; live in a notebook."""
    from jupyter_awsgpu.surfaces.render.working import gpu_line
    from jupyter_awsgpu.verbs.gpu import follow as go_on
    from jupyter_awsgpu.verbs.gpu import gpu as look

    bench = ask.bench()
    if ask.surface == "terminal" and follow:
        looks = go_on(bench, name)
        documents = looks if ask.json else None
        return Lines((gpu_line(one) for one in looks), endless=True, documents=documents)
    if ask.surface == "notebook" and not once and not ask.json:
        live = go_on(bench, name)
        return Gpus(next(live), live, simulated=ask.simulated)
    return Gpus(look(bench, name), simulated=ask.simulated)


COMMANDS = {"gpu": gpu}
