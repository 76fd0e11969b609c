"""`push`: files from here to an instance; only what differs travels."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.verbs.journey import Journey, legs_of
from jupyter_awsgpu.verbs.selection import choose_led

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

    To a cluster they go machine by machine. `to` is another folder there. What .gitignore and .awsgpuignore
    leave out stays, unless `everything`; nothing is deleted there. Raises `NeedsYes` where a newer file would
    be overwritten, `NothingThere`, `TransferFailed`, `HeadGone` (another head would lack them), and the errors of
    the way in.
    """
    legs = legs_of(paths, to, push=True, cwd=Path.cwd())
    done: Transfer | None = None
    for one in choose_led(bench, name, "push"):  # one after the other: they share this machine's line
        journey = Journey(bench, "push", one, everything=everything, yes=yes)
        made = journey.travel(legs, shlex.join(["awsgpu", "push", *paths, "--name", name or one.name]))
        done = made if done is None else _together(done, made)
    if done is None:
        raise AssertionError  # `choose_led` returns something or raises
    return done


def _together(first: Transfer, second: Transfer) -> Transfer:
    """Return what travelled to two machines of a name as one; what was left out was the same for both."""
    return replace(
        first,
        files=first.files + second.files,
        size=first.size + second.size,
        same=first.same + second.same,
        restless=tuple(dict.fromkeys((*first.restless, *second.restless))),
        seconds=first.seconds + second.seconds,
    )
