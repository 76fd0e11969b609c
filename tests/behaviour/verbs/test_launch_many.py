"""`launch --count`: machines by themselves, side by side; asked about once, made each by its own call."""

from __future__ import annotations

import _thread
import sys
import threading
import time
import traceback
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import BadValue, Interrupted, NeedsYes, NotAllLaunched, PlanRefused, QuotaTooLow
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.access import OWNER_FACT
from jupyter_awsgpu.verbs.data import data_volumes
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.launch_many import launch_many
from jupyter_awsgpu.verbs.one_of_many import Common
from jupyter_awsgpu.verbs.status import status_with_data
from jupyter_awsgpu.verbs.stop import stop
from jupyter_awsgpu.verbs.terminate import terminate
from tests.behaviour.cloud.account import tags_of
from tests.behaviour.verbs.hosts_that_answer import answering

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.model import Event, Instance, Volume
    from tests.behaviour.verbs.conftest import Desk

LIMIT = "L-DB2E81BA"
P_LIMIT = "L-417A185B"
LINE = "awsgpu launch g4dn.xlarge"
OTHER = "123456789012/user/somebody-else"


@pytest.fixture
def desk(desk: Desk) -> Iterator[Desk]:
    """Let whoever is dialled answer, let tunnels lead to a page here, and let the account have a hundred vCPUs."""
    with answering(desk.bench) as bench:
        desk.bench = bench
        desk.aws.quota(LIMIT, 100)
        yield desk


def made(desk: Desk, count: int, *, yes: bool = True, **options: Any) -> tuple[Instance, ...]:
    """Launch so many as a person would."""
    return launch_many(desk.bench, desk.wish(**({"local_port": 8889} | options)), count, yes=yes)


def alive(desk: Desk) -> list[Instance]:
    """Return the machines that exist."""
    return [one for one in desk.bench.cloud().instances() if one.state.alive]


def volumes(desk: Desk) -> dict[str, Volume]:
    """Return the data volumes by the name of their machine."""
    owner = desk.bench.clouds.identity().owner
    return {one.name: one for one in data_volumes(desk.bench.cloud(), owner)}


def asked(desk: Desk, since: int = 0) -> Counter[str]:
    """Return how often each thing was asked in earnest, after the first `since` calls."""
    return Counter(call["operation"] for call in desk.aws.calls()[since:] if not call["dry_run"])


def so_far(desk: Desk) -> int:
    """Return how many calls there have been."""
    return len(desk.aws.calls())


def at_rest(desk: Desk, *names: str) -> None:
    """Stop machines, and wait until they are stopped."""
    for one in alive(desk):
        if one.name in names:
            stop(desk.bench, one.name)
            desk.bench.cloud().wait_for(one.instance_id, {InstanceState.STOPPED}, timeout_s=20)


def test_each_is_a_launch_of_its_own(desk: Desk) -> None:
    """Names by number; a call, a launch id, a host key, a journal entry each; one key pair and one group for all."""
    machines = made(desk, 4)
    assert [one.name for one in machines] == ["gpu-1", "gpu-2", "gpu-3", "gpu-4"]
    assert asked(desk)["RunInstances"] == 4
    launch_ids = [one.launch_id for one in machines]
    assert len(set(launch_ids)) == 4
    entries = {entry.launch_id: entry for entry in desk.bench.records.journal.entries()}
    assert [entries[launch_id].instance_ids for launch_id in launch_ids] == [(one.instance_id,) for one in machines]
    assert {(one.nodes, one.engine, one.key_name, one.security_groups) for one in machines} == {
        (1, None, machines[0].key_name, machines[0].security_groups)
    }


def test_what_aws_answers_in_bulk_is_asked_once(desk: Desk) -> None:
    """Eight ask AWS for nothing more often than one does, but for the machines themselves."""
    made(desk, 1, name="first")
    before = so_far(desk)
    made(desk, 1, name="one")
    for_one, before = asked(desk, before), so_far(desk)
    made(desk, 8, name="many")
    for_eight = asked(desk, before)
    assert for_eight.pop("RunInstances") == 8 * for_one.pop("RunInstances")
    looks = for_eight.pop("DescribeInstances"), for_one.pop("DescribeInstances")
    assert looks[0] < looks[1] + 8
    assert {name: count for name, count in for_eight.items() if count > max(1, for_one[name])} == {}


