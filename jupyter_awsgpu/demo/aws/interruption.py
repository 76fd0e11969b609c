"""AWS takes a spot instance back: first the notice on the host, then the behaviour it was bought with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.machine import SPOT
from jupyter_awsgpu.demo.aws.machines import machines

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.world import World


def interrupt(world: World, instance_id: str, notice_s: float) -> dict[str, Any]:
    """Announce the interruption and carry it out `notice_s` later (AWS: about two minutes).

    Raises `ValueError` for an instance that was not bought on the spot market.
    """
    machine = machines(world).get(instance_id)
    if machine is None or not machine.interruptible:
        raise ValueError(f"{instance_id} is no spot instance")
    action = str(machine.spot_request.instance_interruption_behavior)
    at = (datetime.now(UTC) + timedelta(seconds=notice_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.fleet.interrupt(instance_id, action, at)
    epoch = machine.epoch

    def take_back() -> None:
        if machine.epoch != epoch:
            return
        machine.spot_request.close("closed", "instance-terminated-no-capacity")
        (machines(world).terminate if action == "terminate" else machines(world).stop)(machine, SPOT)

    world.later(notice_s, take_back)
    return {"action": action, "time": at}
