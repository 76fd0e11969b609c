"""The one grammar of `awsgpu VERB …` and `%awsgpu VERB …`. Verbs are loaded when they are used.

Global options may stand before or after the verb. Nothing here knows which surface is asking: a
command returns a value, and the surface that asked draws it.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from jupyter_awsgpu.errors import AwsGpuError, BadValue, Interrupted, NeedsYes, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.surfaces.ask import Ask


class Verb(NamedTuple):
    """A verb as help and completion need it; its command lives in `commands/<module>.py`."""

    name: str
    module: str
    summary: str


CHAPTERS: dict[str, tuple[Verb, ...]] = {
    "Choose": (
        Verb("types", "choosing", "GPU types in a region, with prices."),
        Verb("regions", "choosing", "Where a type is offered, cheapest first."),
        Verb("quota", "choosing", "Your limit for a type; --request raises it."),
        Verb("images", "choosing", "Machine images a launch understands."),
        Verb("plan", "launching", "What a launch would do, cost and meet. Read-only."),
    ),
    "Work": (
        Verb("launch", "launching", "A GPU with Jupyter on it, to a link that opens."),
        Verb("status", "looking", "Your instances, their cost and their tunnels."),
        Verb("connect", "reaching", "Open the tunnel to an instance."),
        Verb("open", "reaching", "Open an instance's Jupyter in the browser."),
        Verb("token", "reaching", "The token of an instance's Jupyter."),
        Verb("disconnect", "reaching", "Close the tunnel; the instance goes on."),
        Verb("cell", "cells", "A notebook's cell on the instance: %%awsgpu."),
        Verb("push", "carrying", "Files to the instance; only what differs."),
        Verb("pull", "carrying", "Files from the instance; only what differs."),
        Verb("run", "running", "A script or notebook there, with the laptop shut."),
        Verb("runs", "running", "What runs there by itself: logs, cancel."),
        Verb("gpu", "watching", "What its GPU does: use, memory, heat, power."),
        Verb("kernel", "picking", "The instance in this machine's kernel picker."),
        Verb("dask", "clusters", "A cluster's Dask, for a client in this notebook."),
        Verb("ssh", "reaching", "The exact ssh command, or run one: ssh -- CMD."),
        Verb("key", "keys", "Carry an instance's key to another laptop."),
        Verb("logs", "looking", "What the instance, Jupyter or the tunnel said."),
    ),
    "Pause and end": (
        Verb("stop", "lifecycle", "Stop billing by the hour; the disk stays."),
        Verb("start", "lifecycle", "Run a stopped instance again."),
        Verb("keep", "lifecycle", "Hold the idle stop off for a while."),
        Verb("image", "lifecycle", "Make an image of an instance."),
        Verb("resize", "lifecycle", "Another type, a larger disk."),
        Verb("provision", "lifecycle", "Set an instance up again; what is right stays."),
        Verb("adopt", "adopting", "Take in an instance that another tool launched."),
        Verb("terminate", "lifecycle", "End an instance and delete its disk."),
    ),
    "Money and health": (
        Verb("cost", "spending", "What each instance has cost."),
        Verb("cleanup", "spending", "What of yours is left over; --yes removes it."),
        Verb("doctor", "looking", "What is right and wrong on this machine."),
        Verb("demo", "simulation", "The simulated AWS: up, down, status."),
    ),
}
HIDDEN = (
    Verb("list", "looking", "The same as status."),
    Verb("completion", "shell", "Print the shell's completion script."),
)
VERBS: dict[str, Verb] = {verb.name: verb for verbs in (*CHAPTERS.values(), HIDDEN) for verb in verbs}


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return the callback of one global option: it writes into the `Ask`, wherever it stood."""

    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        ask: Ask | None = ctx.find_root().obj
        if ask is None or value is None or ctx.resilient_parsing:
            return
        if name in ("json", "quiet", "debug"):
            setattr(ask, name, True)
        else:
            ask.options[name] = value

    return callback


def global_options() -> list[click.Parameter]:
    """Return fresh options that every verb takes, before it or after it."""
    from jupyter_awsgpu.surfaces.values import REGION

    def flag(name: str, text: str) -> click.Option:
        return click.Option(
            [f"--{name}"], is_flag=True, default=None, expose_value=False, callback=_remember(name), help=text
        )

    def value(name: str, kind: Any, text: str) -> click.Option:
        return click.Option(
            [f"--{name}"], type=kind, default=None, expose_value=False, callback=_remember(name), help=text
        )

    return [
        flag("demo", "Work on the simulated AWS on this machine."),
        value("region", REGION, "The AWS region."),
        value("profile", str, "The AWS profile."),
        flag("json", "One JSON document on stdout, progress on stderr."),
        flag("quiet", "No progress."),
        flag("debug", "Show tracebacks."),
    ]


