"""The shipped catalogue holds together: every row has a source and a date, every successor exists."""

from __future__ import annotations

from datetime import date

import pytest

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.types import nearest

DOCUMENTS = ("types", "retired", "prices", "regions")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_names_source_date_and_refresh(name: str) -> None:
    """A figure without a source is not shown to anybody."""
    document = catalogue.document(name)
    assert document["source"]
    assert document["refresh"]
    assert date.fromisoformat(document["as_of"])


def test_every_retired_family_has_a_source() -> None:
    """That AWS retired something is a claim, and claims have sources."""
    families = catalogue.document("retired")["families"]
    assert all(row["source"] for row in families.values())
    assert {row["family"] for row in catalogue.document("retired")["types"].values()} <= set(families)


def test_every_successor_is_a_type_that_is_offered_somewhere() -> None:
    """Nobody is sent from one retired type to another."""
    for one in catalogue.retired_types():
        assert one.successor is not None
        successor = catalogue.instance_type(one.successor)
        assert successor is not None
        assert not successor.retired
        assert catalogue.regions_with(successor.name)


def test_the_tutorials_types_are_retired_with_todays_successors() -> None:
    """p2.xlarge and p3.2xlarge were the tutorial's; T4 and L4 take their place."""
    p2, p3 = catalogue.instance_type("p2.xlarge"), catalogue.instance_type("p3.2xlarge")
    assert p2 is not None
    assert p3 is not None
    assert (p2.retired, p2.successor) == (True, "g4dn.xlarge")
    assert (p3.retired, p3.successor) == (True, "g6.2xlarge")


def test_every_nvidia_gpu_has_a_compute_capability() -> None:
    """Driver and CUDA are chosen by it."""
    for name in catalogue.type_names():
        one = catalogue.instance_type(name)
        assert one is not None
        if one.gpu is not None and one.gpu.maker == "NVIDIA":
            assert one.gpu.compute_capability, name


def test_prices_are_of_known_types_and_regions_and_dated() -> None:
    """A price is shown with its date, and is a price of something."""
    known, regions = set(catalogue.type_names()), set(catalogue.document("regions")["regions"])
    listed = catalogue.document("prices")
    for source in listed["sources"].values():
        assert source["source"]
        assert date.fromisoformat(source["as_of"])
    for region, row in listed["regions"].items():
        assert region in regions
        for name, (per_hour, source) in row["types"].items():
            assert name in known
            assert source in listed["sources"]
            assert 0 < per_hour < 2000


def test_every_commercial_region_has_a_price_for_the_commonest_gpu() -> None:
    """So that comparing regions works with no credentials, wherever T4 has been sold for long."""
    with_t4 = [region for region in catalogue.regions_with("g4dn.xlarge") if catalogue.price(region, "g4dn.xlarge")]
    assert len(with_t4) >= 19


def test_a_catalogue_price_says_so() -> None:
    """It carries its source and date to wherever it is shown."""
    price = catalogue.price("us-east-1", "g4dn.xlarge")
    assert price is not None
    assert (price.per_hour, price.source) == (0.526, "catalogue")
    assert price.as_of == date(2026, 7, 20)


def test_china_is_priced_in_yuan_and_has_no_dollar_disk() -> None:
    """Another partition has its own currency; what is not known there is not guessed."""
    price = catalogue.price("cn-north-1", "g4dn.xlarge")
    assert price is not None
    assert price.currency == "CNY"
    assert catalogue.storage_price("cn-north-1", "gp3_gb_month") is None


@pytest.mark.parametrize(
    ("typo", "meant"), [("g4dn.xlage", "g4dn.xlarge"), ("p2.xlrage", "p2.xlarge"), ("G5.XLARGE", "g5.xlarge")]
)
def test_a_typo_is_near_its_type(typo: str, meant: str) -> None:
    """The likest name comes first."""
    assert nearest(typo, catalogue.type_names())[0] == meant


def test_opt_in_regions_are_known() -> None:
    """They answer strangers with what looks like wrong credentials."""
    assert catalogue.must_be_enabled("ap-east-1")
    assert not catalogue.must_be_enabled("us-west-2")
