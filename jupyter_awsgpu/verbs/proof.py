"""That an image is good: a throwaway instance boots from it, lets us in, has its GPU, and its Jupyter answers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, ImageUnproven, NoSuchInstance
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.selection import reach
from jupyter_awsgpu.verbs.start import STOPPED_WITHIN_S
from jupyter_awsgpu.verbs.terminate import terminate
from jupyter_awsgpu.verbs.wishes import wishes_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Image, Instance, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

PROOF_HOURS = 1.0
"""A throwaway instance that nobody ends (this machine died) ends itself after so long."""


def proof_name(original: Instance) -> str:
    """Return the name of the throwaway instance: one that no person gives, since whatever bears it is ended."""
    return f"{original.name[:24]}-proof-{original.instance_id[-8:]}"


def prove(
    bench: Workbench,
    original: Instance,
    made: Image,
    operation: Operation,
    boot: Callable[[Workbench, Wishes], None] | None = None,
) -> None:
    """Boot a throwaway instance from the image, see that it is whole, and end it, whatever came of it.

    The original is stopped first where the quota has no room for both. Raises `ImageUnproven`.
    """
    wishes = proof_wishes(bench, original, made)
    try:
        _make_room(bench, original, operation)
        end_proof(bench, wishes.name)  # of an earlier try that was cut off
        with operation.step("proof", "Booting a throwaway instance from the image") as step:
            (boot or boots)(bench, wishes)
            step.say("SSH, GPU and Jupyter of the copy answer")
    except AwsGpuError as exc:
        raise ImageUnproven(image=made.name, why=exc.message, name=original.name) from exc
    finally:
        with suppress(AwsGpuError):
            end_proof(bench, wishes.name)
    _require_ended(bench, made, original, wishes.name)


def proof_wishes(bench: Workbench, original: Instance, made: Image) -> Wishes:
    """Return the wishes for the throwaway instance: it ends soon, of itself if need be, and takes no data volume."""
    wishes = wishes_from(
        bench.settings,
        original.instance_type,
        name=proof_name(original),
        region=original.region,
        image=made.image_id,
        data_gb=0,
    )
    return replace(
        wishes,
        idle_stop_minutes=30,
        on_idle="terminate",
        max_hours=PROOF_HOURS,
        budget=None,
        disk_gb=max(made.root_gb, original.root_gb or 0),
    )


def boots(bench: Workbench, wishes: Wishes) -> None:
    """Launch to an answering Jupyter, and see that the driver speaks to the GPU where there is one."""
    from jupyter_awsgpu.verbs.launch import launch

    copy = launch(bench, wishes, yes=True)
    if copy.gpu is None or copy.gpu.maker != "NVIDIA":
        return
    with reach(bench, copy) as host:
        if guest.read_report(host).driver is None:
            raise AwsGpuError("The copy boots, and no driver answers for its GPU.")


def _make_room(bench: Workbench, original: Instance, operation: Operation) -> None:
    """Stop the original where the vCPU quota does not hold both of them."""
    cloud = bench.cloud(original.region)
    itype = cloud.instance_type(original.instance_type)
    now = cloud.instance(original.instance_id)
    quota = cloud.quota(itype)
    if not now.state.bills or quota is None or itype.vcpus <= quota.free:
        return
    with operation.step("room", f"Stopping {original.name}: the quota has no room for it and its copy") as step:
        cloud.stop(original.instance_id)
        bench.tunnels.close(original.instance_id)
        cloud.wait_for(original.instance_id, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)
        step.say(f"{original.name} is stopped; its disk is whole")


def end_proof(bench: Workbench, name: str) -> None:
    """End the throwaway instance, if there is one."""
    try:
        terminate(bench, name, yes=True)
    except NoSuchInstance:
        return


def _require_ended(bench: Workbench, made: Image, original: Instance, name: str) -> None:
    """Raise where the throwaway instance may still bill: the original must not go while two of them run."""
    try:
        end_proof(bench, name)
    except AwsGpuError as exc:
        why = f"the throwaway instance {name} could not be ended ({exc}); it ends itself within {PROOF_HOURS:g} h"
        raise ImageUnproven(image=made.name, why=why, name=original.name) from exc
