"""Which instances exist, and which one a person means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import (
    AwsGpuError,
    KeyMissing,
    NameAmbiguous,
    NoRegion,
    NoSuchInstance,
    NothingSelected,
    OtherOwner,
    PermissionDenied,
    RegionNotEnabled,
)
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.head import head_gone
from jupyter_awsgpu.verbs.mention import mention_long_runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

SWEEP_S = 24 * 3600.0
"""How long a look into every region is good for, on a machine that has launched nothing itself."""

YEAR_S = 366 * SWEEP_S

DATA_FACT = "regions with data volumes"
"""Where data volumes were seen: one may lie where no instance is any more."""


def regions_to_ask(bench: Workbench, *, everywhere: bool = False) -> tuple[str, ...]:
    """Return the regions where something of ours may be.

    The journal's and the settings' own, and where an instance or a data volume was ever seen; all of them when
    asked, and once a day on a machine whose journal is empty (a second laptop, or this one with a new disk).
    """
    known = set(bench.records.journal.regions())
    try:
        known.add(bench.clouds.default_region)
    except NoRegion:
        everywhere = everywhere or not known
    seen = {*bench.records.ledger.regions(), *_with_data(bench)}
    if seen - known:
        known |= bench.clouds.of_this_partition(seen)
    if bench.settings.origin("region") == "--region" and not everywhere:
        return (bench.clouds.default_region,)
    if everywhere or (not bench.records.journal.entries() and not _swept(bench)):
        return bench.clouds.regions()
    return tuple(sorted(known))


def note_data(bench: Workbench, answered: Iterable[str], found: Iterable[str]) -> None:
    """Keep in which regions data volumes are, of those that answered."""
    bench.clouds.cache.put(DATA_FACT, sorted(_with_data(bench) - set(answered) | set(found)))


def _with_data(bench: Workbench) -> set[str]:
    fact = bench.clouds.cache.get(DATA_FACT, YEAR_S)
    return {one for one in fact if isinstance(one, str)} if isinstance(fact, list) else set()


def _swept(bench: Workbench) -> bool:
    return bench.clouds.cache.get("swept", SWEEP_S) is not None


def find(
    bench: Workbench,
    *,
    everyone: bool = False,
    regions: tuple[str, ...] | None = None,
    include_terminated: bool = False,
) -> tuple[Instance, ...]:
    """Return our instances, each with its tunnel, in the regions given, or in every one that may hold one.

    Raises what AWS answered, unless only a region that the account never enabled refused.
    """
    regions = regions_to_ask(bench) if regions is None else regions
    owner = None if everyone else bench.clouds.identity().owner
    answers = bench.clouds.each(
        regions, lambda cloud: cloud.instances(owner=owner, include_terminated=include_terminated)
    )
    found: list[Instance] = []
    answered: set[str] = set()
    for region, answer in answers.items():
        if not isinstance(answer, AwsGpuError):
            answered.add(region)
            found.extend(answer)
            for one in answer:
                bench.records.ledger.see(one, bench.now())
        elif len(answers) == 1 or not isinstance(answer, RegionNotEnabled | PermissionDenied):
            raise answer
    if len(regions) > 1:
        bench.clouds.cache.put("swept", [one.region for one in found])
    picker.prune(bench, answered, {one.instance_id for one in found if one.state.alive})
    if not everyone:
        mention_long_runs(bench, tuple(found))
    return tuple(
        with_tunnel(bench, one) for one in sorted(found, key=lambda one: (one.name, one.node, one.launched_at))
    )


def named(bench: Workbench, names: str | tuple[str, ...], region: str | None) -> tuple[Instance, ...]:
    """Return what has a name, whoever owns it, in every region that may hold it and the one it is wished for.

    Raises what the region it is wished for (or the default one) answered; others may refuse.
    """
    regions = {*regions_to_ask(bench), *filter(None, [region])}
    answers = bench.clouds.each(regions, lambda cloud: cloud.instances(name=names))
    found: list[Instance] = []
    for where, answer in answers.items():
        if not isinstance(answer, AwsGpuError):
            found.extend(one for one in answer if one.state.alive)
        elif where == (region or bench.clouds.default_region):
            raise answer
    return tuple(found)


def with_tunnel(bench: Workbench, instance: Instance) -> Instance:
    """Return the instance with what this machine knows beside AWS: its tunnel, and that it is simulated."""
    tunnel = bench.tunnels.find(instance.instance_id)
    live = tunnel if tunnel is not None and tunnel.phase != "closed" else None
    return replace(instance, tunnel=live, demo=bench.demo)


def choose(bench: Workbench, name: str | None, verb: str) -> Instance:
    """Return the one machine of ours that `name` (or an instance id) means: of a cluster its head.

    With one, no name is needed; `gpu/2` names a cluster's node. Raises `NothingSelected`,
    `NoSuchInstance`, `NameAmbiguous` or `OtherOwner`; `HeadGone` rather than take a worker for the head.
    """
    return choose_led(bench, name, verb)[0]


def choose_led(bench: Workbench, name: str | None, verb: str) -> tuple[Instance, ...]:
    """Return what `choose_all` does, where a cluster is led by its head. Raises what `choose` raises."""
    nodes = choose_all(bench, name, verb)
    if nodes[0].node and name not in (nodes[0].instance_id, nodes[0].title):
        raise head_gone(nodes[0])
    return nodes


def choose_all(bench: Workbench, name: str | None, verb: str) -> tuple[Instance, ...]:
    """Return the machines that `name` means, the head first if it is there: all of a cluster, or the one named.

    Raises what `choose` raises.
    """
    mine = tuple(one for one in find(bench) if one.state.alive)
    if name is None:
        return _only(mine, verb)
    for one in mine:
        if name in (one.instance_id, one.title if one.node else ""):
            return (one,)
    meant = tuple(one for one in mine if name == one.name)
    if not meant:
        _refuse_others(bench, name)
        raise NoSuchInstance(name=name, names=_among(mine))
    require_one(name, meant)
    return meant


def require_one(name: str, meant: Iterable[Instance]) -> None:
    """Raise `NameAmbiguous` where a name stands for more than a cluster, or more than a machine by itself."""
    some = tuple(meant)
    if len(_wholes(some)) > 1:
        raise NameAmbiguous(name=name, ids=", ".join(one.instance_id for one in some))


def _wholes(some: tuple[Instance, ...]) -> set[str]:
    """Return what tells the wholes among some machines: a cluster is one, a machine by itself another."""
    return {one.cluster_id if one.engine else one.instance_id for one in some}


def _only(mine: tuple[Instance, ...], verb: str) -> tuple[Instance, ...]:
    if not mine:
        raise NothingSelected(names="there is none yet; `awsgpu launch TYPE` makes one", verb=verb)
    if len(_wholes(mine)) > 1:
        raise NothingSelected(names=_names(mine), verb=verb)
    return mine


def _names(some: tuple[Instance, ...]) -> str:
    return ", ".join(dict.fromkeys(one.name for one in some))


def _among(mine: tuple[Instance, ...]) -> str:
    return f"; there is {_names(mine)}" if mine else "; there is none at all"


def _refuse_others(bench: Workbench, name: str) -> None:
    for one in find(bench, everyone=True):
        if one.state.alive and name in (one.name, one.instance_id):
            raise OtherOwner(name=name, owner=one.owner)


def key_file(bench: Workbench, instance: Instance) -> Path:
    """Return the private key that opens the instance: the person's own `--key`, or ours.

    Raises `KeyMissing` where the launch was another machine's.
    """
    entry = bench.records.journal.read(instance.launch_id)
    own = (entry.wishes.get("key_file") if entry else None) or None
    if own:
        return bench.records.keys.require(_path(own))
    path = bench.records.keys.path(instance.key_name or "none")
    if not path.is_file():
        raise KeyMissing(name=instance.name, key_file=path)
    return bench.records.keys.require(path)


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def reach(bench: Workbench, instance: Instance, **how: Any) -> Host:
    """Return a verified connection to the instance; `how` is as `Hosts.connect` has it.

    Raises the errors of the way in.
    """
    where = endpoint(bench, instance)
    return bench.hosts.connect(where, launch_id=instance.pin_id, name=instance.name, **how)


def endpoint(bench: Workbench, instance: Instance) -> Endpoint:
    """Return where, as whom and by which way the instance's SSH answers: `connect --via` holds for every verb."""
    return Endpoint(
        instance_id=instance.instance_id,
        address=instance.public_address or instance.private_address or "",
        port=instance.ssh_port,
        user=instance.ssh_user,
        key_file=key_file(bench, instance),
        via=bench.tunnels.via(instance.instance_id) or bench.settings.via,
    )