def _version_option() -> click.Option:
    """Return `--version`, which prints the version and asks for no verb."""

    def show(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            from jupyter_awsgpu._version import __version__

            click.echo(f"jupyter-awsgpu {__version__}")
            ctx.exit()

    text = "Print the version of this package."
    return click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=show, help=text)


class VerbCommand(click.Command):
    """A verb: takes the global options too, and keeps them out of its own help's way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        taken = {param.name for param in self.params}
        for param in global_options():
            if param.name not in taken and isinstance(param, click.Option):
                param.hidden = True
                self.params.append(param)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name the global options in one line."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text("Also: --demo --region REGION --profile NAME --json --quiet --debug")


def verb(name: str, **more: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Declare the command of a verb."""
    kind = more.pop("cls", VerbCommand)
    declare: Callable[[Callable[..., Any]], click.Command] = click.command(name, cls=kind, **more)
    return declare


class Grammar(click.Group):
    """The root: help is written from the table above, and a verb's module is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the verbs that help shows."""
        return [verb.name for verbs in CHAPTERS.values() for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Load one verb."""
        known = VERBS.get(cmd_name)
        if known is None:
            return None
        module = import_module(f"jupyter_awsgpu.surfaces.commands.{known.module}")
        commands: dict[str, click.Command] = module.COMMANDS
        return commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown verb with the nearest ones."""
        if not ctx.resilient_parsing and args[0] not in VERBS:
            from jupyter_awsgpu.surfaces.vocabulary import nearest

            near = ", ".join(nearest(args[0], self.list_commands(ctx)))
            raise UsageError(f"There is no verb {args[0]!r}; did you mean {near}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """List the verbs by chapter, without loading one."""
        for chapter, verbs in CHAPTERS.items():
            with formatter.section(chapter):
                formatter.write_dl([(verb.name, verb.summary) for verb in verbs])


GRAMMAR = Grammar(
    "awsgpu",
    params=[*global_options(), _version_option()],
    help="A GPU on AWS from inside your notebook: launched, provisioned, tunnelled, never forgotten.",
    epilog="Try it without an account:  awsgpu --demo launch p2.xlarge",
    invoke_without_command=True,
    callback=lambda: None,
)


def split(line: str) -> list[str]:
    """Split a magic's line as a shell would; on Windows a backslash is a path's, not an escape.

    >>> split("launch p2.xlarge --key 'my key.pem'")
    ['launch', 'p2.xlarge', '--key', 'my key.pem']
    """
    import shlex

    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if os.name == "nt":
        lexer.escape = ""
    try:
        return list(lexer)
    except ValueError as exc:
        raise BadValue(option="the line", value=repr(line), expected="a quotation mark is not closed") from exc


def run(ask: Ask) -> Any:
    """Parse and do what was asked; return the value, or None where help was shown.

    Raises nothing but `AwsGpuError` (`--debug` lets the rest through as it is).
    """
    ask.json, ask.debug = _given(ask, "--json"), _given(ask, "--debug")
    try:
        with GRAMMAR.make_context("awsgpu", list(ask.arguments), obj=ask) as context:
            value = GRAMMAR.invoke(context)
            return _without_verb(ask) if context.invoked_subcommand is None else value
    except click.exceptions.Exit:
        return None
    except click.UsageError as exc:
        verb = exc.ctx.info_name if exc.ctx is not None and exc.ctx.parent is not None else ""
        raise UsageError(exc.format_message(), verb=verb) from exc
    except (KeyboardInterrupt, click.Abort) as exc:
        raise Interrupted(exists="Nothing was left half done.", command=_line(ask)) from exc
    except (NeedsYes, Interrupted) as exc:
        exc.facts["command"] = _line(ask)  # the very line again, with all its options, is what goes on
        _speak(ask)
        raise
    except AwsGpuError:
        _speak(ask)
        raise
    except Exception as exc:
        if ask.debug:
            raise
        from jupyter_awsgpu.surfaces.bugs import bug

        raise bug(exc, ask) from exc
    finally:
        if ask.progress is not None:
            ask.progress.close()


def _speak(ask: Ask) -> None:
    """Let refusals speak the person's language: their sentences are filled when they are shown."""
    from jupyter_awsgpu import language

    try:
        language.speak(str(ask.settings().language))
    except AwsGpuError:
        language.speak()


def _line(ask: Ask) -> str:
    import shlex

    return " ".join(["awsgpu", *map(shlex.quote, ask.arguments)])


def _given(ask: Ask, option: str) -> bool:
    """Look for a flag before parsing, so that a line that does not parse is refused in the form asked for."""
    return option in _before_dashes(ask.arguments)


def _before_dashes(arguments: list[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "--":
            return
        yield argument


def _without_verb(ask: Ask) -> Any:
    """No verb: show the instances."""
    from jupyter_awsgpu.surfaces.commands.looking import overview

    return overview(ask)
