"""`start`: what is stopped under a name runs again, with its tunnel on the same local port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, Interrupted, NoCapacity, NoCapacityToStart, WrongState
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.cluster import assemble
from jupyter_awsgpu.verbs.guard import arm_guard
from jupyter_awsgpu.verbs.head import head_of
from jupyter_awsgpu.verbs.selection import choose_all

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    Raises `NoCapacityToStart` where its zone has none, the errors of the way in and, before a worker costs
    anything, those of `head_of`.
    """
    nodes = choose_all(bench, name, "start")
    head_of(bench, nodes)
    instance = nodes[0]
    way = Way(local_port=port or bench.settings.local_port, open_browser=open_browser)
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("start", instance.name, bench.listener) as operation,
    ):
        try:
            booting = any(one.state is not InstanceState.RUNNING for one in nodes)
            if booting:
                nodes = start_all(bench, nodes, operation)
            return assemble(bench, nodes, operation, way, booting=booting)
        except KeyboardInterrupt as exc:
            exists = f"{instance.name} may be running and costs money until you stop it."
            raise Interrupted(exists=exists, command=f"awsgpu start {instance.name}") from exc


def start_instance(bench: Workbench, instance: Instance, operation: Operation) -> Instance:
    """Bring a stopped, stopping or pending instance to running."""
    return start_all(bench, (instance,), operation)[0]


def start_all(bench: Workbench, nodes: Sequence[Instance], operation: Operation) -> tuple[Instance, ...]:
    """Bring the machines of a name to running, whichever are stopped, stopping or pending."""
    for one in nodes:
        if not one.state.alive:
            raise WrongState(name=one.title, state=one.state.value, verb="start")
    cloud, head = bench.cloud(nodes[0].region), nodes[0]
    stopping = [one.instance_id for one in nodes if one.state is InstanceState.STOPPING]
    if stopping:
        with operation.step("stopped", "Waiting until it has stopped"):
            cloud.wait_for_all(stopping, {InstanceState.STOPPED}, timeout_s=STOPPED_WITHIN_S)
    at_rest = (InstanceState.STOPPING, InstanceState.STOPPED)
    stopped = [one.instance_id for one in nodes if one.state in at_rest]
    if stopped:
        with operation.step("start", "Asking EC2 to start it"):
            try:
                cloud.start(*stopped)
            except NoCapacity as exc:
                told = {"name": head.name, "elsewhere": _elsewhere(bench, head)}
                raise NoCapacityToStart(None, **exc.facts | told) from exc
    running = wait_until_all_run(bench, nodes, operation)
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
    return wait_until_all_run(bench, (instance,), operation)[0]


def wait_until_all_run(bench: Workbench, nodes: Sequence[Instance], operation: Operation) -> tuple[Instance, ...]:
    """Wait until EC2 calls all of them running, then return them with their addresses."""
    with operation.step("running", "Waiting until EC2 calls it running") as step:
        ids = [one.instance_id for one in nodes]
        running = bench.cloud(nodes[0].region).wait_for_all(ids, {InstanceState.RUNNING}, timeout_s=RUNNING_WITHIN_S)
        step.say(f"Running in {running[0].zone}")
        return running
