"""The data volume of a name: found, made, copied into another zone, attached; it outlives the instance.

AWS is the record: a volume carries our tags from the call that makes it, so a launch that was cut off finds
what it made. Of copies of one another only the latest counts; a former one is shown until somebody removes it.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, BadValue, DataInUse, NeedsYes, NoCapacity, NoCapacityAtData
from jupyter_awsgpu.model import DATA_DEVICE
from jupyter_awsgpu.remote.guest import DATA_FILE
from jupyter_awsgpu.verbs.access import presumed_owner, resource_tags
from jupyter_awsgpu.verbs.wishes import options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Instance, Volume, Wishes
    from jupyter_awsgpu.records import Operation, Step
    from jupyter_awsgpu.verbs.choice import Choice
    from jupyter_awsgpu.verbs.workbench import Workbench

COPIED_WITHIN_S = 12 * 3600.0
"""A snapshot of some hundred GB takes hours."""

AVAILABLE_WITHIN_S = 300.0
POLL_S = 2.0


def data_volumes(cloud: Cloud, owner: str, name: str | None = None) -> tuple[Volume, ...]:
    """Return the owner's data volumes in a region (of one name), each with what it costs a month."""
    found = tuple(one for one in cloud.volumes(owner, name) if one.purpose == "data")
    return tuple(replace(one, per_month=per_month(cloud, one.gb)) for one in found)


def wished_volumes(bench: Workbench, wishes: Wishes, name: str | None = None) -> tuple[Volume, ...]:
    """Return the data volumes (of one name) that a launch may attach: this owner's alone.

    Asked for by whom AWS took us for last time, and anew where it is somebody else now. Where nobody may ask,
    there are none to be found, unless the wish names a size.
    """
    if wishes.data_gb == 0:
        return ()
    try:
        cloud, presumed = bench.cloud(wishes.region), presumed_owner(bench)
        found = data_volumes(cloud, presumed, name)
        owner = bench.clouds.identity().owner
        return found if owner == presumed else data_volumes(cloud, owner, name)
    except AwsGpuError:
        if wishes.data_gb is None:
            return ()
        raise


def per_month(cloud: Cloud, gb: int) -> float | None:
    """Return what a volume costs a month, in the region's currency; None where nobody knows."""
    price = cloud.disk_price()
    return None if price is None else round(price * gb, 2)


def present(volumes: Iterable[Volume]) -> Volume | None:
    """Return the volume that counts among those of one name: not one that was copied on, the newest of the rest."""
    all_of_them = tuple(volumes)
    left = {one.copy_of for one in all_of_them if one.copy_of and one.state not in ("creating", "error")}
    counting = [one for one in all_of_them if one.volume_id not in left and one.state not in ("deleting", "error")]
    return max(counting, key=lambda one: (one.instance_id is not None, str(one.created)), default=None)


def dollars(amount: float | None) -> str:
    """Return e.g. `$8.00 a month`, or that it is unknown."""
    return "an unknown price a month" if amount is None else f"${amount:.2f} a month"


# ── before the launch ────────────────────────────────────────────────────────────────────────


def foreseen(cloud: Cloud, wishes: Wishes, volume: Volume | None, zones: tuple[str, ...]) -> str:
    """Return what a launch in one of the zones would do about ~/data, and what that costs. Raises `BadValue`."""
    wished = wishes.data_gb or 0
    if volume is None:
        return f"a new volume of {wished} GB, {dollars(per_month(cloud, wished))} until you remove it"
    _require_no_less(wishes, volume)
    gb = max(wished, volume.gb)
    if volume.zone in zones:
        return f"{volume.volume_id} in {volume.zone} is attached again: {gb} GB, {dollars(per_month(cloud, gb))}"
    more = dollars(volume.per_month)
    return f"{volume.volume_id} in {volume.zone} is copied by a snapshot, for {more} more until the old one is removed"


def _require_no_less(wishes: Wishes, volume: Volume) -> None:
    if wishes.data_gb is not None and wishes.data_gb < volume.gb:
        expected = f"the volume of {wishes.name} has {volume.gb} GB, and a volume never shrinks"
        raise BadValue(option="--data", value=wishes.data_gb, expected=expected, verb="launch")


