"""`resize`: another type, a larger disk. Everything foreseeable is refused before anything is touched.

The disk grows while the instance works; a type changes only while it is stopped. What fails on the way
leaves the old type, and the instance running again if it ran before.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import (
    AwsGpuError,
    BadValue,
    DriverUnfit,
    ImageNotFound,
    Interrupted,
    NeedsYes,
    ResizeHalfDone,
    ResizeUnfit,
)
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.arrival import Way, arrive
from jupyter_awsgpu.verbs.choice import require_driver, require_paid_plan
from jupyter_awsgpu.verbs.data import dollars, per_month
from jupyter_awsgpu.verbs.preflight import require_room
from jupyter_awsgpu.verbs.rates import RATE_TAG
from jupyter_awsgpu.verbs.selection import choose, reach, with_tunnel
from jupyter_awsgpu.verbs.start import STOPPED_WITHIN_S, wait_until_running
from jupyter_awsgpu.verbs.wishes import MAX_DISK_GB, wishes_from

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Instance, InstanceType, Price, Volume
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

GROWN_WITHIN_S = 3600.0
"""How long EBS may call a volume `modifying`; usable at its new size afterwards, while it still optimises."""

SETTLED = (InstanceState.RUNNING, InstanceState.STOPPED)


@dataclass(frozen=True)
class _Change:
    """What is to become of the instance. `root` is its root disk; None stands for «stays as it is»."""

    instance: Instance
    root: Volume | None
    itype: InstanceType | None
    price: Price | None
    disk_gb: int | None

    @property
    def stops(self) -> bool:
        """Whether a running instance has to stop for it."""
        return self.itype is not None and self.instance.state is InstanceState.RUNNING


def resize(
    bench: Workbench,
    name: str | None = None,
    *,
    instance_type: str | None = None,
    disk_gb: int | None = None,
    yes: bool = False,
) -> Instance:
    """Give a running or stopped instance another type, a larger disk, or both; return it as it then is.

    A running one is asked about, stopped, changed and started. Raises `NeedsYes`, `ResizeUnfit` and whatever
    else is foreseeable before anything is changed; `ResizeHalfDone` where AWS refused in the middle.
    """
    if instance_type is None and disk_gb is None:
        expected = "say what to change: --type TYPE, --disk GB, or both"
        raise BadValue(option="resize", value="nothing", expected=expected, verb="resize")
    instance = choose(bench, name, "resize")
    change = _preflight(bench, instance, instance_type, disk_gb)
    if change.itype is None and change.disk_gb is None:
        return with_tunnel(bench, _told(bench, change, price=instance_type is not None))
    if not yes and (change.stops or _dear(bench, change)):
        raise NeedsYes(what=_consequence(change), command=_line(instance, instance_type, disk_gb), verb="resize")
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("resize", instance.name, bench.listener) as operation,
    ):
        try:
            return _do(bench, change, operation)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} may be stopped, and of its old or its new type."
            raise Interrupted(exists=exists, command=_line(instance, instance_type, disk_gb)) from exc


def _told(bench: Workbench, change: _Change, *, price: bool) -> Instance:
    """Write the size, and the price, that tables and costs show, where an earlier resize could not."""
    instance, root = change.instance, change.root
    cloud, has = bench.cloud(instance.region), {}
    if root is not None and root.gb != instance.root_gb:
        has["jupyter-awsgpu:disk"] = str(root.gb)
    now = cloud.price(instance.instance_type) if price and not instance.spot else None
    if now is not None and now.per_hour != instance.price_per_hour:
        has |= _price_tags(now)
    if not has:
        return instance
    cloud.tag(instance.instance_id, has)
    return cloud.instance(instance.instance_id)


def _price_tags(price: Price) -> dict[str, str]:
    return {"jupyter-awsgpu:price": f"{price.per_hour:g} {price.currency}", RATE_TAG: "untold"}


def _line(instance: Instance, instance_type: str | None, disk_gb: int | None) -> str:
    words = ["awsgpu resize", instance.name]
    words += [f"--type {instance_type}"] if instance_type else []
    return " ".join([*words, *([f"--disk {disk_gb}"] if disk_gb else [])])


def _consequence(change: _Change) -> str:
    """Return the sentence a person reads before saying yes."""
    instance = change.instance
    price = f" and costs {change.price}" if change.price else ", at a price unknown here"
    what = [f"{instance.name} becomes a {change.itype.name}{price}"] if change.itype else []
    if change.stops:
        what.append("it stops and starts for that: what runs on it ends, its files stay")
    return "; ".join(what) + "." if what else f"The disk of {instance.name} grows to {change.disk_gb} GB."


def _dear(bench: Workbench, change: _Change) -> bool:
    """Whether the new type wants a yes: for its price, or because nobody knows it."""
    if change.itype is None:
        return False
    return change.price is None or change.price.per_hour > float(bench.settings.confirm_above)


# ── what can be foreseen ─────────────────────────────────────────────────────────────────────


def _preflight(bench: Workbench, instance: Instance, type_name: str | None, disk_gb: int | None) -> _Change:
    cloud = bench.cloud(instance.region)
    if instance.adopted:
        raise ResizeUnfit(name=instance.name, why="another tool launched it, and that tool may change it")
    if instance.engine is not None:
        why = f"it is one of {instance.nodes} machines of a cluster, which stay alike"
        raise ResizeUnfit(name=instance.title, why=why, remedy_line=f"awsgpu image {instance.name}")
    if instance.state not in SETTLED:
        why = f"it is {instance.state.value}; wait until it runs or has stopped"
        raise ResizeUnfit(name=instance.name, why=why, remedy_line="awsgpu status")
    root = _root(bench, cloud, instance) if disk_gb is not None else None
    grown = _checked_disk(cloud, instance, root, disk_gb)
    if type_name is None or type_name == instance.instance_type:
        return _Change(instance, root, None, None, grown)
    itype = cloud.instance_type(type_name)
    _require_fit(bench, cloud, instance, itype)
    return _Change(instance, root, itype, cloud.price(itype.name), grown)


def _root(bench: Workbench, cloud: Cloud, instance: Instance) -> Volume:
    for one in cloud.volumes(bench.clouds.identity().owner, instance.name):
        if one.instance_id == instance.instance_id and one.purpose == "root":
            return one
    raise ResizeUnfit(name=instance.name, why="its root disk is not among the volumes that carry our tags")


def _checked_disk(cloud: Cloud, instance: Instance, root: Volume | None, disk_gb: int | None) -> int | None:
    """Return the size to grow to, or None where the disk has it already. Raises `BadValue` for a smaller one."""
    if root is None or disk_gb is None or disk_gb == root.gb:
        return None
    if not root.gb < disk_gb <= MAX_DISK_GB:
        expected = f"the disk of {instance.name} has {root.gb} GB, a disk never shrinks, and {MAX_DISK_GB} is the most"
        raise BadValue(option="--disk", value=disk_gb, expected=expected, verb="resize")
    if cloud.growing(root.volume_id) == "modifying":
        why = f"its disk {root.volume_id} is still growing from an earlier change"
        raise ResizeUnfit(name=instance.name, why=why, remedy_line="awsgpu status")
    return disk_gb


def _require_fit(bench: Workbench, cloud: Cloud, instance: Instance, itype: InstanceType) -> None:
    """Refuse a type that this instance cannot become, here, now."""
    if instance.spot:
        why = "a one-time spot instance cannot be stopped, so it keeps its type"
        line = f"awsgpu launch {itype.name} --name {instance.name}-2"
        raise ResizeUnfit(name=instance.name, why=why, remedy_line=line)
    cloud.require_offered(itype.name)
    now = cloud.instance_type(instance.instance_type)
    if now.architecture != itype.architecture:
        why = f"its disk is made for {now.architecture} processors, and {itype.name} has {itype.architecture} ones"
        raise ResizeUnfit(name=instance.name, why=why)
    zones = cloud.zones_offering(itype.name)
    if instance.zone not in zones:
        why = f"its disk is in {instance.zone}, and {itype.name} is offered in {', '.join(zones)}"
        raise ResizeUnfit(name=instance.name, why=why, remedy_line=f"awsgpu image {instance.name}")
    _require_driver(bench, cloud, instance, itype)
    require_paid_plan(bench, itype)
    _require_quota(cloud, instance, now, itype)


def _require_driver(bench: Workbench, cloud: Cloud, instance: Instance, itype: InstanceType) -> None:
    """Refuse a GPU that the driver on the disk does not serve, as far as the image tells."""
    with suppress(ImageNotFound):
        image = cloud.image_of(instance)
        try:
            require_driver(itype, image, wishes_from(bench.settings, itype.name))
        except DriverUnfit as exc:
            raise ResizeUnfit(name=instance.name, why=exc.message.rstrip(".")) from exc


def _require_quota(cloud: Cloud, instance: Instance, now: InstanceType, itype: InstanceType) -> None:
    quota = cloud.quota(itype)
    if quota is None:
        return
    given_back = now.vcpus if instance.state.bills and _same_bucket(cloud, now, quota.code) else 0
    require_room(cloud, itype, quota, given_back=given_back)


def _same_bucket(cloud: Cloud, now: InstanceType, code: str) -> bool:
    quota = cloud.quota(now)
    return quota is not None and quota.code == code


# ── doing it ─────────────────────────────────────────────────────────────────────────────────


def _do(bench: Workbench, change: _Change, operation: Operation) -> Instance:
    instance = change.instance
    if change.disk_gb is not None and change.root is not None:
        _grow(bench, instance, change.root, change.disk_gb, operation)
    if change.itype is None:
        if instance.state is InstanceState.RUNNING:
            _grow_inside(bench, instance, operation)
        return with_tunnel(bench, bench.cloud(instance.region).instance(instance.instance_id))
    _change_type(bench, change, change.itype, operation)
    if not change.stops:
        return with_tunnel(bench, bench.cloud(instance.region).instance(instance.instance_id))
    running = wait_until_running(bench, instance, operation)
    return arrive(bench, running, operation, Way(bench.settings.local_port), booting=True)


def _grow(bench: Workbench, instance: Instance, root: Volume, gb: int, operation: Operation) -> None:
    cloud = bench.cloud(instance.region)
    with operation.step("disk", f"Growing the disk from {root.gb} to {gb} GB") as step:
        cloud.grow_volume(root.volume_id, gb)
        deadline = time.monotonic() + GROWN_WITHIN_S
        while cloud.growing(root.volume_id) == "modifying" and time.monotonic() < deadline:
            time.sleep(0.5)
        with suppress(AwsGpuError):  # only what tables show: the size itself is EC2's to say
            cloud.tag(instance.instance_id, {"jupyter-awsgpu:disk": str(gb)})
        step.say(f"{root.volume_id} has {gb} GB, for {dollars(per_month(cloud, gb))}")


def _grow_inside(bench: Workbench, instance: Instance, operation: Operation) -> None:
    """Let the file system fill the disk at once; where that cannot be, the next boot does it."""
    with operation.step("filesystem", "Growing the file system") as step:
        try:
            with reach(bench, instance) as host:
                guest.grow(host)
            step.say("The file system fills the disk")
        except AwsGpuError as exc:
            step.say(f"The file system grows at the next boot: {exc}")


def _change_type(bench: Workbench, change: _Change, itype: InstanceType, operation: Operation) -> None:
    """Stop if need be, change, start if it ran; whatever is refused, the old type and the old state come back."""
    instance, cloud = change.instance, bench.cloud(change.instance.region)
    if change.stops:
        with operation.step("stop", "Stopping it") as step:
            cloud.stop(instance.instance_id)
            bench.tunnels.close(instance.instance_id)
            cloud.wait_for(instance.instance_id, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)
            step.say("Stopped")
    try:
        with operation.step("type", f"Changing its type to {itype.name}") as step:
            cloud.set_instance_type(instance.instance_id, itype.name)
            _note_price(cloud, instance, change.price)
            step.say(f"It is a {itype.name} now" + (f", at {change.price}" if change.price else ""))
        if change.stops:
            with operation.step("start", "Starting it"):
                cloud.start(instance.instance_id)
    except AwsGpuError as exc:
        raise _taken_back(cloud, change, exc, operation) from exc


def _note_price(cloud: Cloud, instance: Instance, price: Price | None) -> None:
    """Let tables show the new type's price, and none where it is unknown: the old one would be another machine's."""
    with suppress(AwsGpuError):  # a policy older than this verb: the price shown stays the old type's
        cloud.tag(instance.instance_id, _price_tags(price) if price else {"jupyter-awsgpu:price": ""})


def _taken_back(cloud: Cloud, change: _Change, why: AwsGpuError, operation: Operation) -> ResizeHalfDone:
    """Give the instance its old type and state again; return what to say."""
    instance = change.instance
    state, command = "stopped", f"awsgpu start {instance.name}"
    with operation.step("back", f"Going back to {instance.instance_type}") as step:
        try:
            if cloud.instance(instance.instance_id).instance_type != instance.instance_type:
                cloud.set_instance_type(instance.instance_id, instance.instance_type)
            if instance.price_per_hour is not None:
                with suppress(AwsGpuError):
                    cloud.tag(
                        instance.instance_id,
                        {"jupyter-awsgpu:price": f"{instance.price_per_hour:g} {instance.currency}"},
                    )
            if change.stops:
                cloud.start(instance.instance_id)
                state, command = "starting again", f"awsgpu connect {instance.name}"
        except AwsGpuError as exc:
            step.say(f"{exc}")
            with suppress(AwsGpuError):
                now = cloud.instance(instance.instance_id)
                state = now.state.value
                instance = replace(instance, instance_type=now.instance_type)
        step.say(f"{instance.name} is a {instance.instance_type}, {state}")
    return ResizeHalfDone(
        name=instance.name, instance_type=instance.instance_type, state=state, why=why.message, command=command
    )
