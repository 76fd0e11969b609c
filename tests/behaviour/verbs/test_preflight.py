"""`launch` begins with the preflight: what can be foreseen is refused before anything is made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.errors import (
    AwsGpuError,
    GroupMissing,
    NoCapacity,
    NoCapacityAnywhere,
    NoSubnet,
    PermissionDenied,
    PlanRefused,
    QuotaTooLow,
    UnknownZone,
)
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.wishes import options
from tests.behaviour.verbs.test_attempts import asked
from tests.behaviour.verbs.test_plan import assert_nothing_was_changed


class Running(BaseException):
    """Raised where the instance runs: there is no host behind it here."""


@dataclass
class UntilRunning:
    """A listener that ends a launch as soon as EC2 calls the instance running."""

    steps: list[str]

    def __call__(self, event):
        self.steps.append(event.text)
        if event.step == "running" and event.phase == "done":
            raise Running


def launch_until_running(desk, **options):
    """Launch by the public verb, up to the running instance; returns what was said."""
    listener = UntilRunning([])
    bench = replace(desk.bench, listener=listener)
    with pytest.raises(Running):
        launch(bench, desk.wish(**options), yes=True)
    return listener.steps


def refusal_of(desk, **options):
    """Return what a launch is refused with; nothing at all was made by then."""
    with pytest.raises(AwsGpuError) as caught:
        launch(desk.bench, desk.wish(**options), yes=True)
    assert_nothing_was_changed(desk.aws)
    return caught.value


FORESEEABLE = {
    "account-plan": ({}, lambda aws: aws.set(free_plan=True), "free-plan"),
    "permissions": ({}, lambda aws: aws.fail("RunInstances", "UnauthorizedOperation"), "permission-denied"),
    "key": ({}, lambda aws: aws.fail("ImportKeyPair", "UnauthorizedOperation"), "permission-denied"),
    "group": ({}, lambda aws: aws.fail("CreateSecurityGroup", "UnauthorizedOperation"), "permission-denied"),
    "offered": ({"instance_type": "p2.xlarge", "region": "us-east-1"}, lambda aws: None, "type-not-offered"),
    "zone": ({"zone": "us-west-2z"}, lambda aws: None, "unknown-zone"),
    "quota": ({}, lambda aws: aws.quota("L-DB2E81BA", 0), "quota-too-low"),
    "spot": ({"spot": "yes"}, lambda aws: aws.quota("L-3819A6DF", 0), "spot-quota-too-low"),
    "subnet": ({"subnet": "subnet-0123456789abcdef0"}, lambda aws: None, "no-subnet"),
    "named group": ({"security_group": "sg-0123456789abcdef0"}, lambda aws: None, "group-missing"),
    "image": ({"image": "ami-0123456789abcdef0"}, lambda aws: None, "image-not-found"),
    "driver": ({"cuda": "8.0"}, lambda aws: None, "driver-unfit"),
    "disk": ({"disk_gb": 20}, lambda aws: None, "disk-too-small"),
    "credentials": ({}, lambda aws: aws.fail("*", "ExpiredToken", times=None), "credentials-expired"),
}


@pytest.mark.parametrize("what", FORESEEABLE)
def test_what_can_be_foreseen_is_refused_before_anything_is_made(desk, what):
    """One thing is wrong: the launch says so, and AWS's own log shows no mutating call but DryRun."""
    wishes, arrange, code = FORESEEABLE[what]
    arrange(desk.aws)
    error = refusal_of(desk, **wishes)
    assert error.code == code
    assert error.remedy
    assert desk.bench.records.journal.entries() == ()


def test_a_default_network_that_is_missing_is_foreseen(desk):
    """Neither key pair nor group is left behind where there is nothing to launch into."""
    ec2 = desk.bench.cloud().place.ec2
    vpc = desk.bench.cloud().default_vpc()
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    made = {"DeleteSubnet", "DeleteVpc"}
    with pytest.raises(AwsGpuError) as caught:
        launch(desk.bench, desk.wish(), yes=True)
    assert caught.value.code == "no-default-vpc"
    changing = [call["operation"] for call in desk.aws.calls() if not call["dry_run"]]
    assert {one for one in changing if not one.startswith(("Describe", "Get", "List"))} == made


