"""Several machines under one name: one call for all, roles by their place in it, every verb for the whole."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.errors import (
    AwsUnreachable,
    BadValue,
    DaskDiffers,
    ExtraMissing,
    HeadGone,
    NeedsYes,
    NoCapacity,
    NotACluster,
    NotAllNodes,
    OtherWishes,
    QuotaTooLow,
    ResizeUnfit,
    WrongState,
)
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.surfaces.render import clusters
from jupyter_awsgpu.verbs.attempts import REPLAYS
from jupyter_awsgpu.verbs.cleanup import cleanup, leftovers
from jupyter_awsgpu.verbs.connect import connect, open_
from jupyter_awsgpu.verbs.dask import dask, require_alike
from jupyter_awsgpu.verbs.image import image
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.provision import provision
from jupyter_awsgpu.verbs.push import push
from jupyter_awsgpu.verbs.resize import resize
from jupyter_awsgpu.verbs.start import start
from jupyter_awsgpu.verbs.status import status
from jupyter_awsgpu.verbs.stop import stop
from jupyter_awsgpu.verbs.terminate import terminate
from tests.behaviour.verbs.hosts_that_answer import HostsThatAnswer, answering
from tests.behaviour.verbs.test_guard import GROUP, role  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench
    from tests.behaviour.verbs.conftest import Desk


@pytest.fixture
def members(desk: Desk) -> HostsThatAnswer:
    """Return the machines that the desk's hosts stand for."""
    assert isinstance(desk.bench.hosts, HostsThatAnswer)
    return desk.bench.hosts


@pytest.fixture
def desk(desk: Desk) -> Iterator[Desk]:
    """Let whoever is dialled answer, and let tunnels lead to a page here."""
    with answering(desk.bench) as bench:
        desk.bench = bench
        yield desk


def made(desk: Desk, *, yes: bool = True, **options: Any) -> Instance:
    """Launch a cluster of four as a person would."""
    options = {"nodes": 4, "engine": "dask", "name": "many"} | options
    return launch(desk.bench, desk.wish(**options), yes=yes)


def alive(desk: Desk) -> list[Instance]:
    """Return the machines that exist."""
    return [one for one in desk.bench.cloud().instances() if one.state.alive]


def guarded(desk: Desk) -> set[str]:
    """Return the machines that a schedule of their own ends from outside."""
    client, names = desk.bench.cloud().place.client("scheduler"), {one.instance_id: one.title for one in alive(desk)}
    found = [client.get_schedule(GroupName=GROUP, Name=one) for one in desk.bench.cloud().schedule_names(GROUP)]
    assert {one["State"] for one in found} == {"ENABLED"}
    (ids,) = zip(*(json.loads(one["Target"]["Input"])["InstanceIds"] for one in found), strict=True)
    assert len(set(ids)) == len(ids)
    return {names[one] for one in ids}


def launches(desk: Desk) -> list[dict[str, Any]]:
    """Return the RunInstances calls that were meant."""
    return [call for call in desk.aws.calls() if call["operation"] == "RunInstances" and not call["dry_run"]]


# ── launching ────────────────────────────────────────────────────────────────────────────────


def test_one_call_makes_all_machines_of_one_name(desk: Desk) -> None:
    """Four machines, one RunInstances, one launch id, one zone; roles are their places in EC2's answer."""
    head = made(desk)
    machines = alive(desk)
    assert len(launches(desk)) == 1
    assert [(one.title, one.node, one.nodes, one.engine) for one in machines] == [
        ("many", 0, 4, "dask"),
        ("many/1", 1, 4, "dask"),
        ("many/2", 2, 4, "dask"),
        ("many/3", 3, 4, "dask"),
    ]
    assert {one.launch_id for one in machines} == {head.launch_id}
    assert len({one.zone for one in machines}) == 1
    assert head.instance_id == machines[0].instance_id


