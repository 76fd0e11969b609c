"""`kernel`: an instance in the kernel picker of this machine's Jupyter."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("kernel")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--remove", is_flag=True, help="Take it out of the picker; the instance goes on.")
@pass_ask
def kernel(ask: Ask, *, name: str | None, remove: bool) -> Any:
    """Offer an instance in the kernel picker of the Jupyter on this machine."""
    from jupyter_awsgpu.surfaces.answers import Picked
    from jupyter_awsgpu.verbs.kernel import kernel as offer
    from jupyter_awsgpu.verbs.kernel import remove as take_out

    bench = ask.bench()
    if not remove:
        return Picked(offer(bench, name), simulated=bench.demo)
    return Picked(take_out(bench, name), removed=True, simulated=bench.demo)


COMMANDS = {"kernel": kernel}