def test_a_clock_that_is_off_is_said_and_nothing_is_made(desk):
    """Ten minutes: the one sentence that helps, whichever call met it first."""
    desk.aws.set(clock_s=600.0)
    assert refusal_of(desk).code == "clock-wrong"
    desk.aws.set(clock_s=0.0)
    assert desk.bench.cloud().instances() == ()


def test_several_obstacles_are_counted_and_the_plan_shows_them(desk):
    """Too small a disk and a limit of 0: the first is told, and the command that shows them all."""
    desk.aws.quota("L-DB2E81BA", 0)
    error = refusal_of(desk, disk_gb=20, name="mine")
    assert isinstance(error, PlanRefused)
    assert error.message.startswith("2 checks stand in the way")
    assert error.remedy == "awsgpu plan g4dn.xlarge --name mine --disk 20"


def test_a_limit_that_is_used_up_is_foreseen(desk):
    """What runs already counts: one fits under 4 vCPUs, the second does not, and asks for 8."""
    desk.aws.quota("L-DB2E81BA", 4)
    launch_until_running(desk)
    with pytest.raises(QuotaTooLow) as caught:
        launch(desk.bench, desk.wish(name="second"), yes=True)
    assert "--request 8" in caught.value.remedy
    assert len(asked(desk.aws)) == 1


def test_a_raised_limit_is_noticed_at_once(desk):
    """A remembered limit that does not suffice is asked for anew: nobody waits a day for what AWS granted."""
    desk.aws.quota("L-DB2E81BA", 0)
    with pytest.raises(QuotaTooLow):
        launch(desk.bench, desk.wish(), yes=True)
    desk.aws.quota("L-DB2E81BA", 4)
    launch_until_running(desk)


def test_a_limit_lowered_behind_our_back_costs_one_call(desk):
    """The preflight passes on a limit of this morning; EC2 refuses once, is not asked again, and is believed."""
    launch_until_running(desk, name="warm")
    desk.aws.quota("L-DB2E81BA", 0)
    for _again in range(2):
        with pytest.raises(QuotaTooLow):
            launch(desk.bench, desk.wish(), yes=True)
    assert len(asked(desk.aws)) == 2, "the warm one, and the one that was refused"


def test_permission_is_asked_once_a_day(desk):
    """The second launch asks for nothing by DryRun: what was withdrawn since, the real call refuses."""
    launch_until_running(desk)
    dry = sum(call["dry_run"] for call in desk.aws.calls())
    launch_until_running(desk, name="second")
    assert dry == 3
    assert sum(call["dry_run"] for call in desk.aws.calls()) == dry


def test_a_permission_withdrawn_since_is_asked_again_after_its_refusal(desk):
    """The real call is refused; from then on the preflight asks again."""
    launch_until_running(desk)
    desk.aws.fail("RunInstances", "UnauthorizedOperation")
    with pytest.raises(PermissionDenied):
        launch(desk.bench, desk.wish(name="second"), yes=True)
    dry = sum(call["dry_run"] for call in desk.aws.calls())
    launch_until_running(desk, name="third")
    assert sum(call["dry_run"] for call in desk.aws.calls()) > dry


def test_a_key_pair_deleted_since_is_imported_again(desk):
    """EC2 refuses the launch for it once; the same launch brings the key back and goes on."""
    launch_until_running(desk)
    (pair,) = desk.bench.cloud().place.ec2.describe_key_pairs()["KeyPairs"]
    desk.bench.cloud().place.ec2.delete_key_pair(KeyName=pair["KeyName"])
    launch_until_running(desk, name="second")
    assert {one.name for one in desk.bench.cloud().instances()} == {"gpu", "second"}


def test_a_warm_launch_makes_at_most_seven_calls(desk):
    """Whatever a day cannot change is remembered; names, volumes, plan, group and what runs are asked."""
    launch_until_running(desk, name="warm")
    before = len(desk.aws.operations())
    launch_until_running(desk)
    made = desk.aws.operations()[before:]
    until_run = made[: made.index("RunInstances") + 1]
    assert len(until_run) <= 7, until_run


def test_a_default_network_that_was_replaced_since_is_no_obstacle(desk):
    """What the preflight remembers of this morning is gone: the launch finds the one there is now."""
    launch_until_running(desk)
    client.ask(desk.aws.status, "reset", {})
    launch_until_running(desk)
    assert len(desk.bench.cloud().instances(name="gpu")) == 1


# ── networks ─────────────────────────────────────────────────────────────────────────────────