def test_every_machine_has_a_host_key_of_its_own_before_it_joins(desk: Desk, members: HostsThatAnswer) -> None:
    """Pins are kept for each by its place; nothing is told to a machine under another's pins."""
    made(desk)
    for one in alive(desk):
        assert members.pinned[one.instance_id] == {one.pin_id}
        assert len(desk.bench.records.pins.read(one.pin_id)) == 1


def test_machines_join_by_private_addresses_with_one_certificate(desk: Desk, members: HostsThatAnswer) -> None:
    """All know the same head, by its private address, and hold the same pair; workers get the head's versions."""
    made(desk)
    machines = alive(desk)
    told = [members.told[one.instance_id] for one in machines]
    assert {one["head"] for one in told} == {machines[0].private_address}
    assert [one["address"] for one in told] == [one.private_address for one in machines]
    assert len({one["key"] for one in told}) == 1
    assert [one["versions"] for one in told[1:]] == [{"dask": "2026.1.1", "distributed": "2026.1.1"}] * 3
    assert told[0]["versions"] is None


def test_nothing_new_is_open_to_the_outside(desk: Desk) -> None:
    """A second group lets its members reach one another; the owner's own group is SSH's alone, as ever."""
    made(desk)
    groups = desk.bench.cloud().place.ec2.describe_security_groups(GroupIds=list(alive(desk)[0].security_groups))
    by_name = {one["GroupName"]: one for one in groups["SecurityGroups"]}
    assert sorted(by_name) == ["awsgpu-demo", "awsgpu-demo-nodes"]
    (rule,) = by_name["awsgpu-demo-nodes"]["IpPermissions"]
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [by_name["awsgpu-demo-nodes"]["GroupId"]]
    assert rule["IpRanges"] == rule.get("Ipv6Ranges", []) == []
    (ssh,) = by_name["awsgpu-demo"]["IpPermissions"]
    assert (ssh["FromPort"], ssh["UserIdGroupPairs"]) == (22, [])


def test_machines_of_a_type_that_can_stand_close_do(desk: Desk) -> None:
    """A placement group of the cluster's own, gone with it."""
    head = made(desk)
    ec2 = desk.bench.cloud().place.ec2
    (group,) = ec2.describe_placement_groups()["PlacementGroups"]
    assert (group["GroupName"], group["Strategy"]) == (f"awsgpu-many-{head.cluster_id}", "cluster")
    terminate(desk.bench, "many", yes=True)
    assert ec2.describe_placement_groups()["PlacementGroups"] == []


