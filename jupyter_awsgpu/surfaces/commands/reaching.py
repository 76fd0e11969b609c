"""`connect`, `disconnect`, `open`, `token`, `ssh`: the ways to an instance."""

from __future__ import annotations

import shlex
from typing import Any

import click

from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.answers import SshCommand, Token
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import VerbCommand, verb

_COMMAND = "jupyter_awsgpu.command"


VIA = "A jump host, as ssh -J takes it; config: what ~/.ssh/config says for the instance id."


@verb("connect")
@click.argument("name", type=values.INSTANCE, required=False)
@click.option("--port", type=values.PORT, help="Local port; 8889 or the next free one.")
@click.option("--forward", "forwards", type=values.FORWARD, multiple=True, help="A further port, e.g. 6006:6006.")
@click.option("--bind", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="Local address to listen on.")
@click.option("--via", metavar="HOST", help=VIA)
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser too.")
@pass_ask
def connect(
    ask: Ask,
    *,
    name: str | None,
    port: int | None,
    forwards: tuple[tuple[int, int], ...],
    bind: str,
    via: str | None,
    open_browser: bool,
) -> Any:
    """Open the tunnel to a running instance, or find it open."""
    from jupyter_awsgpu.verbs.connect import connect as reach

    return reach(ask.bench(), name, port=port, forwards=forwards, bind=bind, via=via, open_browser=open_browser)


@verb("disconnect")
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def disconnect(ask: Ask, *, name: str | None) -> Any:
    """Close the tunnel; the instance and all that runs on it go on."""
    from jupyter_awsgpu.verbs.connect import disconnect as leave

    return leave(ask.bench(), name)


@verb("open")
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def open_(ask: Ask, *, name: str | None) -> Any:
    """Open the instance's Jupyter in the browser, already logged in."""
    from jupyter_awsgpu.verbs.connect import open_ as show

    return show(ask.bench(), name)


@verb("token")
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def token(ask: Ask, *, name: str | None) -> Any:
    """Print the token of the instance's Jupyter (a terminal prints it, a notebook never does)."""
    if ask.surface != "terminal":
        return Token(None)
    from jupyter_awsgpu.verbs.connect import token as read

    return Token(read(ask.bench(), name))


class _SshCommand(VerbCommand):
    """Takes what follows `--` as the command for the instance, untouched."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the command aside before options are read."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_COMMAND] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show the command in the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@verb("ssh", cls=_SshCommand)
@click.argument("name", type=values.INSTANCE, required=False)
@pass_ask
def ssh(ask: Ask, *, name: str | None) -> Any:
    """Print the exact ssh command, with our key and the verified host key; run what follows -- there."""
    from jupyter_awsgpu.verbs.ssh import explain
    from jupyter_awsgpu.verbs.ssh import ssh as prepare

    words: tuple[str, ...] = click.get_current_context().meta[_COMMAND]
    command = words if len(words) == 1 else (shlex.join(words),) if words else ()
    bench = ask.bench()
    arguments = tuple(prepare(bench, name, command=command))
    return SshCommand(arguments, run=bool(command), name=name or "", explain=lambda: explain(bench, name))


COMMANDS = {"connect": connect, "disconnect": disconnect, "open": open_, "token": token, "ssh": ssh}
