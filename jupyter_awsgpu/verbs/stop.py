"""`stop`: what runs under a name stops billing by the hour; its disk, and all on it, stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import Interrupted
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.guard import drop_guard
from jupyter_awsgpu.verbs.selection import choose_all, with_tunnel
from jupyter_awsgpu.verbs.start import STOPPED_WITHIN_S

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench


def stop(bench: Workbench, name: str | None = None) -> Instance:
    """Stop the instance, or all machines of a cluster; wait until EC2 calls it stopped, close its tunnel."""
    nodes = choose_all(bench, name, "stop")
    instance = nodes[0]
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("stop", instance.name, bench.listener) as operation,
    ):
        try:
            cloud = bench.cloud(instance.region)
            running = [one.instance_id for one in nodes if one.state.bills]
            if running:
                with operation.step("stop", "Asking EC2 to stop it"):
                    cloud.stop(*running)
            with operation.step("tunnel", "Closing the tunnel"):
                bench.tunnels.close(instance.instance_id)
            with operation.step("stopped", "Waiting until it has stopped") as step:
                ids = [one.instance_id for one in nodes]
                stopped = cloud.wait_for_all(ids, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)
                step.say("Stopped; only its disk is billed now")
            drop_guard(bench, nodes)
            return with_tunnel(bench, stopped[0])
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} is stopping, or still running."
            raise Interrupted(exists=exists, command=f"awsgpu stop {name or instance.name}") from exc
