"""`stop`, `start`, `keep`, `provision`, `image`, `resize`, `terminate`: pausing, holding, mending, copying, ending."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb


@verb("stop")
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def stop(ask: Ask, *, name: str | None) -> Any:
    """Stop the instance: billing by the hour ends, disk and files stay."""
    from jupyter_awsgpu.verbs.stop import stop as pause

    return pause(ask.bench(), name)


@verb("start")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--port", type=values.PORT, help="Local port of the tunnel.")
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser too.")
@pass_ask
def start(ask: Ask, *, name: str | None, port: int | None, open_browser: bool) -> Any:
    """Start a stopped instance and open its tunnel again."""
    from jupyter_awsgpu.verbs.start import start as resume

    return resume(ask.bench(), name, port=port, open_browser=open_browser)


@verb("keep")
@click.argument("name", metavar="[NAME]", required=False)
@click.argument("time", metavar="[TIME]", required=False)
@click.option("--hours", type=values.HOURS, help="How long from now; 1 hour where left out, 0 takes it back.")
@pass_ask
def keep(ask: Ask, *, name: str | None, time: str | None, hours: float | None) -> Any:
    """Keep an idle instance running for a while: keep 2h, keep gpu 90m. The cap still stands."""
    name, held = _whom_and_how_long(name, time, hours)
    from jupyter_awsgpu.verbs.keep import keep as hold

    return hold(ask.bench(), name, hours=held)


_TIME = click.Argument(["time"], metavar="TIME")
"""Stands for the second word in what a refusal says."""


def _whom_and_how_long(name: str | None, time: str | None, hours: float | None) -> tuple[str | None, float]:
    """Tell `keep 2h` from `keep gpu`: a time begins with a digit, a name never does."""
    if name is not None and time is None and name[:1].isdigit():
        name, time = None, name
    whom = None if name is None else str(values.INSTANCE.convert(name, None, None))
    if time is not None:
        hours = float(values.HOURS.convert(time, _TIME, click.get_current_context(silent=True)))
    return whom, 1.0 if hours is None else hours


@verb("provision")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--env", "environment", metavar="FILE|local", help="An environment to reproduce on it.")
@pass_ask
def provision(ask: Ask, *, name: str | None, environment: str | None) -> Any:
    """Run the set-up of an instance again: what failed is tried again, what is right stays."""
    from jupyter_awsgpu.verbs.provision import provision as set_up

    return set_up(ask.bench(), name, environment=environment)


@verb("image")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--name", "image_name", type=values.NAME, help="The image's name.")
@click.option("--then-terminate", is_flag=True, help="End the instance once the image has been proved to boot.")
@click.option("--freeze", is_flag=True, help="Let it run on; its disk is copied as a power cut would leave it.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_ask
def image(ask: Ask, /, *, name: str | None, yes: bool, **how: Any) -> Any:
    """Make an image of the instance; launch TYPE --image NAME starts from it."""
    from jupyter_awsgpu.verbs.image import image as copy

    bench = ask.bench()
    return ask.consented(lambda agreed: copy(bench, name, yes=agreed, **how), yes=yes)


@verb("resize")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--type", "instance_type", type=values.TYPE, metavar="TYPE", help="The type it shall become.")
@click.option("--disk", "disk_gb", type=values.GIGABYTES, help="The root disk's new size; it never shrinks.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_ask
def resize(ask: Ask, *, name: str | None, instance_type: str | None, disk_gb: int | None, yes: bool) -> Any:
    """Give an instance another type or a larger disk; one that runs is stopped and started for a type."""
    from jupyter_awsgpu.verbs.resize import resize as change

    bench = ask.bench()
    return ask.consented(
        lambda agreed: change(bench, name, instance_type=instance_type, disk_gb=disk_gb, yes=agreed), yes=yes
    )


@verb("terminate")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@pass_ask
def terminate(ask: Ask, *, name: str | None, yes: bool) -> Any:
    """End the instance and delete its disk, for good."""
    from jupyter_awsgpu.verbs.terminate import terminate as end

    bench = ask.bench()
    return ask.consented(lambda agreed: end(bench, name, yes=agreed), yes=yes)


COMMANDS = {
    "stop": stop,
    "start": start,
    "keep": keep,
    "provision": provision,
    "image": image,
    "resize": resize,
    "terminate": terminate,
}