def test_all_or_nothing_where_the_zones_have_too_few(desk: Desk) -> None:
    """No zone has four: nothing is made, no placement group is left, and the journal is closed."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None)
    with pytest.raises(NoCapacity):
        made(desk)
    assert alive(desk) == []
    assert desk.bench.cloud().place.ec2.describe_placement_groups()["PlacementGroups"] == []
    assert desk.bench.records.journal.regions() == ()
    assert list((desk.bench.records.root / "pins").glob("*.json")) == []


def test_a_machine_taken_back_at_once_takes_the_others_with_it(desk: Desk) -> None:
    """EC2 accepts four and ends one while it begins: the other three are ended, and that is said."""
    desk.aws.set(pending_s=3.0)
    ended: list[str] = []

    def hear(event: Any) -> None:
        if event.step == "running" and event.phase == "started" and not ended:
            ended.append(alive(desk)[2].instance_id)
            desk.bench.cloud().terminate(ended[0])

    desk.bench = replace(desk.bench, listener=hear)
    with pytest.raises(NotAllNodes, match="all 4 machines"):
        made(desk)
    assert ended
    assert alive(desk) == []
    assert desk.bench.cloud().place.ec2.describe_placement_groups()["PlacementGroups"] == []
    assert list((desk.bench.records.root / "pins").glob("*.json")) == []


def test_a_limit_and_a_price_are_of_all_machines(desk: Desk) -> None:
    """Four times four vCPUs do not fit under twelve; four times the price is above what needs no yes."""
    desk.aws.quota("L-DB2E81BA", 12)
    with pytest.raises(QuotaTooLow, match="needs 16"):
        made(desk)
    desk.aws.quota("L-DB2E81BA", 256)
    with pytest.raises(NeedsYes, match=r"4 machines of g4dn\.8xlarge"):
        launch(desk.bench, desk.wish("g4dn.8xlarge", nodes=4, engine="dask"), yes=False)
    assert launches(desk) == []


def test_a_cluster_of_spot_instances_is_one_call_too(desk: Desk) -> None:
    """One market, one call, all or none."""
    made(desk, spot="yes")
    assert [one.spot for one in alive(desk)] == [True] * 4
    assert len(launches(desk)) == 1


def test_the_guard_from_outside_ends_all_machines(desk: Desk, role: str) -> None:  # noqa: F811
    """A schedule for every machine, since EC2 refuses a call for one that is gone; each goes with its own."""
    made(desk, guard="scheduler", guard_role=role, max_hours=6)
    assert guarded(desk) == {one.title for one in alive(desk)}
    terminate(desk.bench, "many/3", yes=True)
    stop(desk.bench, "many/2")
    assert guarded(desk) == {"many", "many/1"}
    start(desk.bench, "many")
    assert guarded(desk) == {"many", "many/1", "many/2"}
    made(desk, guard="scheduler", guard_role=role, max_hours=6)
    assert guarded(desk) == {one.title for one in alive(desk)} == {"many", "many/1", "many/2", "many/3"}
    assert [one for one in leftovers(desk.bench) if one.kind == "schedule"] == []
    terminate(desk.bench, "many", yes=True)
    assert desk.bench.cloud().schedule_names(GROUP) == ()


def test_every_machine_keeps_its_share_of_the_budget(desk: Desk) -> None:
    """Eight dollars for four machines are two for each, kept by each itself."""
    made(desk, budget=8.0)
    for one in alive(desk):
        data = desk.bench.cloud().place.ec2.describe_instance_attribute(
            InstanceId=one.instance_id, Attribute="userData"
        )
        document = gzip.decompress(base64.b64decode(data["UserData"]["Value"])).decode()
        assert '\\"budget\\":2.0' in document


def test_several_machines_need_what_makes_them_one(desk: Desk) -> None:
    """`--nodes` without an engine is refused before anybody is asked."""
    with pytest.raises(BadValue, match="--engine dask"):
        desk.wish(nodes=4)


# ── living ───────────────────────────────────────────────────────────────────────────────────


def test_the_same_wish_continues_and_another_number_is_refused(desk: Desk) -> None:
    """Nothing is launched twice; four are no five, and no machine by itself."""
    first = made(desk)
    assert made(desk).instance_id == first.instance_id
    for other in ({"nodes": 5}, {"nodes": 1, "engine": None}):
        with pytest.raises(OtherWishes, match="nodes 4"):
            made(desk, **other)
    assert len(launches(desk)) == 1


def test_stop_start_and_terminate_take_the_whole(desk: Desk) -> None:
    """Each is one call for all four, and the name is all it takes."""
    made(desk)
    assert stop(desk.bench, "many").state is InstanceState.STOPPED
    assert {one.state for one in alive(desk)} == {InstanceState.STOPPED}
    assert start(desk.bench, "many").state is InstanceState.RUNNING
    assert {one.state for one in alive(desk)} == {InstanceState.RUNNING}
    terminate(desk.bench, yes=True)
    assert alive(desk) == []
    for operation in ("StopInstances", "StartInstances", "TerminateInstances"):
        assert desk.aws.operations().count(operation) == 1


def test_what_terminate_would_delete_is_said_of_all(desk: Desk) -> None:
    """The question names the workers, too."""
    made(desk)
    with pytest.raises(NeedsYes, match=r"its workers \(3\) and their disks"):
        terminate(desk.bench, "many")


def test_one_machine_can_be_meant(desk: Desk) -> None:
    """`many/2` is that worker and no other; its cluster goes on and says how it comes back."""
    made(desk)
    terminate(desk.bench, "many/2", yes=True)
    found = status(desk.bench)
    assert [one.title for one in found] == ["many", "many/1", "many/3"]
    said = " ".join(clusters.notes(found))
    assert "many/2 of many: gone" in said
    assert "awsgpu launch g4dn.xlarge --name many --nodes 4 --engine dask" in said


def test_a_cluster_away_from_home_stays_known_when_one_machine_goes(desk: Desk) -> None:
    """In a region that is not the default one, the three that still cost are shown, and end by their name."""
    options = {"demo": True, "data_dir": str(desk.bench.records.root), "local_port": 8889}
    desk.bench = replace(desk.bench, settings=configuration.load(options))  # no --region, which would be asked alone
    made(desk, region="us-east-1")
    terminate(desk.bench, "many/2", yes=True)
    assert [one.title for one in status(desk.bench)] == ["many", "many/1", "many/3"]
    terminate(desk.bench, "many", yes=True)
    assert status(desk.bench) == ()
    assert desk.bench.records.journal.regions() == ()


def test_a_machine_kept_as_an_image_goes_alone(desk: Desk) -> None:
    """`image many/2 --then-terminate` ends that worker, whose disk is in the image; `image many` says who goes too."""
    head = made(desk)
    with pytest.raises(NeedsYes, match=r"^many will be terminated.*With it go its workers \(3\) and their disks"):
        image(desk.bench, "many", then_terminate=True)
    with pytest.raises(NeedsYes, match=r"^many/2 will be terminated") as caught:
        image(desk.bench, "many/2", then_terminate=True)
    assert "workers" not in caught.value.message
    assert caught.value.remedy == "awsgpu image many/2 --then-terminate --yes"
    image(desk.bench, "many/2", image_name="kept", then_terminate=True, yes=True, boot=lambda *_: None)
    assert [one.title for one in alive(desk)] == ["many", "many/1", "many/3"]
    assert {one.state for one in alive(desk)} == {InstanceState.RUNNING}
    assert alive(desk)[0].instance_id == head.instance_id


def test_no_worker_is_kept_as_the_image_of_a_cluster_without_a_head(desk: Desk) -> None:
    """`image many --then-terminate` would end all of them with one worker's disk in the image: refused."""
    head = made(desk)
    terminate(desk.bench, head.instance_id, yes=True)
    with pytest.raises(HeadGone):
        image(desk.bench, "many", then_terminate=True, yes=True, boot=lambda *_: None)
    assert [one.title for one in alive(desk)] == ["many/1", "many/2", "many/3"]


