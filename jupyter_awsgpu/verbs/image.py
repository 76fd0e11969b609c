"""`image`: keep a machine as an image; and only when a copy of it has proved itself, let the machine go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import (
    AwsGpuError,
    BadName,
    ImageNameTaken,
    ImageNotFound,
    ImageUnproven,
    Interrupted,
    NeedsYes,
    OtherOwner,
    WrongState,
)
from jupyter_awsgpu.model import DATA_DEVICE, Image, InstanceState
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.losses import workers_lost
from jupyter_awsgpu.verbs.proof import prove
from jupyter_awsgpu.verbs.selection import choose_led, reach
from jupyter_awsgpu.verbs.start import STOPPED_WITHIN_S
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Instance, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

AVAILABLE_WITHIN_S = 6 * 3600.0
"""An image of some hundred GB takes hours (fastec2's author: «hours for hundreds of GB»)."""

POLL_S = 2.0


def image(
    bench: Workbench,
    name: str | None = None,
    *,
    image_name: str | None = None,
    then_terminate: bool = False,
    freeze: bool = False,
    yes: bool = False,
    boot: Callable[[Workbench, Wishes], None] | None = None,
) -> Image:
    """Make an image of the instance, stopping it first so that the disk is whole; return the image.

    With `freeze` it goes on running: its disk is written out and copied as it is at that moment. With
    `then_terminate` a throwaway instance is booted from the image (by `boot`, a launch where none is given) and
    must answer over SSH, GPU and Jupyter before the original goes; any failure leaves the original whole
    (`ImageUnproven`). An image that holds what the disk holds now, made by a command that was cut off, is gone on
    with. Any other that has the name asked for is in the way (`ImageNameTaken`), and nothing is stopped for it.
    """
    nodes = choose_led(bench, name, "image")
    instance = nodes[0]
    wished = image_name or f"{instance.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    _require_name(wished)
    line = _line(instance, then_terminate=then_terminate, freeze=freeze)
    if then_terminate and not yes:
        raise NeedsYes(what=_what_goes(nodes, wished, freeze=freeze), command=line, verb="image")
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("image", instance.name, bench.listener) as operation,
    ):
        try:
            made = _under_way(bench, instance, image_name, operation, line) or _make(
                bench, nodes, wished, operation, freeze=freeze
            )
            if then_terminate:
                prove(bench, instance, made, operation, boot)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} is there, running or stopped, and the image {wished} may be on its way."
            raise Interrupted(exists=exists, command="awsgpu images") from exc
    if then_terminate:
        _require_whole(bench.cloud(instance.region), made, instance, freeze=freeze)
        whole = instance.engine and name in (None, instance.name)  # of a cluster one machine can be meant
        terminate(bench, instance.name if whole else instance.instance_id, yes=True)
    return made


def _what_goes(nodes: Sequence[Instance], wished: str, *, freeze: bool) -> str:
    """Return what a person reads before saying yes."""
    instance = nodes[0]
    price = f", at ${instance.price_per_hour:g}/h for some minutes" if instance.price_per_hour else ""
    goes = (
        f"{instance.title} will be terminated once a throwaway instance booted from the image {wished}{price} "
        "has proved it."
    )
    late = "What it writes after the image is made is not in it, and is lost." if freeze else ""
    return " ".join(filter(None, [goes, workers_lost(nodes), late]))


def _line(instance: Instance, *, then_terminate: bool, freeze: bool) -> str:
    options = (" --then-terminate" if then_terminate else "") + (" --freeze" if freeze else "")
    return f"awsgpu image {instance.title}{options}"


def _require_whole(cloud: Cloud, made: Image, original: Instance, *, freeze: bool) -> None:
    """Look once more before the original goes: an image deleted meanwhile is no copy, nor one of a disk that ran since.

    Minutes to hours have passed, and another machine, or the console, may have started the original.
    """
    try:
        state, _ = cloud.image_progress(made.image_id)
        now = cloud.instance(original.instance_id)
    except AwsGpuError as exc:
        raise ImageUnproven(image=made.name, why=exc.message, name=original.name) from exc
    if state != "available":
        raise ImageUnproven(image=made.name, why=f"EC2 calls it {state}", name=original.name)
    if not freeze and (now.state is not InstanceState.STOPPED or now.launched_at != original.launched_at):
        raise ImageUnproven(image=made.name, why=f"{original.name} has been started since", name=original.name)


def _require_name(wished: str) -> None:
    if not NAME.fullmatch(wished):
        raise BadName(value=repr(wished), verb="image")


def _under_way(
    bench: Workbench, instance: Instance, asked: str | None, operation: Operation, line: str
) -> Image | None:
    """Return the image that holds what the disk holds now once it is whole, if there is one.

    Raises `ImageNameTaken`, with the line that leaves the name out, where the name asked for is another image's.
    """
    cloud = bench.cloud(instance.region)
    named = cloud.image_named(asked) if asked else None
    if named and not _holds_its_disk(named, instance):
        raise ImageNameTaken(image=asked, command=line)
    there = named or (None if asked else _newest_that_holds_its_disk(cloud, instance))
    if there is None:
        return None
    with operation.step("image", f"Going on with the image {there.name}") as step:
        step.say(f"{there.image_id} was made of what is on its disk now")
    return wait_until_available(cloud, there.image_id, there.name, operation)