def near_data(choice: Choice, volume: Volume | None, *, yes: bool) -> Choice:
    """Return the choice with the volume's zone tried first; alone, unless a copy elsewhere was agreed to.

    Raises `NeedsYes` where the wish itself leads into another zone, `BadValue` for a volume that would shrink.
    """
    wishes = choice.wishes
    if volume is None or wishes.data_gb == 0:
        return choice
    _require_no_less(wishes, volume)
    if volume.zone not in choice.zones:
        if wishes.data_gb is not None and not yes:
            raise NeedsYes(what=_what_a_copy_is(choice, volume), command=_again(wishes), verb="launch")
        return choice
    others = tuple(zone for zone in choice.zones if zone != volume.zone)
    return replace(choice, zones=(volume.zone, *(others if yes or wishes.data_gb is None else ())))


def _what_a_copy_is(choice: Choice, volume: Volume) -> str:
    where = ", ".join(choice.zones)
    return (
        f"The data volume of {volume.name} ({volume.gb} GB) is in {volume.zone}; in {where} a copy is made of it by a "
        f"snapshot, for {dollars(volume.per_month)} more until the old one is removed."
    )


def no_capacity(exc: NoCapacity, choice: Choice, volume: Volume | None) -> NoCapacity:
    """Return the refusal that names the way on, where it was the data volume that bound the launch to a zone."""
    if volume is None or choice.zones != (volume.zone,) or choice.wishes.zone == volume.zone:
        return exc
    more = {"name": volume.name, "volume": volume.volume_id, "command": _again(choice.wishes)}
    month = "an unknown price" if volume.per_month is None else f"${volume.per_month:.2f}"
    return NoCapacityAtData(None, **exc.facts | more | {"month": month})


def _again(wishes: Wishes) -> str:
    """Return the very line that asked."""
    return f"awsgpu launch {wishes.instance_type}{options(wishes)}"


# ── once the instance runs ───────────────────────────────────────────────────────────────────


def attach_data(
    bench: Workbench, instance: Instance, wishes: Wishes, volume: Volume | None, operation: Operation
) -> Volume | None:
    """Bring the name's data volume to its instance and return it, or None where none is wished for.

    What exists is attached; what is missing and wished for is made, with a token that makes it once; what
    is in another zone is copied, if it was asked for.
    """
    if wishes.data_gb == 0 or (volume is None and wishes.data_gb is None):
        return None
    cloud = bench.cloud(instance.region)
    with operation.step("data", "Bringing the data volume") as step:
        if volume is None:
            made = _make(bench, cloud, instance, wishes, step)
        elif volume.zone == instance.zone:
            made = volume
            _end_copying(bench, cloud, volume.copy_of)
        elif wishes.data_gb is None:
            step.say(
                f"The data volume {volume.volume_id} stays in {volume.zone} ({dollars(volume.per_month)}); "
                f"--data {volume.gb} copies it here"
            )
            return None
        else:
            made = _copy(bench, cloud, instance, volume, step)
        made = _grown(cloud, made, wishes, step)
        _attach(cloud, instance, made, step)
        return made


def bring(volume: Volume, instance: Instance) -> tuple[str, str]:
    """Return the file that tells the guest which volume belongs at ~/data: name and text."""
    wish = {"volume": volume.volume_id, "device": DATA_DEVICE, "instance_id": instance.instance_id, "gb": volume.gb}
    return DATA_FILE, json.dumps(wish, sort_keys=True)


def _tags(bench: Workbench, name: str, **more: str) -> dict[str, str]:
    has = resource_tags(bench.clouds.identity(), name=name, purpose="data", **more)
    return {"Name": f"awsgpu-{name}-data", **has}


def _make(bench: Workbench, cloud: Cloud, instance: Instance, wishes: Wishes, step: Step) -> Volume:
    gb = wishes.data_gb or 1
    token = f"{instance.launch_id}-data-{gb}"
    volume_id = cloud.create_volume(instance.zone, gb, _tags(bench, wishes.name), client_token=token)
    step.say(f"Made {volume_id}: {gb} GB, {dollars(per_month(cloud, gb))} until you remove it")
    return _available(cloud, volume_id)


