"""What a shell or another process of ours calls: completion scripts, the tunnel's own process."""

from __future__ import annotations

import sys
from pathlib import Path
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


@verb("_tunnel", hidden=True)
@click.argument("record", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def tunnel(record: Path) -> Any:
    """Be the tunnel of one record until it is closed."""
    from jupyter_awsgpu import wiring

    sys.exit(wiring.tunnel_process(record))


COMMANDS = {"completion": completion, "_tunnel": tunnel}
