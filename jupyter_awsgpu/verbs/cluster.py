"""Several machines under one name: what they need beside single ones, and how they become one cluster.

One RunInstances call makes all of them or none. The machine whose place in EC2's answer is 0 is the head,
with Jupyter, the tunnel and the engine's scheduler; the others are workers. Each has its own host key
before it is handed what makes it a member.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jupyter_awsgpu import host as ssh
from jupyter_awsgpu.cloud.parallel import parallel
from jupyter_awsgpu.errors import AwsGpuError, InstanceGone, NoCluster, NotAllNodes
from jupyter_awsgpu.model import InstanceState, Membership
from jupyter_awsgpu.remote import cluster, guest
from jupyter_awsgpu.verbs.access import group_name, resource_tags
from jupyter_awsgpu.verbs.arrival import SSH_WITHIN_S, arrive, contact, dial, follow_setup
from jupyter_awsgpu.verbs.guard import drop_guard
from jupyter_awsgpu.verbs.head import head_of
from jupyter_awsgpu.verbs.selection import reach, with_tunnel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import ClusterSecrets, ClusterState, Identity, Instance, Wishes
    from jupyter_awsgpu.records import Operation
    from jupyter_awsgpu.verbs.arrival import Way
    from jupyter_awsgpu.verbs.choice import Choice
    from jupyter_awsgpu.verbs.workbench import Workbench

AT_ONCE = 16
"""Machines that are reached at the same time."""

ENGINE_PORTS = (8786, 8787)
"""Where Dask's scheduler and its dashboard answer on the head (Dask's own defaults)."""

PRESENT_WITHIN_S = 60.0
"""How long a worker's process may take from its start until the scheduler knows it; Dask needs two or three."""

LOOK_AGAIN_S = 0.5

ENDED_WITHIN_S = 600.0
"""EC2 may take minutes to end a machine."""


# ── before the launch ────────────────────────────────────────────────────────────────────────


def nodes_group_name(owner: str) -> str:
    """Return the name of the owner's security group in which the machines of clusters reach one another."""
    return f"{group_name(owner)}-nodes"


def placement_group_name(name: str, cluster_id: str) -> str:
    """Return the name of a cluster's placement group."""
    return f"awsgpu-{name}-{cluster_id}"


def cluster_tags(wishes: Wishes) -> dict[str, str]:
    """Return the tags that make a launch's machines one cluster; none for a machine by itself."""
    if wishes.engine is None:
        return {}
    return {"jupyter-awsgpu:engine": wishes.engine, "jupyter-awsgpu:nodes": str(wishes.nodes)}


@dataclass(frozen=True, slots=True)
class Place:
    """The place in a cluster that a machine takes which is launched for one that is gone."""

    node: int
    cluster_id: str


def place_tags(place: Place | None) -> dict[str, str]:
    """Return the tags by which such a machine has its number, and belongs to the cluster."""
    if place is None:
        return {}
    return {"jupyter-awsgpu:node": str(place.node), "jupyter-awsgpu:cluster": place.cluster_id}


def ensure_nodes_group(choice: Choice, identity: Identity) -> tuple[str, ...]:
    """Have the group in which the machines reach one another, and return its id; none for a machine by itself."""
    if choice.wishes.engine is None:
        return ()
    name = nodes_group_name(identity.owner)
    has = {"Name": name, **resource_tags(identity)}
    return (choice.cloud.ensure_nodes_group(name, has, vpc_id=choice.vpc_id),)


def ensure_placement(choice: Choice, identity: Identity, launch_id: str, place: Place | None) -> str | None:
    """Have a placement group for a cluster's machines, where the type has such, and return its name."""
    wishes = choice.wishes
    if (wishes.nodes == 1 and place is None) or not choice.instance_type.placement:
        return None
    name = placement_group_name(wishes.name, place.cluster_id if place else launch_id)
    choice.cloud.ensure_placement_group(name, {"Name": name, **resource_tags(identity, name=wishes.name)})
    return name


def drop_placement(choice: Choice, launch_id: str) -> None:
    """Remove the placement group of a launch that came to nothing; another cluster's is never meant."""
    if choice.wishes.nodes > 1 and choice.instance_type.placement:
        with suppress(AwsGpuError):
            choice.cloud.delete_placement_group(placement_group_name(choice.wishes.name, launch_id))


def dissolve(bench: Workbench, head: Instance) -> None:
    """Remove what a cluster that is gone had beside its machines; where that cannot be, `cleanup` shows it."""
    if head.nodes > 1:
        with suppress(AwsGpuError):
            name = placement_group_name(head.name, head.cluster_id)
            bench.cloud(head.region).delete_placement_group(name)


def roll_back(bench: Workbench, made: Sequence[Instance], exc: InstanceGone) -> NotAllNodes:
    """End all machines of a cluster of which EC2 took one back while it began; return what is to be said of it."""
    head = made[0]
    cloud = bench.cloud(head.region)
    ids = [one.instance_id for one in made]
    cloud.terminate(*ids)
    with suppress(AwsGpuError):  # its placement group is in use until they are gone; where it stays, `cleanup` shows it
        cloud.wait_for_all(ids, {InstanceState.TERMINATED}, timeout_s=ENDED_WITHIN_S)
    drop_guard(bench, made)
    dissolve(bench, head)
    bench.records.journal.end(head.launch_id, bench.now())
    bench.records.pins.forget_launch(head.launch_id)
    return NotAllNodes(
        instance_type=head.instance_type,
        tried=head.zone,
        region=head.region,
        nodes=len(made),
        said=exc.facts.get("why", "no reason given"),
    )