def _holds_its_disk(one: Image, instance: Instance) -> bool:
    """Whether the image was made of the instance when it was stopped, and it has not run since.

    EC2's launch time moves at every start, and at no stop: an image frozen in the run before would pass by it.
    """
    made_of_it = one.made_of == instance.instance_id and instance.state is InstanceState.STOPPED
    if not made_of_it or one.frozen or one.created is None:
        return False
    return one.created > instance.launched_at and one.created >= (instance.stopped_at or one.created)


def _newest_that_holds_its_disk(cloud: Cloud, instance: Instance) -> Image | None:
    for one in cloud.own_images() if instance.state is InstanceState.STOPPED else ():
        if _holds_its_disk(one, instance) and cloud.image_progress(one.image_id)[0] in ("pending", "available"):
            return one
    return None


def _make(bench: Workbench, nodes: Sequence[Instance], wished: str, operation: Operation, *, freeze: bool) -> Image:
    instance = nodes[0]
    cloud = bench.cloud(instance.region)
    freeze = freeze and instance.state is InstanceState.RUNNING
    if freeze:
        _flush(bench, instance, operation)
    else:
        _stop_for_image(bench, nodes, operation)
    with operation.step("image", f"Asking EC2 for the image {wished}") as step:
        without = (DATA_DEVICE,) if instance.data_volume_id else ()
        image_id = cloud.create_image(
            instance.instance_id,
            wished,
            _tags(bench, instance, wished, freeze=freeze),
            without=without,
            reboot=not freeze,
        )
        left = "; the data volume is not part of it" if without else ""
        step.say(f"EC2 is making {image_id}{left}")
    return wait_until_available(cloud, image_id, wished, operation)


def _flush(bench: Workbench, instance: Instance, operation: Operation) -> None:
    """Write out what the instance holds in memory for its disk: what is copied then is what a power cut would leave."""
    with operation.step("freeze", "Writing its disk out; it goes on running") as step:
        with reach(bench, instance) as host:
            host.run(["sync"], timeout_s=300)
        step.say("Written out")


def _stop_for_image(bench: Workbench, nodes: Sequence[Instance], operation: Operation) -> None:
    """Stop first: a disk copied while it is written to may not boot."""
    instance = nodes[0]
    cloud = bench.cloud(instance.region)
    if instance.state is InstanceState.STOPPED:
        return
    if not instance.state.alive:
        raise WrongState(name=instance.name, state=instance.state.value, verb="be made an image of")
    with operation.step("stop", "Stopping it, so that its disk is whole"):
        running = [one.instance_id for one in nodes if one.state.bills]
        if running:  # of a cluster all: without its head it is of no use, and costs
            cloud.stop(*running)
        bench.tunnels.close(instance.instance_id)
        cloud.wait_for(instance.instance_id, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)


def _tags(bench: Workbench, instance: Instance, wished: str, *, freeze: bool) -> dict[str, str]:
    more = {
        **({"frozen": "1"} if freeze else {}),
        "name": wished,
        "made-of": instance.instance_id,
        "user": instance.ssh_user,
        "image": instance.image_wish or "auto",
    }
    return {"Name": f"awsgpu-{wished}", **resource_tags(bench.clouds.identity(), **more)}


def wait_until_available(cloud: Cloud, image_id: str, wished: str, operation: Operation) -> Image:
    """Return the image once it can be launched. Raises `ImageUnproven` where it never can."""
    deadline = time.monotonic() + AVAILABLE_WITHIN_S
    with operation.step("available", "Waiting until the image is whole") as step:
        while time.monotonic() < deadline:
            state, fraction = cloud.image_progress(image_id)
            if state == "available":
                step.say(f"{wished} is available")
                return _own(cloud, image_id)
            if state in ("failed", "error", "invalid", "deregistered"):
                raise ImageUnproven(image=wished, why=f"EC2 calls it {state}", name=wished)
            step.say(f"{fraction:.0%} copied", fraction=fraction)
            time.sleep(POLL_S if fraction else POLL_S / 4)
    raise ImageUnproven(image=wished, why="it did not become available in time", name=wished)


def _own(cloud: Cloud, image_id: str) -> Image:
    for one in cloud.images():
        if one.image_id == image_id:
            return one
    raise ImageNotFound(image=image_id, region=cloud.region)


def delete_image(bench: Workbench, wished: str, *, region: str | None = None, yes: bool = False) -> Image:
    """Remove one of our own images together with its snapshots. Raises `ImageNotFound`, `NeedsYes`, `OtherOwner`."""
    cloud = bench.cloud(region)
    for one in cloud.images():
        if one.kind == "own" and wished in (one.name, one.image_id):
            if one.owner not in (None, bench.clouds.identity().owner):
                raise OtherOwner(name=one.name, owner=one.owner)
            if not yes:
                what = f"Deleting the image {one.name} ({one.root_gb} GB) is for good."
                raise NeedsYes(what=what, command=f"awsgpu images --delete {one.name}", verb="images")
            with (
                bench.records.operations.begin("images", one.name, bench.listener) as operation,
                operation.step("delete", f"Removing {one.name} and its snapshots"),
            ):
                cloud.delete_image(one.image_id)
            return one
    raise ImageNotFound(image=wished, region=cloud.region)
