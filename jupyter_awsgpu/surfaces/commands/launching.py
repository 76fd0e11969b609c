"""`plan` and `launch`: the same wishes, asked about or acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import VerbCommand, verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Instance, Wishes
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.surfaces.answers import WithToken
    from jupyter_awsgpu.verbs.workbench import Workbench

SPOT = ("no", "yes", "prefer")

SETTINGS = ("idle_stop_minutes", "on_idle", "max_hours", "budget", "local_port")
"""Options that speak for a setting: given, they win over environment and configuration."""

WISHES: tuple[Callable[[Any], Any], ...] = (
    click.option("--name", type=values.NAME, help="Its name; gpu where left out."),
    click.option("--nodes", type=values.NODES, help="How many machines, all or none; with --engine."),
    click.option("--engine", type=click.Choice(["dask"]), help="What makes one cluster of them."),
    click.option("--zone", type=values.ZONE, help="One zone of the region only."),
    click.option("--any-region", is_flag=True, default=None, help="Where the region has none free, the next cheapest."),
    click.option("--image", metavar="IMAGE", help="dlami, dlami-pytorch, ubuntu, one of your own, or an AMI id."),
    click.option("--disk", "disk_gb", type=values.GIGABYTES, help="Root disk; 40 GB, or what the image needs."),
    click.option("--data", "data_gb", type=values.DATA, help="A volume at ~/data that outlives it; GB, or none."),
    click.option("--key", "key_file", metavar="FILE", help="Your own private key instead of one made here."),
    click.option("--spot", type=click.Choice(SPOT), help="Spot market; prefer falls back to on-demand."),
    click.option("--max-price", type=values.DOLLARS, help="The most a spot hour may cost."),
    click.option("--cuda", type=values.CUDA, help="A CUDA toolkit, e.g. 12.6, on a plain image."),
    click.option(
        "--python", type=click.Choice(["auto", "miniforge", "anaconda", "system"]), help="Which Python on it."
    ),
    click.option("--env", "environment", metavar="FILE|local", help="An environment to reproduce on it."),
    click.option("--idle-stop", "idle_stop_minutes", type=values.IDLE, help="Idle time until it stops; 60m, 2h, none."),
    click.option("--on-idle", type=click.Choice(["stop", "terminate"]), help="What an idle instance does."),
    click.option("--max-hours", type=values.CAP, help="Hours until it stops in any case; 12, none."),
    click.option("--budget", type=values.BUDGET, help="Dollars this run may cost, then it stops."),
    click.option("--guard", type=click.Choice(["none", "scheduler"]), help="A guard outside the machine, at the cap."),
    click.option("--guard-role", metavar="ARN", help="The role by which EventBridge Scheduler may end it."),
    click.option("--subnet", type=values.SUBNET, help="A subnet instead of the default VPC's."),
    click.option("--security-group", type=values.GROUP, help="A security group instead of ours."),
    click.option("--instance-profile", metavar="PROFILE", help="An IAM instance profile for it."),
    click.option("--port", "local_port", type=values.PORT, help="Local port of the tunnel; 8889 or the next free."),
)


COUNT = click.option("--count", type=values.COUNT, help="So many machines by themselves, NAME-1 to NAME-N.")


class SpotCommand(VerbCommand):
    """Lets `--spot` stand alone for `--spot yes`, also right before the type."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Spell a bare `--spot` out."""
        spelled: list[str] = []
        for index, one in enumerate(args):
            follows = args[index + 1] if index + 1 < len(args) else ""
            spelled.append("--spot=yes" if one == "--spot" and follows not in SPOT else one)
        return super().parse_args(ctx, spelled)


