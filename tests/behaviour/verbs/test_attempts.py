"""RunInstances as a launch asks for it: zone by zone, journal first, never two for one."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace

import pytest

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import (
    AwsGpuError,
    AwsUnreachable,
    LaunchUnclear,
    NameAmbiguous,
    NoAddress,
    NoCapacity,
    QuotaTooLow,
    SpotPriceTooLow,
)
from jupyter_awsgpu.model import InstanceState
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.attempts import REPLAYS, finish_unanswered, just_made
from jupyter_awsgpu.verbs.choice import decide
from jupyter_awsgpu.verbs.launch import Launch, launch
from jupyter_awsgpu.verbs.rates import hourly_rate


def launch_without_arriving(desk, wishes):
    """Do all of a launch up to the running instance: there is no host behind it here."""
    with desk.bench.records.operations.begin("launch", wishes.name, desk.bench.listener) as operation:
        run = Launch(desk.bench, wishes, operation, Way(8889))
        return run._create(desk.bench.clouds.identity(), decide(desk.bench, wishes))[0]


def asked(aws):
    """Return the RunInstances calls that were meant."""
    return [call for call in aws.calls() if call["operation"] == "RunInstances" and not call["dry_run"]]


def existing(desk):
    return [one for one in desk.bench.cloud().instances() if one.state.alive]


def test_one_wish_is_one_call_and_one_instance(desk):
    """On a good day RunInstances is called once, and the journal knows its answer."""
    box = launch_without_arriving(desk, desk.wish())
    assert len(asked(desk.aws)) == 1
    (entry,) = desk.bench.records.journal.entries()
    assert entry.instance_ids == (box.instance_id,)
    assert entry.request is None
    assert not entry.unanswered


def test_every_resource_carries_our_tags_from_its_creation(desk):
    """No CreateTags call follows: name, owner and launch id came with the call that made the resource."""
    box = launch_without_arriving(desk, desk.wish(name="mine"))
    assert dict(box.tags)["jupyter-awsgpu:owner"] == desk.bench.clouds.identity().owner
    assert (box.name, box.launch_id) == ("mine", desk.bench.records.journal.entries()[0].launch_id)
    assert "CreateTags" not in desk.aws.operations()


@pytest.mark.parametrize("status", [400, 500])
def test_two_empty_zones_end_in_the_third(desk, status):
    """No capacity in two of three zones: the third gives the one instance, each try with its own token."""
    for zone in ("us-west-2a", "us-west-2b"):
        desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", zone=zone, status=status, times=None)
    box = launch_without_arriving(desk, desk.wish())
    assert box.zone == "us-west-2c"
    assert len(asked(desk.aws)) == 3
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]
    (entry,) = desk.bench.records.journal.entries()
    assert [one["zone"] for one in entry.attempts] == ["us-west-2a", "us-west-2b"]


def test_no_capacity_anywhere_names_every_zone_tried(desk):
    """With every zone empty the error says where it asked, nothing exists, and the journal is closed."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None)
    with pytest.raises(NoCapacity, match=r"us-west-2a, us-west-2b, us-west-2c"):
        launch_without_arriving(desk, desk.wish())
    assert existing(desk) == []
    assert desk.bench.records.journal.regions() == ()


ADDRESSES = ["InsufficientFreeAddressesInSubnet", "AddressLimitExceeded"]


@pytest.mark.parametrize("code", ADDRESSES)
def test_a_zone_without_an_address_is_passed_over(desk, code):
    """Its subnet is full: the next zone, which has another one, gives the one instance."""
    desk.aws.fail("RunInstances", code, zone="us-west-2a", times=None)
    box = launch_without_arriving(desk, desk.wish())
    assert box.zone == "us-west-2b"
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]


