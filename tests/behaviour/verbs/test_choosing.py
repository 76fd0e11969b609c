"""`quota`, `images`, `types` and `plan` as a person asks for them before any launch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jupyter_awsgpu.cloud import Clouds
from jupyter_awsgpu.errors import BadValue, NeedsYes, PriceUnknown
from jupyter_awsgpu.records import FactCache
from jupyter_awsgpu.verbs.choice import require_consent_first
from jupyter_awsgpu.verbs.choosing import images, quota, regions, types
from jupyter_awsgpu.verbs.launch import launch
from jupyter_awsgpu.verbs.launch_many import launch_many
from jupyter_awsgpu.verbs.plan import plan
from tests.behaviour.verbs.test_plan import assert_nothing_was_changed
from tests.behaviour.verbs.test_preflight import UntilRunning


def test_a_quota_says_what_a_launch_needs(desk):
    """Limit, use and need stand side by side."""
    answer = quota(desk.bench, "g4dn.2xlarge")
    assert (answer.instance_type, answer.needed) == ("g4dn.2xlarge", 8)
    assert answer.free >= answer.needed


def test_an_image_says_which_types_it_runs_on(desk):
    """The open kernel module of today's image leaves the K80 out; the historical image and plain Ubuntu serve it."""
    found = {(one.kind, one.historical): one.supports for one in images(desk.bench)}
    assert "g4dn" in found["dlami", False]
    assert "p2" not in found["dlami", False]
    assert "p2" in found["dlami", True]
    assert {"p2", "g4dn", "p5"} <= set(found["ubuntu", False])


@pytest.fixture
def nowhere(desk, tmp_path):
    """Return the desk of a person who has named no region anywhere."""
    status = desk.aws.status
    clouds = Clouds(
        endpoint=status.endpoint,
        credentials=(status.access_key_id, status.secret_access_key),
        cache=FactCache(tmp_path / "elsewhere"),
        demo=True,
    )
    return replace(desk, bench=replace(desk.bench, clouds=clouds))


def test_looking_needs_no_region(nowhere):
    """Types and regions are shown, of a region that is named; nothing has to be configured first."""
    assert {one.region for one in types(nowhere.bench, gpu="T4")} == {"us-east-1"}
    assert "us-west-2" in {one.region for one in regions(nowhere.bench, "g4dn.xlarge", spot=False)}


def test_a_plan_without_a_region_says_so_and_answers_the_rest(nowhere):
    """A launch would be refused for it, so the plan shows that one ✗ with its command."""
    outcome = plan(nowhere.bench, replace(nowhere.wish(), region=None))
    assert {check.key: check.error for check in outcome.refusals} == {"region": "no-region"}


def test_a_launch_that_goes_on_by_itself_asks_first(desk):
    """Above the price one has set nobody is there to say yes later."""
    with pytest.raises(NeedsYes, match="above your limit"):
        require_consent_first(desk.bench, desk.wish("p5.48xlarge"), yes=False)
    require_consent_first(desk.bench, desk.wish("p5.48xlarge"), yes=True)
    require_consent_first(desk.bench, desk.wish("g4dn.xlarge"), yes=False)


def test_a_preferred_spot_instance_is_asked_about_at_the_price_it_may_fall_back_to(desk):
    """$2 on the spot market may end as $7.8 on demand: consent and the plan's most are of the latter."""
    with pytest.raises(NeedsYes, match=r"\$7\.824"):
        require_consent_first(desk.bench, desk.wish("g4dn.metal", spot="prefer"), yes=False)
    require_consent_first(desk.bench, desk.wish("g4dn.metal", spot="yes"), yes=False)
    outcome = plan(desk.bench, desk.wish("g4dn.metal", spot="prefer", max_hours=10))
    assert any("78.24 at most" in note for note in outcome.notes)


PRICELESS = "g4dn.2xlarge"
"""A type of which the shipped catalogue has no price in this region."""


@pytest.fixture
def priceless(desk):
    """Return the desk of somebody who may not ask for prices; a launch that is not refused ends as it runs."""
    desk.aws.fail("GetProducts", "AccessDeniedException", times=None)
    return replace(desk, bench=replace(desk.bench, listener=UntilRunning([])))