def wishing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every option of a launch."""
    for option in reversed((*WISHES, COUNT)):
        command = option(command)
    return click.argument("instance_type", type=values.TYPE, metavar="TYPE")(command)


def _wishes(settings: AWSGPU, instance_type: str, options: dict[str, Any]) -> Wishes:
    from pathlib import Path

    from jupyter_awsgpu.verbs.wishes import wishes_from

    given = {name: value for name, value in options.items() if name not in SETTINGS}
    if given.get("key_file"):
        given["key_file"] = Path(given["key_file"]).expanduser()
    return wishes_from(settings, instance_type, **given)


def _agreed(ask: Ask, bench: Workbench, wishes: Wishes) -> bool:
    """Return whether somebody said yes to a price that wants one; raises `NeedsYes` where nobody did."""
    from jupyter_awsgpu.verbs.choice import require_consent_first

    def act(agreed: bool) -> bool:
        require_consent_first(bench, wishes, yes=agreed)
        return agreed

    return ask.consented(act, yes=False)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in SETTINGS if options.get(name) is not None}


@verb("plan", cls=SpotCommand)
@wishing
@pass_ask
def plan(ask: Ask, /, instance_type: str, *, count: int | None, **options: Any) -> Any:
    """Say what launching TYPE would do, cost and meet. Nothing is created.

    Each ✗ stands with the command that mends it.
    """
    wishes = _for_all(_wishes(ask.settings(**_settings(options)), instance_type, options), count)
    bench = ask.bench(**_settings(options))
    from jupyter_awsgpu.verbs.plan import plan as ask_first

    return ask_first(bench, wishes)


@verb("launch", cls=SpotCommand)
@wishing
@click.option("--yes", "-y", is_flag=True, help="Do not ask, whatever the price.")
@click.option("--detach", is_flag=True, help="Return at once; status and logs follow it.")
@click.option("--open/--no-open", "open_browser", default=None, help="Open the browser when Jupyter answers.")
@pass_ask
def launch(
    ask: Ask,
    /,
    instance_type: str,
    *,
    count: int | None,
    yes: bool,
    detach: bool,
    open_browser: bool | None,
    **options: Any,
) -> Any:
    """Launch TYPE, set it up, open its Jupyter on a local port.

    A name that exists is continued, never launched twice. Killed anywhere, the same line goes on.
    """
    settings = ask.settings(**_settings(options))
    wishes = _wishes(settings, instance_type, options)
    if detach:
        from jupyter_awsgpu.surfaces.detached import detach as start_apart

        if not yes and _agreed(ask, ask.bench(**_settings(options)), _for_all(wishes, count)):
            ask.arguments.append("--yes")
        return start_apart(ask, settings)
    if count is not None:
        return _launch_many(ask, wishes, count, yes=yes, open_browser=bool(open_browser), **_settings(options))
    opened = open_browser if open_browser is not None else bool(settings.open_browser) and not ask.json
    bench = ask.bench(**_settings(options))
    from jupyter_awsgpu.verbs.launch import launch as start_here

    instance = ask.consented(lambda agreed: start_here(bench, wishes, yes=agreed, open_browser=opened), yes=yes)
    if ask.json and ask.surface == "terminal":
        return _with_token(bench, instance, ask.progress.trail.phases() if ask.progress is not None else {})
    return instance


def _launch_many(ask: Ask, wishes: Wishes, count: int, *, yes: bool, open_browser: bool, **settings: Any) -> Any:
    from jupyter_awsgpu.surfaces.answers import Instances
    from jupyter_awsgpu.verbs.launch_many import launch_many

    ask.several = True
    bench = ask.bench(**settings)
    made = ask.consented(
        lambda agreed: launch_many(bench, wishes, count, yes=agreed, open_browser=open_browser), yes=yes
    )
    if ask.json and ask.surface == "terminal":
        return tuple(_with_token(bench, one, {}) for one in made)
    return Instances(made, simulated=ask.simulated)


def _with_token(bench: Workbench, instance: Instance, phases: dict[str, float]) -> WithToken:
    from jupyter_awsgpu.surfaces.answers import WithToken
    from jupyter_awsgpu.verbs.connect import server

    return WithToken(instance, server(bench, instance).token, phases)


def _for_all(wishes: Wishes, count: int | None) -> Wishes:
    """Return the wishes as they are asked about: for the sum of the machines."""
    from dataclasses import replace

    from jupyter_awsgpu.verbs.launch_many import names_of, require_singles

    if count is None:
        return wishes
    names_of(wishes.name, count)
    require_singles(wishes, count)
    return replace(wishes, nodes=count)


COMMANDS = {"plan": plan, "launch": launch}
