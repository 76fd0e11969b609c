"""`push`: files from here to an instance; only what differs travels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.verbs.journey import Journey, legs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Transfer
    from jupyter_awsgpu.verbs.workbench import Workbench


def push(
    bench: Workbench,
    paths: Sequence[str],
    name: str | None = None,
    *,
    to: str = "",
    everything: bool = False,
    yes: bool = False,
) -> Transfer:
    """Bring files and folders to the instance: what is below this folder, to the same place where its Jupyter begins.

    `to` is another folder there. What .gitignore and .awsgpuignore leave out stays, unless `everything`; nothing is
    deleted there. Raises `NeedsYes` where a newer file would be overwritten, `NothingThere`, `TransferFailed`, and the
    errors of the way in.
    """
    journey = Journey(bench, "push", name, everything=everything, yes=yes)
    command = shlex.join(["awsgpu", "push", *paths, "--name", journey.way.instance.name])
    return journey.travel(legs_of(paths, to, push=True, cwd=Path.cwd()), command)