def subnet_in(desk, zone):
    """Return the id of a default subnet."""
    found = desk.bench.cloud().place.ec2.describe_subnets()["Subnets"]
    return next(one["SubnetId"] for one in found if one["AvailabilityZone"] == zone)


def test_a_named_subnet_is_tried_in_its_own_zone_only(desk):
    """Its zone has none free: EC2 is asked once, not once for every zone of the region."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None)
    with pytest.raises(NoCapacity, match=r"tried: us-west-2b\."):
        launch(desk.bench, desk.wish(subnet=subnet_in(desk, "us-west-2b")), yes=True)
    assert len(asked(desk.aws)) == 1


def test_a_subnet_in_another_zone_than_asked_for_is_refused(desk):
    """Both wishes cannot hold."""
    error = refusal_of(desk, subnet=subnet_in(desk, "us-west-2b"), zone="us-west-2a")
    assert isinstance(error, NoSubnet)
    assert "us-west-2b" in error.message
    assert error.remedy == "awsgpu launch g4dn.xlarge --zone us-west-2a"


def test_a_group_of_another_network_is_refused(desk):
    """EC2 would refuse it after the key pair was made."""
    ec2 = desk.bench.cloud().place.ec2
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=other)["GroupId"]
    with pytest.raises(GroupMissing, match=group):
        launch(desk.bench, desk.wish(security_group=group), yes=True)
    assert "ImportKeyPair" not in [call["operation"] for call in desk.aws.calls() if not call["dry_run"]]


# ── remedies that run as they stand ──────────────────────────────────────────────────────────


def test_a_remedy_keeps_the_lines_other_options(desk):
    """What is mended is replaced; the name, the caps and the rest stay as they were typed."""
    error = refusal_of(desk, name="mine", disk_gb=20, idle_stop_minutes=30, max_hours=3.0, spot="prefer")
    assert error.remedy == (
        "awsgpu launch g4dn.xlarge --name mine --spot=prefer --idle-stop 30m --max-hours 3 --disk 65"
    )


def test_a_zone_of_another_region_leads_there(desk):
    """A zone is a region's: the remedy says both."""
    error = refusal_of(desk, zone="us-east-1a")
    assert isinstance(error, UnknownZone)
    assert "but of us-east-1" in error.message
    assert error.remedy == "awsgpu launch g4dn.xlarge --region us-east-1 --zone us-east-1a"


def test_a_zone_that_is_none_leads_to_a_near_one_that_offers_the_type(desk):
    """The remedy is a line that runs."""
    assert refusal_of(desk, zone="us-west-2x").remedy.startswith("awsgpu launch g4dn.xlarge --zone us-west-2")


def test_wishes_read_back_as_they_are_typed(desk):
    """Every kind of option: flags, lists of words, times, none."""
    wishes = desk.wish(any_region=True, spot="yes", max_price=0.5, image="my image", cuda="12.6", budget=5.0)
    assert options(wishes) == " --any-region --image 'my image' --spot --max-price 0.5 --cuda 12.6 --budget 5"
    assert options(desk.wish(), ()) == ""


def test_a_guard_is_read_back_with_its_role_and_a_role_alone_is_not(desk):
    """A remedy launches no unguarded machine in a guarded one's place; the setting's role says nothing by itself."""
    guarded = desk.wish(guard="scheduler", guard_role="arn:aws:iam::123456789012:role/guard")
    assert options(guarded) == " --guard scheduler --guard-role arn:aws:iam::123456789012:role/guard"
    assert options(desk.wish(guard_role="arn:aws:iam::123456789012:role/guard")) == ""


def test_any_region_finds_what_home_does_not_offer(desk):
    """The remedy of a type that a region lacks says `--any-region`, and that line launches."""
    launch_until_running(desk, instance_type="p3.2xlarge", region="us-east-1", any_region=True)
    found = desk.bench.clouds.each(None, lambda cloud: cloud.instances(name="gpu"))
    assert {one.region for answer in found.values() for one in answer} == {"us-west-2"}


def test_any_region_that_finds_none_says_where_it_asked(desk):
    """Nothing was made, and there is no sense in the same line again."""
    desk.aws.fail("RunInstances", "InsufficientInstanceCapacity", times=None)
    with pytest.raises(NoCapacityAnywhere, match="ap-northeast-1"):
        launch(desk.bench, desk.wish("p2.xlarge", any_region=True), yes=True)