@pytest.mark.parametrize("code", ADDRESSES)
def test_no_address_anywhere_is_not_called_no_capacity(desk, code):
    """With no address in any zone the error says so, and the remedy looks in other regions."""
    desk.aws.fail("RunInstances", code, times=None)
    with pytest.raises(NoAddress, match=r"us-west-2a, us-west-2b, us-west-2c") as caught:
        launch_without_arriving(desk, desk.wish())
    assert caught.value.code == "no-address"
    assert caught.value.remedy.endswith("--any-region")
    assert existing(desk) == []
    assert desk.bench.records.journal.regions() == ()


def test_a_quota_refusal_is_not_tried_again(desk):
    """A limit is the same in every zone: one call, and the remedy asks for the limit."""
    desk.aws.quota("L-DB2E81BA", 0)
    with pytest.raises(QuotaTooLow) as caught:
        launch_without_arriving(desk, desk.wish())
    assert len(asked(desk.aws)) == 1
    assert "--request 4" in caught.value.remedy


def test_throttling_is_waited_out_with_the_same_token(desk):
    """Three throttled calls end in success, and EC2 sees one request only."""
    desk.aws.fail("RunInstances", "RequestLimitExceeded", times=3)
    launch_without_arriving(desk, desk.wish())
    assert len(asked(desk.aws)) == 4
    assert len(existing(desk)) == 1


def test_an_answer_lost_on_the_way_makes_no_second_instance(desk):
    """EC2 launched, the connection broke before its answer: the same bytes again find the same instance."""
    desk.aws.fail("RunInstances", "drop-answer")
    box = launch_without_arriving(desk, desk.wish())
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]


def test_a_launch_cut_off_before_its_answer_is_finished_by_the_next(desk):
    """EC2 launched and nobody heard of it: the next launch of that name goes on with that instance."""
    desk.aws.fail("RunInstances", "drop-answer", times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    (entry,) = desk.bench.records.journal.entries()
    assert entry.unanswered
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        (found,) = finish_unanswered(desk.bench, desk.wish(), operation)
    assert [one.instance_id for one in existing(desk)] == [found.instance_id]
    assert desk.bench.records.journal.entries()[0].instance_ids == (found.instance_id,)


def test_a_launch_whose_instance_was_ended_before_its_answer_is_not_gone_on_with(desk):
    """EC2 still knows the token, and shows what it made as terminated: the next launch makes another."""
    desk.aws.fail("RunInstances", "drop-answer", times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    cloud = desk.bench.cloud("us-west-2")
    (first,) = existing(desk)
    cloud.terminate(first.instance_id)
    cloud.wait_for(first.instance_id, {InstanceState.TERMINATED}, timeout_s=60)
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        assert finish_unanswered(desk.bench, desk.wish(), operation) == ()
    assert not any(entry.unanswered for entry in desk.bench.records.journal.entries())
    box = launch_without_arriving(desk, desk.wish())
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]


def test_a_request_that_ec2_knows_in_another_form_is_never_made_anew(desk):
    """Nothing is shown of it: the journal stays open and says where, and no second request is made."""
    desk.aws.fail("RunInstances", "IdempotentParameterMismatch", times=None)
    with pytest.raises(LaunchUnclear, match="in a minute it is clear") as caught:
        launch_without_arriving(desk, desk.wish())
    assert caught.value.remedy.startswith("awsgpu launch g4dn.xlarge")
    assert len(asked(desk.aws)) == 1
    (entry,) = desk.bench.records.journal.entries()
    assert entry.unanswered
    assert desk.bench.records.journal.regions() == ("us-west-2",)


def test_what_ec2_made_of_a_request_in_another_form_is_found_and_kept(desk):
    """The answer was lost, and the same bytes are refused as another's: the instance there is the launch's."""
    desk.aws.fail("RunInstances", "drop-answer")
    desk.aws.fail("RunInstances", "IdempotentParameterMismatch", spare=1)
    box = launch_without_arriving(desk, desk.wish())
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]
    assert desk.bench.records.journal.entries()[0].instance_ids == (box.instance_id,)


