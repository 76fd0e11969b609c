"""`terminate`: what has a name, and its disks, are gone; said before, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Interrupted, NeedsYes
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.cluster import dissolve
from jupyter_awsgpu.verbs.cost import note_own_log
from jupyter_awsgpu.verbs.guard import drop_guard
from jupyter_awsgpu.verbs.losses import what_is_lost
from jupyter_awsgpu.verbs.selection import choose_all, with_tunnel

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

TERMINATED_WITHIN_S = 600.0


def terminate(bench: Workbench, name: str | None = None, *, yes: bool = False) -> Instance:
    """Terminate the instance (all machines of a cluster) with its disk, close its tunnel, drop what was kept for it.

    Raises `NeedsYes`, naming what would be lost, unless `yes`.
    """
    nodes = choose_all(bench, name, "terminate")
    instance = nodes[0]
    if not yes:
        raise NeedsYes(
            what=what_is_lost(bench, nodes), command=f"awsgpu terminate {name or instance.name}", verb="terminate"
        )
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("terminate", instance.name, bench.listener) as operation,
    ):
        try:
            cloud = bench.cloud(instance.region)
            with operation.step("terminate", "Asking EC2 to terminate it"):
                cloud.terminate(*(one.instance_id for one in nodes))
            with operation.step("tunnel", "Closing the tunnel"):
                bench.tunnels.close(instance.instance_id)
            with operation.step("terminated", "Waiting until it is gone") as step:
                ids = [one.instance_id for one in nodes]
                gone = cloud.wait_for_all(ids, {InstanceState.TERMINATED}, timeout_s=TERMINATED_WITHIN_S)
                kept = f"; its data volume {instance.data_volume_id} stays" if instance.data_volume_id else ""
                step.say(f"Gone; nothing of it is billed any more{kept}")
            drop_guard(bench, nodes)
            if instance.engine is None or name in (None, instance.name):  # the whole, not one of its nodes
                dissolve(bench, instance)
            for one in nodes:
                forget(bench, one)
            for launch_id in {one.launch_id for one in nodes}:
                close_entry(bench, instance, launch_id)
            return with_tunnel(bench, gone[0])
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} is being terminated, or still there."
            raise Interrupted(exists=exists, command=f"awsgpu terminate {name or instance.name} --yes") from exc


def forget(bench: Workbench, instance: Instance) -> None:
    """Drop the pins, report, kernel and pulls of an instance that is gone."""
    picker.withdraw(bench, instance.instance_id)
    bench.records.pins.forget(instance.pin_id)
    note_own_log(bench, instance.instance_id)
    bench.records.reports.forget(instance.instance_id)
    bench.records.pulls.forget(instance.instance_id)


def close_entry(bench: Workbench, instance: Instance, launch_id: str) -> None:
    """End a launch's journal entry, unless a machine of that launch is still there: the entry leads to its region."""
    others = bench.cloud(instance.region).instances(launch_id=launch_id) if instance.engine else ()
    if not any(one.state.alive for one in others):
        bench.records.journal.end(launch_id, bench.now())
