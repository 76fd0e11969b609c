"""Types, regions, images, prices and quotas, as the simulated AWS answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.errors import AwsGpuError, ImageNotFound, ImageUnsuitable, TypeNotOffered, UnknownType
from tests.behaviour.cloud.account import new_clouds

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.cloud import Cloud, Clouds
    from tests.behaviour.cloud.account import Aws


def test_identity_names_the_stable_owner(clouds: Clouds) -> None:
    """Account and user, as the tags will have it."""
    assert clouds.identity().owner == "123456789012/user/demo"


def test_the_account_plan_is_asked_and_never_stands_in_the_way(aws: Aws, tmp_path: Path) -> None:
    """Free or paid where AWS says so; unknown where one may not ask."""
    assert new_clouds(aws, tmp_path).account_plan() == "paid"
    aws.set(free_plan=True)
    assert new_clouds(aws, tmp_path).account_plan() == "free"
    aws.fail("GetAccountPlanState", "AccessDeniedException")
    assert new_clouds(aws, tmp_path).account_plan() == "unknown"


def test_the_callers_address_is_what_aws_sees(clouds: Clouds) -> None:
    """On this machine, loopback."""
    assert clouds.caller_address() == "127.0.0.1"


def test_only_regions_of_the_partition_are_listed(clouds: Clouds) -> None:
    """China's regions have accounts of their own."""
    regions = clouds.regions()
    assert "us-west-2" in regions
    assert not [name for name in regions if name.startswith(("cn-", "us-gov-"))]


def test_a_types_gpu_is_read(cloud: Cloud) -> None:
    """The simulated Oregon still has the tutorial's K80; shares of a GPU are shares."""
    p2, share = cloud.instance_type("p2.xlarge"), cloud.instance_type("g6f.large")
    assert p2.gpu is not None
    assert (p2.gpu.model, p2.gpu.compute_capability, p2.retired) == ("K80", "3.7", False)
    assert share.gpu is not None
    assert (share.gpu.count, share.gpu.memory_mib) == (0.125, 2861)


def test_a_type_is_asked_once_a_day(aws: Aws, clouds: Clouds, tmp_path: Path) -> None:
    """Another process finds what this one learnt."""
    clouds.here().instance_type("g5.xlarge")
    new_clouds(aws, tmp_path).here().instance_type("g5.xlarge")
    assert aws.operations().count("DescribeInstanceTypes") == 1


def test_a_typo_is_met_with_the_nearest_names(cloud: Cloud) -> None:
    """Names the region has, not only those of the catalogue."""
    with pytest.raises(UnknownType, match=r"c5\.4xlarge"):
        cloud.instance_type("c5.4xlrge")


def test_where_a_type_is_not_offered_its_successor_is_named(clouds: Clouds) -> None:
    """p2 is gone from Ireland, in the simulation as in truth."""
    with pytest.raises(TypeNotOffered, match="AWS announced its end"):
        clouds.here("eu-west-1").require_offered("p2.xlarge")
    clouds.here("us-west-2").require_offered("p2.xlarge")


def test_the_zones_that_offer_a_type_are_named(cloud: Cloud) -> None:
    """Three of Oregon's four."""
    assert cloud.zones_offering("p2.xlarge") == ("us-west-2a", "us-west-2b", "us-west-2c")
    assert "us-west-2d" in cloud.zones()


def test_a_k80_gets_the_image_that_still_serves_it(cloud: Cloud) -> None:
    """Driver R470; a new Deep Learning image would have none for it."""
    image = cloud.image(None, cloud.instance_type("p2.xlarge"))
    assert image.historical
    assert image.driver == "470.256.02"


def test_where_no_image_serves_a_k80_that_is_said(clouds: Clouds, aws: Aws) -> None:
    """AWS itself publishes no such image today."""
    aws.fail("GetParameters", "InternalError", times=None)
    with pytest.raises(AwsGpuError):
        clouds.here().image("dlami", clouds.here().instance_type("p2.xlarge"))


def test_a_v100_gets_plain_ubuntu_and_cannot_have_the_deep_learning_image(cloud: Cloud) -> None:
    """Open kernel modules need Turing."""
    p3 = cloud.instance_type("p3.2xlarge")
    assert cloud.image(None, p3).kind == "ubuntu"
    with pytest.raises(ImageUnsuitable) as caught:
        cloud.image("dlami", p3)
    assert caught.value.remedy == "awsgpu launch p3.2xlarge --image ubuntu"


def test_an_arm_type_gets_an_arm_image(cloud: Cloud) -> None:
    """And an x86 image is refused by name."""
    g5g = cloud.instance_type("g5g.xlarge")
    assert cloud.image(None, g5g).architecture == "arm64"
    x86 = cloud.image("dlami", cloud.instance_type("g5.xlarge"))
    with pytest.raises(ImageUnsuitable, match="arm64"):
        cloud.image(x86.image_id, g5g)


