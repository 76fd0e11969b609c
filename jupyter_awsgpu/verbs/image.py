"""`image`: keep a machine as an image; and only when a copy of it has proved itself, let the machine go."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, BadName, ImageNotFound, ImageUnproven, Interrupted, NeedsYes, WrongState
from jupyter_awsgpu.model import Image, InstanceState
from jupyter_awsgpu.verbs.access import resource_tags
from jupyter_awsgpu.verbs.selection import choose
from jupyter_awsgpu.verbs.start import STOPPED_WITHIN_S
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import NAME, wishes_from

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Instance
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
    yes: bool = False,
) -> Image:
    """Make an image of the instance, stopping it first so that the disk is whole; return the image.

    With `then_terminate` a throwaway instance is booted from the image and must answer over SSH and
    Jupyter before the original goes; any failure leaves the original whole (`ImageUnproven`).
    """
    instance = choose(bench, name, "image")
    wished = image_name or f"{instance.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    _require_name(wished)
    if then_terminate and not yes:
        what = f"{instance.name} will be terminated once an instance booted from the image {wished} has proved it."
        raise NeedsYes(what=what, command=f"awsgpu image {instance.name} --then-terminate", verb="image")
    made = _make(bench, instance, wished)
    if then_terminate:
        _prove(bench, instance, made)
        terminate(bench, instance.instance_id, yes=True)
    return made


def _require_name(wished: str) -> None:
    if not NAME.fullmatch(wished):
        raise BadName(value=repr(wished), verb="image")


def _make(bench: Workbench, instance: Instance, wished: str) -> Image:
    cloud = bench.cloud(instance.region)
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("image", instance.name, bench.listener) as operation,
    ):
        try:
            _stop_for_image(bench, instance, operation)
            with operation.step("image", f"Asking EC2 for the image {wished}") as step:
                image_id = cloud.create_image(instance.instance_id, wished, _tags(bench, instance, wished))
                step.say(f"EC2 is making {image_id}")
            return _wait_until_available(cloud, image_id, wished, operation)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} is stopped or stopping, and the image {wished} may be on its way."
            raise Interrupted(exists=exists, command="awsgpu images") from exc


def _stop_for_image(bench: Workbench, instance: Instance, operation: Operation) -> None:
    """Stop first: a disk copied while it is written to may not boot."""
    cloud = bench.cloud(instance.region)
    if instance.state is InstanceState.STOPPED:
        return
    if not instance.state.alive:
        raise WrongState(name=instance.name, state=instance.state.value, verb="be made an image of")
    with operation.step("stop", "Stopping it, so that its disk is whole"):
        if instance.state.bills:
            cloud.stop(instance.instance_id)
        bench.tunnels.close(instance.instance_id)
        cloud.wait_for(instance.instance_id, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)


def _tags(bench: Workbench, instance: Instance, wished: str) -> dict[str, str]:
    more = {
        "name": wished,
        "made-of": instance.instance_id,
        "user": instance.ssh_user,
        "image": instance.image_wish or "auto",
    }
    return {"Name": f"awsgpu-{wished}", **resource_tags(bench.clouds.identity(), **more)}


def _wait_until_available(cloud: Cloud, image_id: str, wished: str, operation: Operation) -> Image:
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


def _prove(bench: Workbench, original: Instance, made: Image) -> None:
    """Boot a throwaway instance from the image, see Jupyter answer, and end it, whatever came of it."""
    from jupyter_awsgpu.verbs.launch import launch

    name = f"{original.name[:33]}-proof"
    wishes = replace(
        wishes_from(bench.settings, original.instance_type, name=name, region=original.region, image=made.image_id),
        idle_stop_minutes=30,
        on_idle="terminate",
        max_hours=1.0,
        disk_gb=original.root_gb,
    )
    try:
        launch(bench, wishes, yes=True)
    except AwsGpuError as exc:
        raise ImageUnproven(image=made.name, why=exc.message, name=original.name) from exc
    finally:
        _end_proof(bench, name)


def _end_proof(bench: Workbench, name: str) -> None:
    from jupyter_awsgpu.errors import NoSuchInstance

    try:
        terminate(bench, name, yes=True)
    except NoSuchInstance:
        return


def delete_image(bench: Workbench, wished: str, *, region: str | None = None, yes: bool = False) -> Image:
    """Remove one of our own images together with its snapshots. Raises `ImageNotFound`, `NeedsYes`."""
    cloud = bench.cloud(region)
    for one in cloud.images():
        if one.kind == "own" and wished in (one.name, one.image_id):
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
