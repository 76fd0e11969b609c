"""The preflight: each obstacle alone is seen, named with its remedy, and nothing is changed by asking."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.errors import UnknownRegion, UnknownType
from jupyter_awsgpu.verbs.plan import plan
from tests.behaviour.verbs.hosts_that_answer import answering

READING = ("Describe", "Get", "List", "AssumeRole")


def refused(outcome):
    return {check.key: check for check in outcome.refusals}


def assert_nothing_was_changed(aws):
    for call in aws.calls():
        assert call["dry_run"] or str(call["operation"]).startswith(READING), call


def test_a_good_wish_passes_every_check(desk):
    """Nothing stands in the way of a g4dn.xlarge, and the plan says what it costs."""
    outcome = plan(desk.bench, desk.wish())
    assert outcome.ok
    assert all(check.ok for check in outcome.checks), [check for check in outcome.checks if not check.ok]
    assert outcome.price is not None
    assert outcome.price.per_hour == pytest.approx(0.526)
    assert outcome.disk_gb == outcome.image.root_gb
    assert_nothing_was_changed(desk.aws)


OBSTACLES = {
    "account-plan": ({}, lambda aws: aws.set(free_plan=True), "free-plan"),
    "permissions": ({}, lambda aws: aws.fail("RunInstances", "UnauthorizedOperation"), "permission-denied"),
    "offered": ({"zone": "us-west-2z"}, lambda aws: None, "unknown-zone"),
    "quota": ({}, lambda aws: aws.quota("L-DB2E81BA", 0), "quota-too-low"),
    "network": ({"subnet": "subnet-0123456789abcdef0"}, lambda aws: None, "no-subnet"),
    "image": ({"image": "ami-0123456789abcdef0"}, lambda aws: None, "image-not-found"),
    "driver": ({"cuda": "8.0"}, lambda aws: None, "driver-unfit"),
    "disk": ({"disk_gb": 20}, lambda aws: None, "disk-too-small"),
}


@pytest.mark.parametrize("key", OBSTACLES)
def test_each_obstacle_is_seen_alone(desk, key):
    """One thing is wrong: that check alone fails, with its error's code and a command that helps."""
    options, arrange, code = OBSTACLES[key]
    arrange(desk.aws)
    outcome = plan(desk.bench, desk.wish(**options))
    assert refused(outcome).keys() == {key}
    assert refused(outcome)[key].error == code
    assert refused(outcome)[key].remedy
    assert_nothing_was_changed(desk.aws)


def test_a_type_that_the_region_lacks_names_its_successor(desk):
    """On today's AWS p2.xlarge is offered nowhere near: the remedy is the type that replaced it."""
    outcome = plan(desk.bench, desk.wish("p2.xlarge", region="us-east-1"))
    assert refused(outcome).keys() == {"offered"}
    assert refused(outcome)["offered"].error == "type-not-offered"
    assert "g4dn.xlarge" in refused(outcome)["offered"].remedy


def test_a_name_in_use_by_another_type_is_seen(desk, launched):
    """An instance of the same name and another type stands in the way of this one."""
    outcome = plan(desk.bench, desk.wish("g5.xlarge", name=launched.name))
    assert refused(outcome).keys() == {"name"}


def test_the_port_of_the_instances_own_tunnel_is_not_called_taken(desk, launched):
    """A launch that continues an instance keeps its tunnel; for another name, the same port is taken."""
    with answering(desk.bench) as bench:
        port = bench.tunnels.open(launched).local_port
        said = {
            name: check.detail
            for name in (launched.name, "other")
            for check in plan(bench, desk.wish(name=name, local_port=port)).checks
            if check.key == "port"
        }
    assert said["first"] == f"{port} is our own tunnel's"
    assert said["other"] == f"{port} is taken; the tunnel takes the next free one"


@pytest.fixture
def launched(desk):
    """A g4dn.xlarge that runs in the simulated account."""
    from tests.behaviour.verbs.test_attempts import launch_without_arriving

    return launch_without_arriving(desk, desk.wish(name="first"))


def test_a_plan_of_a_spot_instance_says_that_every_limit_deletes_its_disk(desk):
    """A spot instance cannot be stopped: the cap and the budget terminate it, as idleness does."""
    (said,) = [note for note in plan(desk.bench, desk.wish(spot="yes", budget=5.0)).notes if "A spot instance" in note]
    assert "at every limit it terminates, with its disk" in said


def test_expired_credentials_leave_the_rest_unknown(desk):
    """Where AWS does not know who asks, that is the one refusal; what could not be asked is no refusal."""
    desk.aws.fail("*", "ExpiredToken", times=None)
    outcome = plan(desk.bench, desk.wish())
    assert refused(outcome).keys() == {"credentials"}
    assert refused(outcome)["credentials"].error == "credentials-expired"
    assert outcome.price is not None
    assert outcome.price.source == "catalogue"


@pytest.mark.parametrize(
    ("options", "error", "nearest"),
    [
        ({"instance_type": "p2.xlage"}, UnknownType, "p2.xlarge"),
        ({"instance_type": "g4dn.xlarge", "region": "us-west-3"}, UnknownRegion, "us-west-2"),
    ],
)
def test_a_slip_of_the_pen_names_what_is_near(desk, options, error, nearest):
    """A mistyped type or region is refused with the right one in the sentence."""
    with pytest.raises(error, match=nearest):
        plan(desk.bench, desk.wish(**options))
