"""`key export | import`: a second laptop's way in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from jupyter_awsgpu.errors import BadValue
from jupyter_awsgpu.surfaces import values
from jupyter_awsgpu.surfaces.ask import Ask, pass_ask
from jupyter_awsgpu.surfaces.grammar import verb

VARIABLE = "AWSGPU_PASSPHRASE"
"""Where a script puts the passphrase: never in the command line, which other processes can read."""


@verb("key")
@click.argument("action", type=click.Choice(["export", "import"]), metavar="export|import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE")
@click.option("--name", type=values.INSTANCE, help="Which instance to export.")
@pass_ask
def key(ask: Ask, *, action: str, file: Path, name: str | None) -> Any:
    """Carry the key of an instance to another laptop, in a file sealed with a passphrase."""
    from jupyter_awsgpu.verbs.key import export_key, import_key

    bench = ask.bench()
    if action == "import":
        return import_key(bench, file, _passphrase(again=False))
    return str(export_key(bench, name, file, _passphrase(again=True)))


def _passphrase(*, again: bool) -> str:
    """Ask for the passphrase where somebody can answer, unseen; a script has it in the environment."""
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    import getpass

    try:
        first = getpass.getpass("Passphrase: ")
        if again and getpass.getpass("The same again: ") != first:
            raise BadValue(option="passphrase", value="that", expected="the two were not the same", verb="key")
    except EOFError as exc:
        raise BadValue(option="passphrase", value="nothing", expected=f"set {VARIABLE}", verb="key") from exc
    return first


COMMANDS = {"key": key}