def test_a_machine_that_is_gone_is_replaced_in_its_place(desk: Desk, members: HostsThatAnswer) -> None:
    """The same launch makes the one that is missing, in the zone, with the number and the cluster of the old one."""
    head = made(desk)
    terminate(desk.bench, "many/2", yes=True)
    newer = next(one for one in desk.bench.cloud().images() if one.kind == "dlami-pytorch").image_id
    for fact, value in (("image id/dlami/x86_64", newer), ("image/dlami/x86_64", None)):
        desk.bench.cloud().place.learn(fact, value)  # as on the day that AWS publishes another build
    before = len(launches(desk))
    made(desk)
    machines = alive(desk)
    assert len(launches(desk)) == before + 1
    assert [one.title for one in machines] == ["many", "many/1", "many/2", "many/3"]
    new = machines[2]
    assert (new.cluster_id, new.zone) == (head.cluster_id, head.zone)
    assert (new.image_id, new.image_wish) == (head.image_id, "auto")
    assert new.launch_id != head.launch_id
    assert members.told[new.instance_id]["key"] == members.told[head.instance_id]["key"]


@pytest.mark.parametrize("again", [start, provision])
def test_one_worker_is_brought_back_into_its_cluster(
    desk: Desk, members: HostsThatAnswer, again: Callable[[Workbench, str], Instance]
) -> None:
    """`start many/2` and `provision many/2` tell that worker the head's address, certificate and versions; no more."""
    head = made(desk)
    worker = alive(desk)[2]
    key = members.told.pop(worker.instance_id)["key"]
    if again is start:
        stop(desk.bench, "many/2")
    assert again(desk.bench, "many/2").title == "many/2"
    told = members.told[worker.instance_id]
    assert (told["head"], told["key"], told["node"]) == (head.private_address, key, 2)
    assert told["versions"] == {"dask": "2026.1.1", "distributed": "2026.1.1"}
    assert desk.bench.tunnels.find(worker.instance_id) is None
    assert desk.bench.tunnels.find(head.instance_id) is not None
    said = [event.text for event in desk.heard]
    assert "4 workers are at work in it" in said[said.index("Bringing many/2 back into its cluster") :]


