"""`types`, `regions`, `quota`, `images`: choosing before paying."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Images, Regions, Types
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("types")
@click.option("--gpu", metavar="MODEL", help="A GPU's model, e.g. A10G.")
@click.option("--max-price", type=values.DOLLARS, help="The most an hour may cost.")
@click.option("--memory", "memory_gib", type=values.MEMORY, help="GiB of memory a GPU must have.")
@click.option("--all", "everything", is_flag=True, help="Retired types too, with their successors.")
@pass_ask
def types(ask: Ask, *, gpu: str | None, max_price: float | None, memory_gib: float | None, everything: bool) -> Any:
    """List accelerators offered now in the region, cheapest first."""
    from jupyter_awsgpu.verbs.choosing import types as look

    found = look(ask.bench(), gpu=gpu, max_price=max_price, memory_gib=memory_gib, everything=everything)
    return Types(found, simulated=ask.simulated)


@verb("regions")
@click.argument("instance_type", type=values.TYPE, metavar="TYPE")
@click.option("--no-spot", is_flag=True, help="Leave spot prices out; quicker.")
@pass_ask
def regions(ask: Ask, *, instance_type: str, no_spot: bool) -> Any:
    """List every region that offers TYPE: price, spot price, round trip from here."""
    from jupyter_awsgpu.verbs.choosing import regions as look

    return Regions(look(ask.bench(), instance_type, spot=not no_spot), simulated=ask.simulated)


@verb("quota")
@click.argument("instance_type", type=values.TYPE, metavar="TYPE", default="g4dn.xlarge")
@click.option("--request", type=values.VCPUS, help="Ask AWS to raise the limit to this many vCPUs.")
@click.option("--spot", is_flag=True, help="The spot market's limit.")
@pass_ask
def quota(ask: Ask, *, instance_type: str, request: int | None, spot: bool) -> Any:
    """Show the account's limit for TYPE's family (G types where left out), in vCPUs."""
    from jupyter_awsgpu.verbs.choosing import quota as look

    return look(ask.bench(), instance_type, request=request, spot=spot)


@verb("images")
@click.option("--delete", metavar="NAME", help="Remove one of your own, with its snapshots.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_ask
def images(ask: Ask, *, delete: str | None, yes: bool) -> Any:
    """List the machine images a launch understands in the region, your own among them."""
    from jupyter_awsgpu.verbs.choosing import images as look

    if delete is not None:
        from jupyter_awsgpu.verbs.image import delete_image

        bench = ask.bench()
        return ask.consented(lambda agreed: delete_image(bench, delete, yes=agreed), yes=yes)
    return Images(look(ask.bench()), simulated=ask.simulated)


COMMANDS = {"types": types, "regions": regions, "quota": quota, "images": images}