def test_a_journal_that_does_not_fit_makes_no_second_instance(desk):
    """Cut off, then changed on disk: the next launch refuses to ask EC2 anew, until a minute has made it clear."""
    clock = [1000.0]
    desk.bench = replace(desk.bench, now=lambda: clock[0])
    desk.aws.fail("RunInstances", "drop", times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    desk.aws.fail("RunInstances", "IdempotentParameterMismatch")
    with (
        desk.bench.records.operations.begin("launch", "gpu") as operation,
        pytest.raises(LaunchUnclear),
    ):
        finish_unanswered(desk.bench, desk.wish(), operation)
    assert desk.bench.records.journal.entries()[0].unanswered
    clock[0] += 61
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        assert finish_unanswered(desk.bench, desk.wish(), operation) == ()
    assert desk.bench.records.journal.regions() == ()
    assert existing(desk) == []


def test_a_request_of_just_now_is_not_taken_for_one_that_made_nothing(desk):
    """Zones tried before it took their minutes: it is the last request's age that counts, and it is sent again."""
    clock = [0.0]

    def listen(event):
        clock[0] += 100 if "free in us-west-2a" in event.text else 0

    desk.bench = replace(desk.bench, now=lambda: clock[0], listener=listen)
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", zone="us-west-2a")
    desk.aws.fail("RunInstances", "drop", times=REPLAYS, spare=1)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    assert (clock[0], existing(desk)) == (100.0, [])
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        (found,) = finish_unanswered(desk.bench, desk.wish(), operation)
    assert [one.instance_id for one in existing(desk)] == [found.instance_id]


def test_what_was_asked_for_as_somebody_else_is_neither_closed_nor_gone_on_with(desk):
    """Under another profile nothing of it is found, and that is no answer: it waits for the one who asked."""
    desk.aws.fail("RunInstances", "drop-answer", times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    (entry,) = desk.bench.records.journal.entries()
    theirs = desk.bench.records.journal.write(replace(entry, owner="210987654321/user/theirs"))
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        assert finish_unanswered(desk.bench, desk.wish(), operation) == ()
    assert desk.bench.records.journal.entries() == (theirs,)


def test_what_ec2_does_not_list_yet_is_not_made_twice(desk):
    """Its lists run behind: the journal knows the id, which is asked for until EC2 knows it, too."""
    desk.aws.set(staleness_s=15.0)
    desk.aws.fail("RunInstances", "drop-answer", times=REPLAYS)
    with pytest.raises(AwsUnreachable):
        launch_without_arriving(desk, desk.wish())
    with desk.bench.records.operations.begin("launch", "gpu") as operation:
        (box,) = finish_unanswered(desk.bench, desk.wish(), operation)  # asked for again, it is running at once
        assert existing(desk) == []
        assert [one.instance_id for one in just_made(desk.bench, "gpu", operation)] == [box.instance_id]
        assert just_made(desk.bench, "other", operation) == ()
        desk.bench.cloud().terminate(box.instance_id)
        desk.bench.cloud().wait_for(box.instance_id, {InstanceState.TERMINATED}, timeout_s=20)
        assert just_made(desk.bench, "gpu", operation) == ()


def test_two_machines_of_one_name_are_not_taken_for_a_cluster(desk):
    """Two laptops made one each: a launch of the name starts neither, and says their ids."""
    boxes = [launch_without_arriving(desk, desk.wish()) for _ in range(2)]
    cloud = desk.bench.cloud()
    cloud.stop(*(one.instance_id for one in boxes))
    cloud.wait_for_all([one.instance_id for one in boxes], {InstanceState.STOPPED}, timeout_s=20)
    with pytest.raises(NameAmbiguous, match=boxes[0].instance_id):
        launch(desk.bench, desk.wish(), yes=True)
    assert {one.state for one in existing(desk)} == {InstanceState.STOPPED}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "PendingVerification", "InvalidParameterValue"])