def test_a_price_that_nobody_knows_is_asked_about(priceless):
    """What it costs may be anything: a launch wants a yes, and says why; the yes is an answer."""
    with pytest.raises(NeedsYes, match=r"What g4dn\.2xlarge would cost is unknown here") as caught:
        launch(priceless.bench, priceless.wish(PRICELESS))
    assert caught.value.remedy.endswith("--yes")
    assert_nothing_was_changed(priceless.aws)
    with pytest.raises(NeedsYes, match=r"What 2 machines of g4dn\.2xlarge would cost"):
        launch_many(priceless.bench, priceless.wish(PRICELESS), 2)
    require_consent_first(priceless.bench, priceless.wish(PRICELESS), yes=True)


@pytest.mark.parametrize("spot", ["no", "prefer"])
def test_a_budget_without_a_price_is_refused(priceless, spot):
    """Nothing would end the run at that sum: nothing is made, yes or no, and the plan shows it."""
    wish = priceless.wish(PRICELESS, budget=5, spot=spot)
    with pytest.raises(PriceUnknown, match="A budget cannot be kept") as caught:
        launch(priceless.bench, wish, yes=True)
    assert "--budget none --max-hours 12" in caught.value.remedy
    assert_nothing_was_changed(priceless.aws)
    assert {check.key: check.error for check in plan(priceless.bench, wish).refusals} == {"budget": "price-unknown"}


@pytest.mark.parametrize(
    ("name", "software"), [("ubuntu-pro-server*", "Ubuntu Pro Linux"), ("NVIDIA GPU-Opt*", "Marketplace product 6rx1")]
)
def test_software_that_is_billed_apart_is_said_and_asked_about(desk, name, software):
    """The price is plain Linux's: what an image of another system, or of the Marketplace, costs is not in it."""
    wish = [{"Name": "name", "Values": [name]}]
    (image,) = desk.bench.cloud().place.ec2.describe_images(Filters=wish)["Images"]
    wishes = desk.wish(image=image["ImageId"], budget=5)
    with pytest.raises(NeedsYes, match=rf"\$0\.526.*\({software}.*billed apart.*a budget does not count it"):
        require_consent_first(desk.bench, wishes, yes=False)
    require_consent_first(desk.bench, wishes, yes=True)
    outcome = plan(desk.bench, wishes)
    assert outcome.ok
    assert any(software in note for note in outcome.notes)
    assert not any("billed apart, at a price" in note for note in plan(desk.bench, desk.wish(budget=5)).notes)


def test_a_gpu_is_named_exactly_or_in_part(desk):
    """`L4` is the L4 and no L40S; `rtx` is every RTX; a slip of the pen names what is near."""
    assert {one.instance_type.gpu.model for one in types(desk.bench, gpu="l4")} == {"L4"}
    assert {one.instance_type.gpu.model for one in types(desk.bench, gpu="rtx")} > {"RTX PRO 4500"}
    with pytest.raises(BadValue, match="A10G"):
        types(desk.bench, gpu="A1G")
    assert types(desk.bench, gpu="M60") == (), "retired everywhere, and known"


def test_what_is_free_is_said(desk):
    """An account that still has the free tier reads so, and how far it goes."""
    said = " ".join(plan(desk.bench, desk.wish("t2.micro")).notes)
    assert "t2.micro and 30 GB of disk are free" in said
    assert "of 40 GB the rest costs" in said
    assert "free" not in " ".join(plan(desk.bench, desk.wish("g4dn.xlarge")).notes)


def test_a_plan_names_what_is_billed_beside_the_hour(desk):
    """Disk at rest, public address, and the snapshot of an image."""
    outcome = plan(desk.bench, desk.wish())
    assert (outcome.disk_per_month, outcome.address_per_hour) == (pytest.approx(65 * 0.08), 0.005)
    assert any("an image of the disk (awsgpu image) would cost $3.25 a month" in note for note in outcome.notes)


@pytest.mark.parametrize(("region", "price", "disk"), [("us-gov-west-1", "USD", None), ("cn-north-1", "CNY", None)])
def test_other_partitions_answer_in_their_own_currency(desk, region, price, disk, tmp_path, monkeypatch):
    """Without credentials the catalogue answers, and what is unknown there is said to be."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    clouds = Clouds(region=region, cache=FactCache(tmp_path))
    outcome = plan(replace(desk.bench, clouds=clouds), desk.wish(region=region))
    assert outcome.price is not None
    assert (outcome.price.currency, outcome.price.source, outcome.disk_per_month) == (price, "catalogue", disk)
    assert any("unknown here" in note for note in outcome.notes)
    offered = next(check for check in outcome.checks if check.key == "offered")
    assert offered.ok
    assert "says the catalogue" in offered.detail
