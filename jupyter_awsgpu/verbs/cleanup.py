"""`cleanup`: what of ours still costs money or clutters, and its removal in the right order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, RegionNotEnabled
from jupyter_awsgpu.model import Leftover
from jupyter_awsgpu.records import held
from jupyter_awsgpu.verbs.selection import regions_to_ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.verbs.workbench import Workbench

ORDER = (
    "tunnel record",
    "instance",
    "address",
    "image",
    "snapshot",
    "volume",
    "data volume",
    "schedule",
    "placement group",
    "security group",
    "key pair",
    "local key",
)
"""Removal from what holds to what is held: EC2 refuses a group or a snapshot that is in use."""

KEPT_BY_DEFAULT = ("instance", "image", "volume", "snapshot")
"""What may hold somebody's work: removed only when its kind is asked for by name."""

NAMED_ONLY = ("data volume",)
"""What is somebody's work and nothing else: removed only when it is asked for by its own id or name."""


def leftovers(bench: Workbench) -> tuple[Leftover, ...]:
    """Return what is ours in every region and on this machine, the dearest first. Read-only.

    Raises what a region answered, unless the account never enabled that region: a look that did not
    happen must not pass for «nothing there».
    """
    owner = bench.clouds.identity().owner
    regions = {*bench.clouds.regions(), *regions_to_ask(bench)}  # the account's list may be a day old
    answers = bench.clouds.each(regions, lambda cloud: cloud.leftovers(owner))
    found: list[Leftover] = []
    unseen: set[str] = set()
    for region, answer in answers.items():
        if not isinstance(answer, AwsGpuError):
            found.extend(answer)
        elif isinstance(answer, RegionNotEnabled):
            unseen.add(region)
        else:
            raise answer
    found.extend(_imported_keys(bench, owner, found, unseen))
    found.extend(_on_this_machine(bench, {one.id for one in found} | adopted_here(bench) | _launched_in(bench, unseen)))
    return tuple(sorted(found, key=lambda one: (-(one.cost_per_month or 0.0), one.kind, one.name)))


def listed(bench: Workbench, *, kinds: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> tuple[Leftover, ...]:
    """Return what is ours, or of it what is named: more than `cleanup` would remove, for it costs, too. Read-only."""
    found = leftovers(bench)
    return tuple(one for one in found if not (kinds or ids) or one.kind in kinds or one.id in ids)


def adopted_here(bench: Workbench) -> set[str]:
    """Return the ids of instances adopted on this machine: in use, and on no list of what may be removed."""
    entries = [one for one in bench.records.journal.entries() if one.wishes.get("adopted") and one.ended is None]
    return {instance_id for one in entries for instance_id in one.instance_ids}


def _launched_in(bench: Workbench, regions: set[str]) -> set[str]:
    """Return the ids of this machine's instances in some regions: where nobody could look, none is known to be gone."""
    return {one for entry in bench.records.journal.entries() if entry.region in regions for one in entry.instance_ids}


def _on_this_machine(bench: Workbench, existing: set[str]) -> list[Leftover]:
    return [
        Leftover("tunnel record", one.instance_id, one.name, "", 0.0, one.phase, "its instance is gone")
        for one in bench.tunnels.all()
        if one.instance_id not in existing
    ]


def _imported_keys(bench: Workbench, owner: str, found: Sequence[Leftover], unseen: set[str]) -> list[Leftover]:
    """Return the keys that were taken in for one launch of this owner's, of which no machine is left.

    The key that this machine's own launches share is none of these: the next launch uses it again.
    """
    living = {word for one in found if one.kind == "instance" for word in (one.id, one.name)}
    return [
        Leftover("local key", one.launch_id, one.name, "", 0.0, str(path), "its instance is gone")
        for one in bench.records.journal.entries()
        if (path := bench.records.keys.path(one.launch_id)).is_file()
        and one.owner == owner
        and one.region not in unseen
        and living.isdisjoint({one.name, *one.instance_ids})
    ]


def cleanup(
    bench: Workbench, *, kinds: tuple[str, ...] = (), ids: tuple[str, ...] = (), yes: bool = False
) -> tuple[Leftover, ...]:
    """Remove what only clutters, and with `kinds` and `ids` what is named; return what was (or would be) removed.

    Without `yes` nothing is touched. What may hold work (instances, images, volumes, snapshots) is
    removed only where its kind is named, a data volume only by its own id.
    """
    wanted = tuple(one for one in leftovers(bench) if is_wanted(one, kinds, ids))
    if not yes:
        return wanted
    with bench.records.operations.begin("cleanup", "all", bench.listener) as operation:
        for one in sorted(wanted, key=lambda each: ORDER.index(each.kind)):
            with operation.step(one.id, f"Removing {one.kind} {one.name or one.id}"):
                _remove(bench, one)
    return wanted


def is_wanted(one: Leftover, kinds: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> bool:
    """Return whether `cleanup` would remove this, asked so."""
    if kinds or ids:
        return one.id in ids or (one.kind in kinds and one.kind not in NAMED_ONLY)
    return one.kind not in (*KEPT_BY_DEFAULT, *NAMED_ONLY)


def _remove(bench: Workbench, one: Leftover) -> None:
    if one.kind == "tunnel record":
        bench.tunnels.close(one.id)
        return
    if one.kind == "local key":
        held.remove(bench.records.keys.path(one.id))
        bench.records.pins.forget(one.id)
        bench.records.journal.end(one.id, bench.now())
        return
    if one.kind == "instance":
        bench.tunnels.close(one.id)
    bench.cloud(one.region).remove(one)