def test_a_refusal_of_any_kind_leaves_nothing_to_replay(desk, code):
    """EC2 said no: the journal is closed, so that the next launch, of another type, is not met by this one."""
    desk.aws.fail("RunInstances", code)
    with pytest.raises(AwsGpuError):
        launch_without_arriving(desk, desk.wish())
    assert desk.bench.records.journal.regions() == ()
    assert existing(desk) == []


def test_spot_that_costs_too_much_is_said(desk):
    """A --max-price under the market is refused with the way out."""
    with pytest.raises(SpotPriceTooLow) as caught:
        launch_without_arriving(desk, desk.wish(spot="yes", max_price=0.01))
    assert "--spot=prefer" in caught.value.remedy
    assert existing(desk) == []


def test_spot_preferred_falls_back_to_on_demand(desk):
    """Where the market refuses, `--spot prefer` buys on demand, at the on-demand price."""
    box = launch_without_arriving(desk, desk.wish(spot="prefer", max_price=0.01))
    assert not box.spot
    assert any("on demand: the spot market had none" in event.text for event in desk.heard)
    assert box.price_per_hour == pytest.approx(0.526)


def counts_by(desk, box):
    """Return what an instance was told at its birth: the price it counts a budget by, and its last guard's minutes."""
    ec2 = desk.bench.cloud().place.ec2
    answer = ec2.describe_instance_attribute(InstanceId=box.instance_id, Attribute="userData")
    text = gzip.decompress(base64.b64decode(answer["UserData"]["Value"])).decode()
    document = json.loads(text.partition("\n")[2])
    files = {one["path"]: one["content"] for one in document["write_files"]}
    return json.loads(files["/etc/awsgpu/config.json"])["price_per_hour"], int(document["bootcmd"][0][-1])


def test_a_budget_is_counted_on_demand_where_the_spot_market_had_none(desk):
    """`--spot prefer` was shown the spot price: what it fell back to ends it by its own, after less time."""
    box = launch_without_arriving(desk, desk.wish(spot="prefer", max_price=0.01, budget=1))
    rate, minutes = counts_by(desk, box)
    assert 0.526 < rate < 0.56
    assert minutes == int(1 / rate * 60) + 1


def test_a_budget_is_counted_at_the_spot_price_of_the_zone_that_gave_it(desk):
    """The cheapest zone is empty: the next one's hour is dearer, and that is what the budget pays."""
    cloud = desk.bench.cloud()
    prices = {zone: cloud.spot_price("g4dn.xlarge", zone).per_hour for zone in cloud.zones_offering("g4dn.xlarge")}
    cheapest, next_one = sorted(prices, key=prices.get)[:2]
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", zone=cheapest, times=None)
    box = launch_without_arriving(desk, desk.wish(spot="yes", budget=1))
    assert (box.zone, box.spot) == (next_one, True)
    rate, minutes = counts_by(desk, box)
    assert rate == pytest.approx(hourly_rate(cloud, prices[next_one], box.root_gb))
    assert minutes == int(1 / rate * 60) + 1


def test_any_region_goes_on_to_the_next_cheapest(desk):
    """With `--any-region` an empty Oregon is no end: the next cheapest region gives the one instance."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", region="us-west-2", times=None)
    wishes = desk.wish("p2.xlarge", any_region=True)
    with desk.bench.records.operations.begin("launch", wishes.name) as operation:
        (box,) = Launch(desk.bench, wishes, operation, Way(8889))._create_somewhere(
            desk.bench.clouds.identity(), decide(desk.bench, wishes), None, yes=True
        )
    assert box.region == "ap-northeast-1"
    assert existing(desk) == []
    assert [one.instance_id for one in desk.bench.cloud("ap-northeast-1").instances()] == [box.instance_id]


def test_a_default_network_that_was_replaced_is_noticed(desk):
    """The default VPC remembered from yesterday is gone: the group is made in the one there is now."""
    launch_without_arriving(desk, desk.wish())
    client.ask(desk.aws.status, "reset", {})
    box = launch_without_arriving(desk, desk.wish(name="again"))
    assert [one.instance_id for one in existing(desk)] == [box.instance_id]
