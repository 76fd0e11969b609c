"""What a shell calls: completion scripts."""

from __future__ import annotations

from typing import Any

import click

from jupyter_awsgpu.surfaces.answers import Lines
from jupyter_awsgpu.surfaces.grammar import GRAMMAR, verb

COMPLETE_VARIABLE = "_AWSGPU_COMPLETE"
"""The variable by which a shell asks click to complete instead of run."""


@verb("completion", hidden=True)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> Any:
    """Print the completion script: awsgpu completion bash >> ~/.bashrc."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover - click knows the three shells above
        return None
    return Lines(iter(kind(GRAMMAR, {}, "awsgpu", COMPLETE_VARIABLE).source().splitlines()))


COMMANDS = {"completion": completion}