def test_the_newest_pytorch_image_is_chosen(cloud: Cloud) -> None:
    """By version, and with its true size."""
    image = cloud.image("dlami-pytorch", cloud.instance_type("g5.xlarge"))
    assert "PyTorch 2.13" in image.name
    assert image.root_gb == 75


def test_images_lists_the_choices(cloud: Cloud) -> None:
    """What `--image` understands."""
    assert [one.kind for one in cloud.images()][:3] == ["dlami", "dlami-pytorch", "ubuntu"]


@pytest.mark.parametrize("wish", ["nobodys-image", "ami-0123456789abcdef0"])
def test_an_image_that_is_not_there_is_named(cloud: Cloud, wish: str) -> None:
    """Whether by name or by id."""
    with pytest.raises(ImageNotFound, match=wish):
        cloud.image(wish, cloud.instance_type("g5.xlarge"))


def test_a_price_is_live_and_kept(aws: Aws, cloud: Cloud) -> None:
    """One question a day."""
    price = cloud.price("p2.xlarge")
    assert price is not None
    assert (price.per_hour, price.source) == (0.9, "price list")
    cloud.price("p2.xlarge")
    assert aws.operations().count("GetProducts") == 1


def test_where_the_price_list_may_not_be_asked_the_catalogue_answers(aws: Aws, clouds: Clouds) -> None:
    """With its date; and the refusal costs one question, not one a launch."""
    aws.fail("GetProducts", "AccessDeniedException", times=None)
    virginia = clouds.here("us-east-1")
    price = virginia.price("g4dn.xlarge")
    assert price is not None
    assert price.source == "catalogue"
    virginia.price("g5.xlarge")
    assert aws.operations().count("GetProducts") == 1


def test_spot_is_cheaper_and_by_zone(cloud: Cloud) -> None:
    """The lowest of the region, or one zone's own."""
    lowest, one = cloud.spot_price("g5.xlarge"), cloud.spot_price("g5.xlarge", "us-west-2b")
    assert lowest is not None
    assert one is not None
    assert lowest.per_hour <= one.per_hour
    assert lowest.source == "spot history"


def test_offers_have_prices_and_the_retired_ones_none(cloud: Cloud) -> None:
    """A retired type is shown with its successor, never as offered."""
    offers = {one.instance_type.name: one for one in cloud.offers(include_retired=True)}
    assert offers["g5.xlarge"].price is not None
    assert offers["g3.4xlarge"].price is None
    assert offers["g3.4xlarge"].instance_type.successor == "g4dn.4xlarge"
    assert not offers["p2.xlarge"].instance_type.retired, "the simulated Oregon offers it"


def test_all_regions_prices_are_one_question(aws: Aws, clouds: Clouds) -> None:
    """Zones and spot are asked region by region; the price list once."""
    itype = clouds.here().instance_type("g5.xlarge")
    answers = clouds.each(None, lambda cloud: cloud.offer(itype, spot=True))
    offers = {region: one for region, one in answers.items() if one is not None and not isinstance(one, AwsGpuError)}
    assert len(offers) > 5
    priced = [one.price for one in offers.values() if one.price is not None]
    assert {price.source for price in priced} == {"price list"}
    assert aws.operations().count("GetProducts") == 1


def test_one_regions_refusal_is_its_own(aws: Aws, clouds: Clouds) -> None:
    """The others answer all the same."""
    aws.fail("DescribeInstances", "AuthFailure", region="eu-west-1", times=None)
    answers = clouds.each(("us-west-2", "eu-west-1"), lambda cloud: cloud.instances())
    assert answers["us-west-2"] == ()
    assert isinstance(answers["eu-west-1"], AwsGpuError)


def test_a_quota_counts_what_runs(cloud: Cloud, aws: Aws) -> None:
    """Limit and use of the bucket, found by the quota's name."""
    quota = cloud.quota(cloud.instance_type("p2.xlarge"))
    assert quota is not None
    assert (quota.label, quota.limit, quota.used, quota.free) == ("P", 192.0, 0.0, 192.0)
    aws.quota(quota.code, 4)
    now = cloud.quota(cloud.instance_type("p2.xlarge"))
    assert now is not None
    assert now.limit == 4


def test_a_quota_that_may_not_be_asked_is_unknown(cloud: Cloud, aws: Aws) -> None:
    """And stands in nobody's way."""
    aws.fail("ListServiceQuotas", "AccessDeniedException", times=None)
    assert cloud.quota(cloud.instance_type("p2.xlarge")) is None


def test_a_request_for_more_is_followed_not_doubled(cloud: Cloud, aws: Aws) -> None:
    """Asking twice is asking once."""
    aws.set(quota_approval_s=60)
    p2 = cloud.instance_type("p2.xlarge")
    first, second = cloud.request_quota(p2, 256), cloud.request_quota(p2, 300)
    assert (first.request_status, first.requested) == ("PENDING", 256.0)
    assert second.requested == 256.0
