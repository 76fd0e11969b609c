"""`status`, `logs`, `doctor`: what there is, what it said, whether all is well."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import Document, Instances, Lines, Preflight
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("status")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--everyone", is_flag=True, help="Other owners' instances too (shown, never changed).")
@click.option("--all-regions", is_flag=True, help="Ask every region, not only those used from here.")
@click.option("--all", "terminated", is_flag=True, help="Those that ended, too.")
@pass_ask
def status(ask: Ask, *, name: str | None, everyone: bool, all_regions: bool, terminated: bool) -> Any:
    """Show your instances: state, price, cost of this run, tunnel, and what each is doing."""
    from jupyter_awsgpu.verbs.status import status_with_data as look

    bench = ask.bench()
    found, volumes = look(bench, name, everyone=everyone, all_regions=all_regions, include_terminated=terminated)
    return Instances(found, simulated=ask.simulated, volumes=volumes)


def overview(ask: Ask) -> Any:
    """Return what a line without a verb shows: the instances, or how to start one."""
    from jupyter_awsgpu.errors import NoCredentials, NoRegion
    from jupyter_awsgpu.verbs.status import status_with_data as look

    try:
        found, volumes = look(ask.bench())
        return Instances(found, simulated=ask.simulated, volumes=volumes)
    except (NoCredentials, NoRegion):
        return Instances((), simulated=ask.simulated)


LOGS = ("guest", "jupyter", "tunnel", "operations")


@verb("logs")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--source", type=click.Choice(LOGS), help="Whose; guest unless told. `logs tunnel` will do, too.")
@click.option("--follow", "-f", is_flag=True, help="Go on until interrupted.")
@pass_ask
def logs(ask: Ask, *, name: str | None, source: str | None, follow: bool) -> Any:
    """Print what the instance, its Jupyter, the tunnel or this machine's verbs said."""
    from jupyter_awsgpu.verbs.logs import logs as read

    if source is None and name in LOGS:
        name, source = None, name
    return Lines(read(ask.bench(), name, source=source or "guest", follow=follow), endless=follow)


@verb("doctor")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--iam-policy", is_flag=True, help="Print the smallest IAM policy the verbs need.")
@pass_ask
def doctor(ask: Ask, *, name: str | None, iam_policy: bool) -> Any:
    """Examine this machine and account, and say where each setting came from."""
    if iam_policy:
        from jupyter_awsgpu.verbs.policy import iam_policy as smallest

        return Document(smallest())
    from jupyter_awsgpu.verbs.doctor import doctor as examine

    return Preflight(examine(ask.bench(), name), simulated=ask.simulated)


COMMANDS = {"status": status, "list": status, "logs": logs, "doctor": doctor}