# ── members ──────────────────────────────────────────────────────────────────────────────────


def missing(nodes: Sequence[Instance]) -> tuple[int, ...]:
    """Return the numbers of a cluster's machines that are gone."""
    return tuple(sorted(set(range(nodes[0].nodes)) - {one.node for one in nodes}))


def assemble(bench: Workbench, nodes: Sequence[Instance], operation: Operation, way: Way, *, booting: bool) -> Instance:
    """Bring the head's Jupyter within reach, and make the machines one cluster; return the head.

    For a machine by itself that is all of `arrive`; a worker by itself is brought into its cluster, and returned.
    Safe to run again at any time. Raises the errors of the way in, of each machine, and those of `head_of`.
    """
    head = head_of(bench, nodes)
    if head.node != nodes[0].node:
        return _bring_back(bench, head, nodes, operation, way)
    if head.engine is None:
        return arrive(bench, head, operation, way, booting=booting)
    way = with_engine(head, way)
    with parallel(AT_ONCE) as pool:
        ready = [pool.submit(_make_ready, bench, one, operation, way) for one in nodes[1:]]
        arrived = arrive(bench, head, operation, way, booting=booting)
        for one in ready:
            one.result()
    with operation.step("cluster", f"Making {head.nodes} machines one {head.engine} cluster") as step:
        step.say(_joined(bench, head, nodes))
    return arrived


def _bring_back(
    bench: Workbench, head: Instance, workers: Sequence[Instance], operation: Operation, way: Way
) -> Instance:
    """Have workers take part again in a cluster whose head runs; its Jupyter and tunnel stay as they are."""
    contact(bench, head, operation, way, booting=False).close()  # lets this machine in, where its address has changed
    for one in workers:
        _make_ready(bench, one, operation, way)
    with operation.step("cluster", f"Bringing {workers[0].title} back into its cluster") as step:
        step.say(_joined(bench, head, workers))
    return with_tunnel(bench, workers[0])


def with_engine(head: Instance, way: Way) -> Way:
    """Return the way, with the ports by which a cluster's scheduler and dashboard are reached from here."""
    return way if head.engine is None or head.node else replace(way, services=ENGINE_PORTS)


def _make_ready(bench: Workbench, worker: Instance, operation: Operation, way: Way) -> None:
    """Reach a worker, give it a host key of its own and the whole program, and wait until it has set itself up."""
    way = replace(way, brings=tuple(one for one in way.brings if one[0] != guest.DATA_FILE))  # the head's alone
    with operation.step(f"node-{worker.node}", f"First contact with {worker.title}") as step:
        host = dial(bench, worker, way, timeout_s=SSH_WITHIN_S, wait=True)
        try:
            guest.provision_when_there(host, dict(way.brings))
            ssh.exchange_host_key(host, bench.records.pins, worker.pin_id)
            host = follow_setup(bench, worker, step, way, host)
        finally:
            host.close()
        step.say(f"{worker.title} is set up")


def _joined(bench: Workbench, head: Instance, nodes: Sequence[Instance]) -> str:
    """Hand the head and these their parts, and say who works; what the head has installed the others install, too."""
    with reach(bench, head) as host:
        secrets = _secrets_on(host) or cluster.make_secrets(head.cluster_id)
        versions = _join(host, head, head, secrets, None).versions
    with parallel(AT_ONCE) as pool:
        joining = [pool.submit(_join_from_here, bench, one, head, secrets, versions) for one in nodes if one.node]
        for one in joining:
            one.result()
    with reach(bench, head) as host:
        state = _until_present(host, {one.node for one in nodes})
    absent = {one.node for one in nodes} - set(state.present)
    late = f"; {len(absent)} machines have not joined yet" if absent else ""
    return f"{state.joined or 0} workers are at work in it{late}"


def _secrets_on(host: Host) -> ClusterSecrets | None:
    """Return the key pair that the cluster has; None where it is none yet."""
    try:
        return cluster.show(host, secrets=True).secrets
    except NoCluster:
        return None


def _join_from_here(
    bench: Workbench, worker: Instance, head: Instance, secrets: ClusterSecrets, versions: dict[str, str]
) -> None:
    with reach(bench, worker) as host:
        _join(host, worker, head, secrets, versions)


def _join(
    host: Host, one: Instance, head: Instance, secrets: ClusterSecrets, versions: dict[str, str] | None
) -> ClusterState:
    membership = Membership(
        engine=one.engine or "",
        node=one.node,
        nodes=one.nodes,
        cluster=one.cluster_id,
        head=head.private_address or "",
        address=one.private_address or "",
        secrets=secrets,
        versions=versions,
    )
    cluster.join(host, membership)
    guest.follow_progress(host, lambda _step: None)
    return cluster.show(host)


def _until_present(host: Host, numbers: set[int]) -> ClusterState:
    """Return the head's word once all machines have a worker at its scheduler, or when the time is over."""
    deadline = time.monotonic() + PRESENT_WITHIN_S
    while True:
        state = cluster.show(host)
        if numbers <= set(state.present) or time.monotonic() > deadline:
            return state
        time.sleep(LOOK_AGAIN_S)
