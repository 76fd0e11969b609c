"""What goes with an instance for good, and what stays: read by a person before `terminate` says yes to it."""

from __future__ import annotations

import re
import shlex
from datetime import UTC
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.data import data_volumes, dollars
from jupyter_awsgpu.verbs.selection import reach

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.records.pulls import Pulled
    from jupyter_awsgpu.verbs.workbench import Workbench

CONNECT_S = 5.0
LOOK_S = 10.0
"""A question should not take long: what is not known by then is said to be unknown."""

NAMED_AT_MOST = 5
LISTED_AT_MOST = 20_000

LIST = (
    'cd ~ && home=$(pwd -P) && find "$home" -xdev -mindepth 1 -name ".?*" -prune -o -path "$home/data" -prune '
    '-o -type f {unpulled}-printf "%C@ %s %P\\n" 2>/dev/null | head -n {most}'
)
"""Files of the home folder on the root disk, but hidden ones; GNU find, as every image here has it.

By the time their entry changed, which no program sets: an archive unpacked today brings files of last year.
"""

PULLED_AT_MOST = 200
"""Paths that one command line can take; what was pulled before the last of them counts as not pulled."""


def what_is_lost(bench: Workbench, nodes: Sequence[Instance]) -> str:
    """Return the sentences a person reads before saying yes: disks, files that were not pulled, what stays."""
    instance = nodes[0]
    disk = f"its disk of {instance.root_gb} GB" if instance.root_gb else "its disk"
    lost = f"Terminating {instance.title} ({instance.instance_type}, {instance.instance_id}) deletes {disk} for good."
    return " ".join(filter(None, [lost, workers_lost(nodes), _files(bench, instance), _stays(bench, instance)]))


def workers_lost(nodes: Sequence[Instance]) -> str:
    """Say that a cluster's workers go with its head; nothing of a machine by itself."""
    return f"With it go its workers ({len(nodes) - 1}) and their disks." if len(nodes) > 1 else ""


def _stays(bench: Workbench, instance: Instance) -> str:
    """Name the data volume, which outlives the instance and goes on costing."""
    if instance.data_volume_id is None:
        return ""
    try:
        volumes = data_volumes(bench.cloud(instance.region), instance.owner, instance.name)
    except AwsGpuError:
        volumes = ()
    found = next((one for one in volumes if one.volume_id == instance.data_volume_id), None)
    size = f" of {found.gb} GB stays, for {dollars(found.per_month)}" if found else " stays, and goes on costing"
    return f"Its data volume {instance.data_volume_id}{size}; the next launch of the name attaches it."


def _files(bench: Workbench, instance: Instance) -> str:
    """Say which files would be lost, as far as the instance answers within seconds."""
    pulled, last = bench.records.pulls.pulled(instance.instance_id), bench.records.pulls.last_pull(instance.instance_id)
    if instance.state is not InstanceState.RUNNING:
        return f"It is {instance.state.value}, so nobody has looked which files are on it{_since(last)}."
    try:
        rows = _list(bench, instance, pulled)
    except AwsGpuError:
        return f"It does not answer, so nobody has looked which files are on it{_since(last)}."
    left_out = sum(one.left_out for one in pulled)
    alone = f"Ignore rules left files out of your pulls ({left_out}); they are there alone." if left_out else ""
    if not rows:
        return alone or ("" if pulled else "No files were found in its home folder.")
    names = ", ".join(name for _, _, name in sorted(rows, reverse=True)[:NAMED_AT_MOST])
    more = f" and {len(rows) - NAMED_AT_MOST} more" if len(rows) > NAMED_AT_MOST else ""
    size = _size(sum(size for _, size, _ in rows))
    if not pulled:
        return f"Nothing was pulled from it: {len(rows)} files ({size}) are there alone: {names}{more}."
    count = "1 file" if len(rows) == 1 else f"{len(rows)} files"
    changed = f"Not pulled, or changed since then: {count} ({size}): {names}{more}."
    return " ".join(filter(None, [changed, alone]))


def _since(pulled: datetime | None) -> str:
    if pulled is None:
        return "; nothing was ever pulled from it"
    return f"; the last pull was on {pulled.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _list(bench: Workbench, instance: Instance, pulled: Sequence[Pulled]) -> list[tuple[float, int, str]]:
    """Return (changed, bytes, path) of the files that would be lost. Raises the errors of the way in."""
    latest = sorted(pulled, key=lambda one: one.at)[-PULLED_AT_MOST:]
    command = ["sh", "-c", LIST.format(unpulled="".join(map(_but, latest)), most=LISTED_AT_MOST)]
    with reach(bench, instance, timeout_s=CONNECT_S) as host:
        text = host.run(command, timeout_s=LOOK_S).stdout.decode("utf-8", "replace")
    return [row for row in map(_row, text.splitlines()) if row is not None]


def _but(one: Pulled) -> str:
    """Return find's words for: not what was pulled as it is now."""
    pattern = shlex.quote(re.sub(r"([*?\[\]\\])", r"\\\1", one.path))  # a path is no pattern
    return f"! '(' '(' -path {pattern} -o -path {pattern}'/*' ')' ! -newerct @{one.at:.3f} ')' "


def _row(line: str) -> tuple[float, int, str] | None:
    """Read a line of the listing; names from outside keep their letters and lose what a terminal would obey.

    >>> _row("1795000000.5 12 work/model.pt")
    (1795000000.5, 12, 'work/model.pt')
    """
    at, _, rest = line.partition(" ")
    size, _, name = rest.partition(" ")
    try:
        return float(at), int(size), "".join(letter for letter in name if letter.isprintable())[:200]
    except ValueError:
        return None


def _size(amount: float) -> str:
    """Return bytes for a person.

    >>> _size(512), _size(3_500_000)
    ('512 B', '3.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - SI units
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
