"""`cost` and `cleanup`: money spent, money still running."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces.answers import Costs, Leftovers
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb

KINDS = (
    "instance",
    "volume",
    "snapshot",
    "image",
    "address",
    "key pair",
    "security group",
    "schedule",
    "tunnel record",
    "local key",
)


@verb("cost")
@click.option("--bill", is_flag=True, help="Ask AWS's own bill of the month; AWS takes $0.01 for the answer.")
@pass_ask
def cost(ask: Ask, *, bill: bool) -> Any:
    """Show what each instance has cost since its launch; a range where nobody looked."""
    if bill:
        return Costs(ask.bench().clouds.bill(), simulated=ask.simulated, billed=True)
    from jupyter_awsgpu.verbs.cost import cost as add_up

    return Costs(add_up(ask.bench()), simulated=ask.simulated)


@verb("cleanup")
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Only these kinds, even if they hold work."
)
@click.option("--id", "ids", metavar="ID", multiple=True, help="Only this one; a data volume goes only so.")
@click.option("--yes", "-y", is_flag=True, help="Remove; without it they are only listed.")
@pass_ask
def cleanup(ask: Ask, *, kinds: tuple[str, ...], ids: tuple[str, ...], yes: bool) -> Any:
    """List what of yours still costs money or clutters, with why we take it for yours."""
    from jupyter_awsgpu.verbs.cleanup import cleanup as clear
    from jupyter_awsgpu.verbs.cleanup import listed

    bench = ask.bench()
    found = clear(bench, kinds=kinds, ids=ids, yes=True) if yes else listed(bench, kinds=kinds, ids=ids)
    return Leftovers(found, simulated=ask.simulated, removed=yes)


COMMANDS = {"cost": cost, "cleanup": cleanup}