LED = [start, provision, connect, open_, dask, *(partial(verb, name="many/2") for verb in (start, provision))]


@pytest.mark.parametrize("verb", LED)
def test_no_worker_is_taken_for_a_head_that_is_gone(
    desk: Desk, members: HostsThatAnswer, verb: Callable[..., Instance]
) -> None:
    """Every verb that needs the head says that it is gone, with the launch that makes another; nothing is told."""
    head = made(desk)
    terminate(desk.bench, head.instance_id, yes=True)
    told = dict(members.told)
    with pytest.raises(HeadGone) as caught:
        verb(desk.bench, **({} if isinstance(verb, partial) else {"name": "many"}))
    assert caught.value.remedy == "awsgpu launch g4dn.xlarge --name many --nodes 4 --engine dask"
    assert members.told == told
    assert all(desk.bench.tunnels.find(one.instance_id) is None for one in alive(desk))


def test_nothing_is_pushed_to_a_cluster_without_a_head(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers alone would have the files, and the head that is launched next would not: it is said first."""
    head = made(desk)
    terminate(desk.bench, head.instance_id, yes=True)
    (tmp_path / "train.py").write_text("pass")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeadGone):
        push(desk.bench, ["train.py"], "many")


def test_a_launch_makes_another_head(desk: Desk, members: HostsThatAnswer) -> None:
    """The command of that sentence: a new head takes number 0, and all machines are told of it."""
    old = made(desk)
    terminate(desk.bench, old.instance_id, yes=True)
    members.told.pop(old.instance_id)
    head = made(desk)
    assert (head.node, head.cluster_id) == (0, old.cluster_id)
    assert head.instance_id != old.instance_id
    assert {one["head"] for one in members.told.values()} == {head.private_address}
    assert len({one["key"] for one in members.told.values()}) == 1


def test_a_worker_does_not_start_without_its_head(desk: Desk) -> None:
    """The head is stopped: said with the line that starts all, before a worker costs anything."""
    made(desk)
    stop(desk.bench, "many")
    with pytest.raises(WrongState, match="many is stopped, so it cannot lead its cluster") as caught:
        start(desk.bench, "many/2")
    assert caught.value.remedy == "awsgpu start many"
    assert {one.state for one in alive(desk)} == {InstanceState.STOPPED}


@pytest.mark.parametrize("code", ["drop", "drop-answer"])
def test_a_replacement_that_was_never_answered_is_finished_by_the_next_launch(desk: Desk, code: str) -> None:
    """Whether EC2 made it or not, and whether it is known everywhere yet: the same request again, no second machine."""
    made(desk)
    terminate(desk.bench, "many/2", yes=True)
    desk.aws.set(staleness_s=8.0)
    desk.aws.fail("RunInstances", code, times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        made(desk)
    (open_one,) = [one for one in desk.bench.records.journal.entries() if one.unanswered]
    made(desk)
    assert [one.title for one in alive(desk)] == ["many", "many/1", "many/2", "many/3"]
    assert alive(desk)[2].launch_id == open_one.launch_id
    assert not any(one.unanswered for one in desk.bench.records.journal.entries())


def test_a_launch_killed_after_the_call_goes_on_with_all_machines(desk: Desk) -> None:
    """EC2 made four and nobody heard: the next launch finds them by their tags and makes no others."""
    desk.aws.fail("RunInstances", "drop-answer", times=None)
    with pytest.raises(Exception, match="AWS"):
        made(desk)
    desk.aws.mend()
    head = made(desk)
    assert len(alive(desk)) == 4
    assert {one.launch_id for one in alive(desk)} == {head.launch_id}


def test_a_machine_of_a_cluster_keeps_its_type(desk: Desk) -> None:
    """One machine of another type would make the others wait: said, with what is possible instead."""
    made(desk)
    with pytest.raises(ResizeUnfit, match="machines of a cluster"):
        resize(desk.bench, "many", instance_type="g4dn.2xlarge", yes=True)


def test_nothing_is_left_after_terminate(desk: Desk) -> None:
    """Groups and the key pair clutter and cost nothing: cleanup takes them."""
    made(desk)
    terminate(desk.bench, "many", yes=True)
    assert {one.kind for one in leftovers(desk.bench)} == {"security group", "key pair"}
    cleanup(desk.bench, yes=True)
    assert leftovers(desk.bench) == ()


def test_a_placement_group_without_a_cluster_is_found_and_removed(desk: Desk) -> None:
    """A launch that was killed before its call leaves one; another cluster's own is left alone."""
    head = made(desk)
    owner = {"jupyter-awsgpu:owner": desk.bench.clouds.identity().owner, "jupyter-awsgpu:schema": "1"}
    desk.bench.cloud().ensure_placement_group("awsgpu-many-l-0123456789abcdef", owner)
    assert [one.id for one in leftovers(desk.bench) if one.kind == "placement group"] == [
        "awsgpu-many-l-0123456789abcdef"
    ]
    cleanup(desk.bench, yes=True)
    groups = desk.bench.cloud().place.ec2.describe_placement_groups()["PlacementGroups"]
    assert [one["GroupName"] for one in groups] == [f"awsgpu-many-{head.cluster_id}"]


# ── from the notebook here ───────────────────────────────────────────────────────────────────


def test_a_client_here_is_told_where_and_with_what(desk: Desk) -> None:
    """Scheduler and dashboard through the tunnel, the cluster's certificate, and nothing of it in a repr."""
    made(desk)
    way = dask(desk.bench, "many")
    assert way.workers == 4
    assert way.scheduler.startswith("tls://127.0.0.1:")
    assert way.secrets is not None
    assert "PRIVATE KEY" in way.secrets.key
    assert "PRIVATE KEY" not in repr(way)


def test_versions_that_differ_are_said_before_anything_is_connected(desk: Desk) -> None:
    """The sentence names both, the remedy is the line that mends it; without Dask it is the extra."""
    made(desk)
    way = dask(desk.bench, "many")
    require_alike(way, {"dask": "2026.1.1", "distributed": "2026.1.1"})
    with pytest.raises(DaskDiffers, match=r"2025\.1\.0 here and 2026\.1\.1 there") as caught:
        require_alike(way, {"dask": "2025.1.0", "distributed": "2025.1.0"})
    assert caught.value.remedy == "pip install dask==2026.1.1 distributed==2026.1.1"
    with pytest.raises(ExtraMissing):
        require_alike(way, {})


def test_a_machine_by_itself_has_no_dask(desk: Desk) -> None:
    """Said, with the line that launches a cluster."""
    launch(desk.bench, desk.wish(), yes=True)
    with pytest.raises(NotACluster):
        dask(desk.bench)