def _available(cloud: Cloud, volume_id: str) -> Volume:
    deadline = time.monotonic() + AVAILABLE_WITHIN_S
    while True:
        seen = cloud.volume(volume_id)
        if seen.state in ("available", "in-use") or time.monotonic() > deadline:
            return replace(seen, per_month=per_month(cloud, seen.gb))
        time.sleep(POLL_S / 8)


def _copy(bench: Workbench, cloud: Cloud, instance: Instance, volume: Volume, step: Step) -> Volume:
    """Copy a volume into the instance's zone; the former one stays, shown with its price, until it is removed."""
    if volume.instance_id is not None:
        raise DataInUse(name=volume.name, volume=volume.volume_id, holder=volume.instance_id)
    has = _tags(bench, volume.name, copy_of=volume.volume_id)
    snapshot_id = cloud.snapshot_volume(volume.volume_id, has)
    deadline = time.monotonic() + COPIED_WITHIN_S
    while time.monotonic() < deadline:
        state, fraction = cloud.snapshot_progress(snapshot_id)
        if state == "completed":
            break
        if state == "error":
            raise AwsGpuError(f"The snapshot {snapshot_id} of {volume.volume_id} failed; the volume is as it was.")
        step.say(f"Copying {volume.volume_id} from {volume.zone}: {fraction:.0%}", fraction=fraction)
        time.sleep(POLL_S if fraction else POLL_S / 4)
    volume_id = cloud.create_volume(instance.zone, volume.gb, has, snapshot_id=snapshot_id)
    made = _available(cloud, volume_id)
    _end_copying(bench, cloud, volume.volume_id)
    step.say(
        f"{volume_id} is a copy in {instance.zone}; the former {volume.volume_id} in {volume.zone} still costs "
        f"{dollars(volume.per_month)}: awsgpu cleanup --id {volume.volume_id} --yes"
    )
    return made


def _end_copying(bench: Workbench, cloud: Cloud, copied: str | None) -> None:
    """Remove the snapshots by which a volume was copied, those of a copy that was cut off among them."""
    if copied is not None:
        for one in cloud.snapshots_of(bench.clouds.identity().owner, copied):
            cloud.delete_snapshot(one)


def _grown(cloud: Cloud, volume: Volume, wishes: Wishes, step: Step) -> Volume:
    if wishes.data_gb is None or wishes.data_gb <= volume.gb:
        return volume
    cloud.grow_volume(volume.volume_id, wishes.data_gb)
    step.say(f"{volume.volume_id} grows from {volume.gb} to {wishes.data_gb} GB")
    return replace(volume, gb=wishes.data_gb, per_month=per_month(cloud, wishes.data_gb))


def _attach(cloud: Cloud, instance: Instance, volume: Volume, step: Step) -> None:
    if volume.instance_id == instance.instance_id:
        step.say(f"{volume.volume_id} ({volume.gb} GB, {dollars(volume.per_month)}) is attached")
        return
    if volume.instance_id is not None:
        holder = cloud.instance(volume.instance_id) if _lives(cloud, volume.instance_id) else None
        if holder is not None:
            raise DataInUse(name=volume.name, volume=volume.volume_id, holder=holder.name)
    cloud.attach_volume(volume.volume_id, instance.instance_id, DATA_DEVICE)
    step.say(f"Attached {volume.volume_id} ({volume.gb} GB, {dollars(volume.per_month)})")


def _lives(cloud: Cloud, instance_id: str) -> bool:
    try:
        return cloud.instance(instance_id).state.alive
    except AwsGpuError:
        return False


# ── what is shown ────────────────────────────────────────────────────────────────────────────


def all_data_volumes(bench: Workbench, regions: tuple[str, ...]) -> tuple[Volume, ...]:
    """Return the owner's data volumes in some regions. Read-only.

    A region that does not let us look has none to show.
    """
    from jupyter_awsgpu.verbs.selection import note_data

    try:
        owner = bench.clouds.identity().owner
        answers = bench.clouds.each(regions, lambda cloud: data_volumes(cloud, owner))
    except AwsGpuError:
        return ()
    found = {region: one for region, one in answers.items() if not isinstance(one, AwsGpuError)}
    note_data(bench, found, (region for region, volumes in found.items() if volumes))
    return tuple(one for volumes in found.values() for one in volumes)
