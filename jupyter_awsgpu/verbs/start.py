"""`start`: a stopped instance runs again, with its tunnel on the same local port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, Interrupted, NoCapacity, NoCapacityToStart, WrongState
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.arrival import Way, arrive
from jupyter_awsgpu.verbs.guard import arm_guard
from jupyter_awsgpu.verbs.selection import choose

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.workbench import Workbench

RUNNING_WITHIN_S = 300.0
STOPPED_WITHIN_S = 600.0
"""EC2 may take minutes to stop an instance whose system does not obey."""


def start(
    bench: Workbench, name: str | None = None, *, port: int | None = None, open_browser: bool = False
) -> Instance:
    """Start the instance and open its tunnel again; an instance that runs is only connected.

    Raises `NoCapacityToStart` where its zone has none, and the errors of the way in.
    """
    instance = choose(bench, name, "start")
    way = Way(local_port=port or bench.settings.local_port, open_browser=open_browser)
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("start", instance.name, bench.listener) as operation,
    ):
        try:
            booting = instance.state is not InstanceState.RUNNING
            if booting:
                instance = start_instance(bench, instance, operation)
            return arrive(bench, instance, operation, way, booting=booting)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} may be running and costs money until you stop it."
            raise Interrupted(exists=exists, command=f"awsgpu start {instance.name}") from exc


def start_instance(bench: Workbench, instance: Instance, operation: Operation) -> Instance:
    """Bring a stopped, stopping or pending instance to running."""
    cloud = bench.cloud(instance.region)
    if instance.state is InstanceState.STOPPING:
        with operation.step("stopped", "Waiting until it has stopped"):
            instance = cloud.wait_for(instance.instance_id, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)
    if not instance.state.alive:
        raise WrongState(name=instance.name, state=instance.state.value, verb="start")
    if instance.state is InstanceState.STOPPED:
        with operation.step("start", "Asking EC2 to start it"):
            try:
                cloud.start(instance.instance_id)
            except NoCapacity as exc:
                told = {"name": instance.name, "elsewhere": _elsewhere(bench, instance)}
                raise NoCapacityToStart(None, **exc.facts | told) from exc
    running = wait_until_running(bench, instance, operation)
    arm_guard(bench, running, operation)
    return running


def _elsewhere(bench: Workbench, instance: Instance) -> str:
    """Return the option that leads a launch to another zone that offers the type, or to another region."""
    try:
        zones = bench.cloud(instance.region).zones_offering(instance.instance_type)
    except AwsGpuError:
        zones = ()
    other = next((zone for zone in zones if zone != instance.zone), None)
    return f"--region {instance.region} --zone {other}" if other else "--any-region"


def wait_until_running(bench: Workbench, instance: Instance, operation: Operation) -> Instance:
    """Wait until EC2 calls the instance running, then return it with its address."""
    with operation.step("running", "Waiting until EC2 calls it running") as step:
        running = bench.cloud(instance.region).wait_for(
            instance.instance_id, {InstanceState.RUNNING}, timeout_s=RUNNING_WITHIN_S
        )
        step.say(f"Running in {running.zone}")
        return running
