"""With no credentials at all, what can be chosen from is still shown, from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.cloud import Clouds
from jupyter_awsgpu.errors import NoCredentials, NoRegion, ProfileMissing, TypeNotOffered, UnknownRegion, UnknownType

if TYPE_CHECKING:
    from collections.abc import Iterator


class Forgetful:
    """A cache that keeps nothing."""

    def get(self, key: str, max_age_s: float) -> Any | None:
        """Know nothing."""

    def put(self, key: str, value: object) -> None:
        """Forget it."""


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clouds]:
    """AWS as seen from a machine nobody has configured."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return Clouds(region="us-west-2", cache=Forgetful())


def test_types_answer_with_prices_and_dates(clouds: Clouds) -> None:
    """Today's accelerators, the retired ones on request."""
    offers = {one.instance_type.name: one for one in clouds.here("us-east-1").offers(include_retired=True)}
    price = offers["g4dn.xlarge"].price
    assert price is not None
    assert price.source == "catalogue"
    assert offers["p2.xlarge"].instance_type.retired


def test_regions_answer(clouds: Clouds) -> None:
    """The regions themselves, and which has a type."""
    assert "eu-west-1" in clouds.regions()
    itype = clouds.here().instance_type("g5.xlarge")
    answers = clouds.each(("us-west-2", "ap-southeast-6"), lambda cloud: cloud.offer(itype, spot=True))
    assert answers["us-west-2"] is not None
    assert answers["ap-southeast-6"] is None


@pytest.mark.parametrize(("region", "currency"), [("cn-north-1", "CNY"), ("us-gov-west-1", "USD")])
def test_china_and_govcloud_answer_in_their_currency(region: str, currency: str) -> None:
    """A region that the catalogue has prices of offers what is priced, and counts its own partition's regions."""
    cloud = Clouds(region=region, cache=Forgetful()).here()
    offers = {one.instance_type.name: one for one in cloud.offers()}
    assert offers["g4dn.xlarge"].price is not None
    assert offers["g4dn.xlarge"].price.currency == currency
    assert offers["g4dn.xlarge"].regions_offering in (1, 2)
    cloud.require_offered("g4dn.xlarge")


def test_a_region_the_catalogue_knows_nothing_of_is_left_unsaid(clouds: Clouds) -> None:
    """Silence of the catalogue is no refusal: what could not be asked is said instead."""
    with pytest.raises(NoCredentials):
        clouds.here("cn-northwest-1").require_offered("g4dn.xlarge")


def test_a_retired_type_names_its_successor(clouds: Clouds) -> None:
    """The tutorial's first line leads somewhere today."""
    with pytest.raises(TypeNotOffered) as caught:
        clouds.here().require_offered("p2.xlarge")
    assert caught.value.remedy == "awsgpu launch g4dn.xlarge"


def test_a_type_that_never_was_names_the_nearest(clouds: Clouds) -> None:
    """Typing errors are met with names, not with a shrug."""
    with pytest.raises(UnknownType, match="g4dn"):
        clouds.here().instance_type("g4dn.xlage")


def test_a_region_that_never_was_names_the_nearest(clouds: Clouds) -> None:
    """Without asking anybody."""
    with pytest.raises(UnknownRegion, match="us-west-2"):
        clouds.here("us-wst-2")


def test_who_we_are_cannot_be_answered(clouds: Clouds) -> None:
    """No credentials is an error with a remedy, the plan of the account unknown, quotas not to be had."""
    with pytest.raises(NoCredentials):
        clouds.identity()
    assert clouds.account_plan() == "unknown"
    assert clouds.here().quota(clouds.here().instance_type("g5.xlarge")) is None


def test_no_region_anywhere_is_said() -> None:
    """Neither option nor profile names one."""
    with pytest.raises(NoRegion):
        _ = Clouds(cache=Forgetful()).default_region


def test_a_profile_that_is_not_there_is_named() -> None:
    """And what there is instead."""
    with pytest.raises(ProfileMissing, match="nobody"):
        Clouds(profile="nobody", region="us-west-2", cache=Forgetful()).identity()
