"""`demo up | down | status`: the simulated AWS itself."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces.answers import Demo
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("demo")
@click.argument("action", type=click.Choice(["up", "down", "status"]), metavar="up|down|status", default="status")
@pass_ask
def demo(ask: Ask, *, action: str) -> Any:
    """Start the simulated AWS on this machine, end it with all its instances, or look at it."""
    from jupyter_awsgpu import wiring

    settings = ask.settings(demo=True)
    if action == "up":
        return Demo(wiring.demo_up(settings))
    was_running = action == "down" and wiring.demo_down(settings)
    return Demo(wiring.demo_status(settings), ended=was_running)


COMMANDS = {"demo": demo}