def test_a_limit_is_for_all_of_them(desk: Desk) -> None:
    """Room for three of four refuses the whole line before anything is made; its remedy is for all four."""
    desk.aws.quota(LIMIT, 12)
    with pytest.raises(QuotaTooLow) as caught:
        made(desk, 4)
    assert caught.value.facts["needed"] == "16"
    assert alive(desk) == []


def test_what_is_refused_twice_leads_to_the_plan_of_all_of_them(desk: Desk) -> None:
    """The line to the plan counts machines by themselves: `--nodes` would be refused."""
    desk.aws.quota(LIMIT, 12)
    with pytest.raises(PlanRefused) as caught:
        made(desk, 4, disk_gb=20)
    assert caught.value.remedy == "awsgpu plan g4dn.xlarge --count 4 --disk 20"


def test_the_price_is_that_of_all(desk: Desk) -> None:
    """Consent is asked for the sum, with the very line."""
    desk.bench.settings.confirm_above = 1.0
    with pytest.raises(NeedsYes) as caught:
        made(desk, 4, yes=False)
    assert "4 machines of g4dn.xlarge cost $2.1040/h" in caught.value.message
    assert caught.value.remedy == f"{LINE} --count 4 --yes"
    assert alive(desk) == []
    assert len(made(desk, 1, yes=False)) == 1


def test_one_that_fails_leaves_the_others_and_the_same_line_goes_on(desk: Desk) -> None:
    """With room for one a zone, what finds none is said by name; later only that one is made."""
    desk.aws.room("g4dn.xlarge", 1)
    zones = len(desk.bench.cloud().zones_offering("g4dn.xlarge"))
    with pytest.raises(NotAllLaunched) as caught:
        made(desk, zones + 1)
    first = {one.name: one.instance_id for one in alive(desk)}
    (missing,) = {f"gpu-{number}" for number in range(1, zones + 2)} - first.keys()
    assert f"{zones} of {zones + 1} machines are ready; {missing}: AWS has no g4dn.xlarge" in caught.value.message
    assert caught.value.remedy == f"{LINE} --count {zones + 1}"
    desk.aws.room("g4dn.xlarge", None)
    before = so_far(desk)
    again = {one.name: one.instance_id for one in made(desk, zones + 1)}
    assert again == first | {missing: again[missing]}
    assert asked(desk, before)["RunInstances"] == 1


def test_those_that_are_stopped_are_started_by_one_call(desk: Desk) -> None:
    """The same line starts what is stopped, all at once, and makes what is missing."""
    made(desk, 3)
    at_rest(desk, "gpu-1", "gpu-2")
    before = so_far(desk)
    machines = made(desk, 4)
    calls = asked(desk, before)
    assert (calls["StartInstances"], calls["RunInstances"]) == (1, 1)
    assert {one.state for one in machines} == {InstanceState.RUNNING}


def test_a_stopped_machine_of_another_type_is_refused_and_stays_stopped(desk: Desk) -> None:
    """What is not the machine asked for is never started; the others are."""
    made(desk, 1)
    launch(desk.bench, desk.wish("g4dn.2xlarge", name="gpu-2"), yes=True)
    at_rest(desk, "gpu-1", "gpu-2")
    with pytest.raises(NotAllLaunched, match=r"2 of 3 machines are ready; gpu-2: .*g4dn\.2xlarge \(you ask"):
        made(desk, 3)
    states = {one.name: one.state for one in alive(desk)}
    assert states == {
        "gpu-1": InstanceState.RUNNING,
        "gpu-2": InstanceState.STOPPED,
        "gpu-3": InstanceState.RUNNING,
    }


