"""Reference pages written from the objects they describe, so that they cannot lag behind the code.

`reference/commands.md` from the click grammar, `reference/errors.md` from the error tree,
`reference/settings.md` from the traits, `reference/python.md` from the public names.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import jupyter_awsgpu
from jupyter_awsgpu import errors, settings
from jupyter_awsgpu.surfaces import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for documents."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write every page whose text has changed."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {"commands": commands, "errors": error_tree, "settings": traits, "python": public_names}
    for name, lines in pages.items():
        text, page = "\n".join(lines()) + "\n", folder / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def commands() -> Iterator[str]:
    """Yield the command page: every verb with its options, as `--help` has them."""
    yield "# Commands\n"
    yield "Type them as `awsgpu VERB` in a terminal, `%awsgpu VERB` in a notebook. Made from the grammar itself.\n"
    yield from _command(cli.grammar, ("awsgpu",), 2)


def _command(command: click.Command, path: tuple[str, ...], depth: int) -> Iterator[str]:
    context = click.Context(command, info_name=path[-1])
    yield f"{'#' * min(depth, 4)} `{' '.join(path)}`\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{' '.join(path)} {usage}\n```\n"
    if command.help:
        yield click.unstyle(command.help).replace("\b\n", "") + "\n"
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    options = [record for record in records if record]
    if options:
        yield "| Option | |\n|---|---|"
        yield from (f"| `{_cell(name)}` | {_cell(text)} |" for name, text in options)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            sub = command.get_command(context, name)
            if sub is not None and not sub.hidden:
                yield from _command(sub, (*path, name), depth + 1)


def error_tree() -> Iterator[str]:
    """Yield the errors page: code, cause, remedy of each, branch by branch."""
    yield "# Errors\n"
    yield "Each has one sentence of cause and one command that helps; `…` stands for a fact of the moment."
    yield 'With `--json` a failure is `{"error": code, "message": …, "remedy": …}` on stderr.\n'
    for branch in errors.AwsGpuError.__subclasses__():
        yield f"## {branch.__name__}\n\n{_summary(branch)}\n"
        yield "| Code | When | What it says | What helps |\n|---|---|---|---|"
        yield from (_error_row(kind) for kind in (branch.__subclasses__() or [branch]))
        yield ""


def _error_row(kind: type[errors.AwsGpuError]) -> str:
    cells = (f"`{kind.code}`", _summary(kind), kind.cause, f"`{kind.remedy_template}`")
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def traits() -> Iterator[str]:
    """Yield the settings page: every trait with its default, help and environment variable."""
    yield "# Settings\n"
    yield "From strongest to weakest: an option of the command, the environment, the configuration file, the default."
    yield "`awsgpu doctor` shows where each value came from.\n"
    yield "| In a configuration file | In the environment | Default | |\n|---|---|---|---|"
    for name in settings.names():
        trait = settings.AWSGPU.class_traits()[name]
        variable = settings.ENVIRONMENT_PREFIX + name.upper()
        yield f"| `c.AWSGPU.{name}` | `{variable}` | `{trait.default_value!r}` | {_cell(str(trait.help))} |"


def public_names() -> Iterator[str]:
    """Yield the Python page: what `from jupyter_awsgpu import …` gives."""
    yield "# Python\n"
    yield "The verbs as functions, and the values they return.\n"
    for name in sorted(jupyter_awsgpu.__all__):
        thing = getattr(jupyter_awsgpu, name)
        if name.startswith("_") or not callable(thing):
            continue
        directive = "autoclass" if isinstance(thing, type) else "autofunction"
        yield f"```{{eval-rst}}\n.. {directive}:: jupyter_awsgpu.{name}\n```\n"


def _summary(thing: type) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
