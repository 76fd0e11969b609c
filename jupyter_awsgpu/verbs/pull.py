"""`pull`: files from an instance to here; only what differs travels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.verbs.journey import Journey, legs_of
from jupyter_awsgpu.verbs.selection import choose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Transfer
    from jupyter_awsgpu.verbs.workbench import Workbench


def pull(
    bench: Workbench,
    paths: Sequence[str],
    name: str | None = None,
    *,
    to: str = "",
    everything: bool = False,
    yes: bool = False,
) -> Transfer:
    """Bring files and folders from where the instance's Jupyter begins to the same place below this folder, or `to`.

    What ignore files there leave out stays, unless `everything`; nothing is deleted here. Keeps what was pulled and
    when, so that `terminate` can name what else is there. Raises as `push` does.
    """
    instance = choose(bench, name, "pull")
    journey = Journey(bench, "pull", instance, everything=everything, yes=yes)
    command = shlex.join(["awsgpu", "pull", *paths, "--name", instance.title])
    moved = journey.travel(legs_of(paths, to, push=False, cwd=Path.cwd()), command)
    bench.records.pulls.note(instance.instance_id, journey.pulled.values())
    return moved
