"""`terminate`: the instance and its disk are gone; said before, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Interrupted, NeedsYes
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.cost import note_own_log
from jupyter_awsgpu.verbs.guard import drop_guard
from jupyter_awsgpu.verbs.losses import what_is_lost
from jupyter_awsgpu.verbs.selection import choose, with_tunnel

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

TERMINATED_WITHIN_S = 600.0


def terminate(bench: Workbench, name: str | None = None, *, yes: bool = False) -> Instance:
    """Terminate the instance with its disk, close its tunnel, drop what this machine kept for it.

    Raises `NeedsYes`, naming what would be lost, unless `yes`.
    """
    instance = choose(bench, name, "terminate")
    if not yes:
        raise NeedsYes(
            what=what_is_lost(bench, instance), command=f"awsgpu terminate {instance.name}", verb="terminate"
        )
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("terminate", instance.name, bench.listener) as operation,
    ):
        try:
            cloud = bench.cloud(instance.region)
            with operation.step("terminate", "Asking EC2 to terminate it"):
                cloud.terminate(instance.instance_id)
            with operation.step("tunnel", "Closing the tunnel"):
                bench.tunnels.close(instance.instance_id)
            with operation.step("terminated", "Waiting until it is gone") as step:
                gone = cloud.wait_for(instance.instance_id, {InstanceState.TERMINATED}, timeout_s=TERMINATED_WITHIN_S)
                kept = f"; its data volume {instance.data_volume_id} stays" if instance.data_volume_id else ""
                step.say(f"Gone; nothing of it is billed any more{kept}")
            drop_guard(bench, instance)
            forget(bench, instance)
            return with_tunnel(bench, gone)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} is being terminated, or still there."
            raise Interrupted(exists=exists, command=f"awsgpu terminate {instance.name} --yes") from exc


def forget(bench: Workbench, instance: Instance) -> None:
    """Drop the pins, report, kernel and journal entry of an instance that is gone."""
    picker.withdraw(bench, instance.instance_id)
    bench.records.pins.forget(instance.launch_id)
    note_own_log(bench, instance.instance_id)
    bench.records.reports.forget(instance.instance_id)
    bench.records.pulls.forget(instance.instance_id)
    bench.records.journal.end(instance.launch_id, bench.now())