def test_each_has_a_data_volume_of_its_own_that_comes_back_to_its_name(desk: Desk) -> None:
    """`--data` makes one for each; after terminate the same line attaches each to the machine of its name."""
    made(desk, 2, data_gb=10)
    first = volumes(desk)
    assert sorted(first) == ["gpu-1", "gpu-2"]
    for one in alive(desk):
        terminate(desk.bench, one.name, yes=True)
        assert desk.bench.cloud().wait_for(one.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
    again = {one.name: one.instance_id for one in made(desk, 2)}
    assert {name: one.volume_id for name, one in volumes(desk).items()} == {
        name: one.volume_id for name, one in first.items()
    }
    assert {name: one.instance_id for name, one in volumes(desk).items()} == again


@pytest.mark.parametrize("count", [None, 2])
def test_data_volumes_are_looked_for_by_whom_aws_takes_us_for_now(desk: Desk, count: int | None) -> None:
    """The owner remembered from last time is a guess, for one and for many: somebody else's volumes are not ours."""
    name = "gpu" if count is None else "gpu-1"
    theirs_has = tags_of(OTHER, name) | {"jupyter-awsgpu:purpose": "data"}
    desk.bench.cloud().create_volume("us-west-2a", 10, theirs_has)
    desk.bench.clouds.cache.put(OWNER_FACT, OTHER)
    if count is None:
        launch(desk.bench, desk.wish(), yes=True)
    else:
        made(desk, count)
    (theirs,) = data_volumes(desk.bench.cloud(), OTHER)
    assert theirs.instance_id is None
    assert [one.data_volume_id for one in alive(desk)] == [None] * (count or 1)


def test_all_are_of_one_market(desk: Desk) -> None:
    """`--spot` is of every one; where the market is dear, `prefer` buys each of them on demand."""
    desk.aws.quota("L-3819A6DF", 100)
    assert [one.spot for one in made(desk, 3, spot="yes")] == [True] * 3
    assert [one.spot for one in made(desk, 2, name="dear", spot="prefer", max_price=0.01)] == [False] * 2


def test_each_goes_where_there_is_room_for_it(desk: Desk) -> None:
    """With `--any-region` and Oregon empty, all of them are made in the next cheapest, with one group there."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", region="us-west-2", times=None)
    machines = made(desk, 2, instance_type="p2.xlarge", any_region=True)
    assert {one.region for one in machines} == {"ap-northeast-1"}
    assert len({one.security_groups for one in machines}) == 1
    assert alive(desk) == []


def test_a_dearer_region_is_agreed_to_for_all_of_them(desk: Desk) -> None:
    """Two at $0.90 are below the limit, two at $1.215 are not: nothing is made there without a yes to the sum."""
    desk.bench.settings.confirm_above = 2.0
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", region="us-west-2", times=None)
    with pytest.raises(NeedsYes, match=r"2 machines of p2\.xlarge cost \$2\.43/h") as caught:
        made(desk, 2, yes=False, instance_type="p2.xlarge", any_region=True)
    assert caught.value.remedy == "awsgpu launch p2.xlarge --any-region --count 2 --yes"
    assert alive(desk) == list(desk.bench.cloud("ap-northeast-1").instances()) == []


def test_the_price_is_that_of_all_where_the_first_region_refuses(desk: Desk) -> None:
    """No room at home, so another region is judged: for the sum, before anything is made."""
    desk.bench.settings.confirm_above = 2.0
    desk.aws.quota(P_LIMIT, 0)
    with pytest.raises(NeedsYes, match=r"2 machines of p2\.xlarge"):
        made(desk, 2, yes=False, instance_type="p2.xlarge", any_region=True)
    assert asked(desk)["RunInstances"] == 0
    assert len(made(desk, 1, yes=False, instance_type="p2.xlarge", any_region=True)) == 1


def test_what_the_first_region_made_is_left_where_the_next_one_wants_a_yes(desk: Desk) -> None:
    """All but one find room at home; the line that goes on carries the yes the last one waits for."""
    zones = len(desk.bench.cloud().zones_offering("p2.xlarge"))
    desk.bench.settings.confirm_above = 1.0 * (zones + 1)
    desk.aws.room("p2.xlarge", 1)
    with pytest.raises(NotAllLaunched, match=f"{zones} of {zones + 1} machines are ready") as caught:
        made(desk, zones + 1, yes=False, instance_type="p2.xlarge", any_region=True)
    assert caught.value.remedy == f"awsgpu launch p2.xlarge --any-region --count {zones + 1} --yes"
    assert len(alive(desk)) == zones


def test_a_limit_elsewhere_is_for_all_of_them(desk: Desk) -> None:
    """A region with room for one of two is none for the two; each region is judged once."""
    desk.aws.quota(P_LIMIT, 0)
    desk.aws.quota(P_LIMIT, 4, region="ap-northeast-1")
    machines = made(desk, 2, instance_type="p2.xlarge", any_region=True)
    (region,) = {one.region for one in machines}
    assert region not in ("us-west-2", "ap-northeast-1")


def test_status_asks_no_more_for_many_than_for_one(desk: Desk) -> None:
    """Whoever has eight machines waits for the calls of one."""
    counts = []
    for count in (1, 8):
        made(desk, count)
        before = so_far(desk)
        assert len(status_with_data(desk.bench)[0]) == count
        counts.append(asked(desk, before))
        del counts[-1]["GetCallerIdentity"]  # asked where the last answer is some seconds old, for however many
    assert counts[0] == counts[1]


def test_a_quota_for_the_missing_one_is_enough(desk: Desk) -> None:
    """What is there already needs no room again."""
    made(desk, 2)
    desk.aws.quota(LIMIT, 12)
    assert len(made(desk, 3)) == 3


def test_ctrl_c_stops_them_all_and_the_same_line_goes_on(desk: Desk) -> None:
    """An interrupt while they are asked for leaves nothing doubled and nothing unknown."""
    pressed = threading.Event()

    def listen(event: Event) -> None:
        if event.step == "request" and event.phase == "done" and not pressed.is_set():
            pressed.set()
            _thread.interrupt_main()

    usual, desk.bench = desk.bench, replace(desk.bench, listener=listen)
    desk.aws.set(pending_s=20)
    with pytest.raises(Interrupted) as caught:
        made(desk, 4)
    assert caught.value.remedy == f"{LINE} --count 4"
    there = {one.name: one.instance_id for one in alive(desk)}
    assert there
    assert all(name in caught.value.message for name in there)
    desk.aws.set(pending_s=0.05)
    desk.bench = usual
    assert len(made(desk, 4)) == 4
    assert len(alive(desk)) == 4


def test_ctrl_c_while_they_are_started_names_all_that_cost(desk: Desk) -> None:
    """What runs and what was asked to run is named; what stayed stopped, and what was never made, is not."""
    made(desk, 2)
    launch(desk.bench, desk.wish("g4dn.2xlarge", name="gpu-3"), yes=True)
    at_rest(desk, "gpu-2", "gpu-3")

    def listen(event: Event) -> None:
        if event.step == "start" and event.phase == "started":
            _thread.interrupt_main()

    desk.bench = replace(desk.bench, listener=listen)
    with pytest.raises(Interrupted) as caught:
        made(desk, 4)
    assert "gpu-1, gpu-2 exist and cost money until you stop them." in caught.value.message
    assert caught.value.remedy == f"{LINE} --count 4"


def test_ctrl_c_before_anything_is_started_names_what_runs(desk: Desk) -> None:
    """The journal of this machine may not know it: AWS said so at the start."""
    made(desk, 2)
    at_rest(desk, "gpu-2")
    for entry in desk.bench.records.journal.entries():
        desk.bench.records.journal.end(entry.launch_id, 0.0)  # as on another machine of the same owner

    def listen(event: Event) -> None:
        if event.step == "account" and event.phase == "done":
            _thread.interrupt_main()

    desk.bench = replace(desk.bench, listener=listen)
    with pytest.raises(Interrupted) as caught:
        made(desk, 3)
    assert "gpu-1 exists and costs money until you stop it." in caught.value.message


def waits_for_answers() -> bool:
    """Return whether the main thread has heard the first Ctrl-C, and waits for the requests under way."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    return any(one.f_code is Common.stop.__code__ for one, _line in traceback.walk_stack(frame))


def test_a_second_ctrl_c_names_them_as_the_first_one_does(desk: Desk) -> None:
    """Whoever does not wait for the answers under way is told what may be there."""
    asked_for = threading.Event()

    def listen(event: Event) -> None:
        if event.step == "request":
            asked_for.set()

    def press_twice() -> None:
        asked_for.wait()
        _thread.interrupt_main()
        while not waits_for_answers():
            time.sleep(0.01)
        _thread.interrupt_main()

    desk.bench = replace(desk.bench, listener=listen)
    desk.aws.fail("RunInstances", latency_ms=3000, times=None)
    impatient = threading.Thread(target=press_twice)
    impatient.start()
    with pytest.raises(Interrupted) as caught:
        made(desk, 2)
    impatient.join()
    assert "gpu-1, gpu-2 exist and cost money until you stop them." in caught.value.message


@pytest.mark.parametrize("count", [0, -1, 101])
def test_a_count_that_cannot_be_is_refused(desk: Desk, count: int) -> None:
    """None, fewer, or a slip of the finger: refused before anybody is asked."""
    with pytest.raises(BadValue, match="it takes 1 to 100 machines"):
        made(desk, count)
    assert asked(desk) == {}


def test_a_count_of_clusters_and_names_too_long_are_refused(desk: Desk) -> None:
    """--nodes says how many a cluster has; a name must bear its number."""
    with pytest.raises(BadValue, match="machines by themselves"):
        made(desk, 2, nodes=2, engine="dask")
    with pytest.raises(BadValue, match="too long"):
        made(desk, 10, name="x" * 38)
