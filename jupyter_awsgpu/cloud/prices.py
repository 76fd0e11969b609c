"""What things cost: live from the price list, kept a day; else the shipped catalogue with its date.

All on-demand figures are Linux, shared tenancy, without taxes. Spot prices are the market's own history.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.place import UNASKABLE
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.model import Price

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jupyter_awsgpu.cloud.place import Place

PRICE_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""Where the price list answers (botocore's endpoint data); GovCloud's prices are in us-east-1's list."""

INSTANCE_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
}

TYPES_A_QUESTION = 40
"""Types asked for in one ANY_OF filter; a page holds 100 products."""

SPOT_S = 300.0
"""Seconds for which a spot price counts as present."""

REFUSED = "price list refused"
REFUSED_S = 3600.0
"""Seconds for which a refusal of the price list is remembered, so that it costs no launch a call."""


def price(place: Place, name: str) -> Price | None:
    """Return the type's on-demand price an hour in the region; None where nobody knows it."""
    return prices(place, (name,)).get(name)


def prices(place: Place, names: Iterable[str]) -> dict[str, Price]:
    """Return the on-demand prices of several types, live where they can be had, else the catalogue's."""
    wanted = tuple(sorted(set(names)))
    live, unknown = _remembered(place, wanted)
    if unknown:
        live |= _asked(place, unknown)
    found = {name: live.get(name) or catalogue.price(place.region, name) for name in wanted}
    return {name: one for name, one in found.items() if one is not None}


def price_among_regions(place: Place, name: str) -> Price | None:
    """Return the type's price in the region, having asked for every region's at once.

    Comparing thirty regions then costs one question instead of thirty.
    """

    def ask() -> dict[str, Any]:
        found = {}
        for product in _products(place, _wish("instanceType", (name,)), everywhere=True):
            one = _of_product(product)
            if one is not None:
                found[product["product"]["attributes"].get("regionCode", "")] = _plain(one)
        return found

    partition = place.session.partition(place.region)
    try:
        everywhere = place.remembered(f"prices of {name}", ask, of=partition)
    except UNASKABLE:
        everywhere = {}
    plain = everywhere.get(place.region)
    return _from_plain(plain) if plain else catalogue.price(place.region, name)


def _remembered(place: Place, names: Iterable[str]) -> tuple[dict[str, Price], tuple[str, ...]]:
    """Return the prices known since today, and the names nothing is known of; no product is knowledge, too."""
    known = {name: place.known(f"price/{name}") for name in names}
    found = {name: _from_plain(plain) for name, plain in known.items() if plain}
    return found, tuple(name for name, plain in known.items() if plain is None)


def _asked(place: Place, names: tuple[str, ...]) -> dict[str, Price]:
    """Ask the price list; a list that does not answer, or may not be asked, gives nothing."""
    if place.known(REFUSED, REFUSED_S):
        return {}
    found: dict[str, Price] = {}
    try:
        for first in range(0, len(names), TYPES_A_QUESTION):
            for product in _products(place, _wish("instanceType", names[first : first + TYPES_A_QUESTION])):
                if (one := _of_product(product)) is not None:
                    found[product["product"]["attributes"]["instanceType"]] = one
    except UNASKABLE:
        place.learn(REFUSED, value=True)
        return found
    for name in names:
        place.learn(f"price/{name}", _plain(found[name]) if name in found else {})
    return found


def _wish(field: str, values: tuple[str, ...]) -> list[dict[str, str]]:
    filters = {**INSTANCE_FILTERS, field: values[0]} if len(values) == 1 else dict(INSTANCE_FILTERS)
    exact = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
    return exact if len(values) == 1 else [*exact, {"Type": "ANY_OF", "Field": field, "Value": ",".join(values)}]


def _products(place: Place, wanted: list[dict[str, str]], *, everywhere: bool = False) -> Iterator[dict[str, Any]]:
    client = place.client("pricing", PRICE_REGIONS.get(place.session.partition(place.region), "us-east-1"))
    here = {"Type": "TERM_MATCH", "Field": "regionCode", "Value": place.region}
    with refusals(region=place.region, service="pricing"):
        for page in client.get_paginator("get_products").paginate(
            ServiceCode="AmazonEC2", Filters=wanted if everywhere else [here, *wanted]
        ):
            yield from map(json.loads, page["PriceList"])


def _of_product(product: Mapping[str, Any]) -> Price | None:
    """Return the on-demand price of one product of the price list; None for a term that is free or not by use."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term.get("priceDimensions", {}).values():
            for currency, text in dimension.get("pricePerUnit", {}).items():
                if float(text) > 0:
                    published = str(product.get("publicationDate", ""))[:10]
                    return Price(float(text), currency, "price list", _day(published))
    return None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return datetime.now(UTC).date()


def _plain(one: Price) -> dict[str, Any]:
    day = one.as_of.isoformat() if one.as_of else ""
    return {"per_hour": one.per_hour, "currency": one.currency, "source": one.source, "as_of": day}


def _from_plain(plain: Mapping[str, Any]) -> Price:
    return Price(plain["per_hour"], plain["currency"], plain["source"], _day(plain["as_of"]))


# ── spot ─────────────────────────────────────────────────────────────────────────────────────


def spot_price(place: Place, name: str, zone: str | None = None) -> Price | None:
    """Return the lowest spot price of a type in the region, or in one zone; None where there is none."""
    by_zone = spot_prices(place, (name,)).get(name, {})
    amounts = [amount for where, amount in by_zone.items() if zone in (None, where)]
    return _spot(place, min(amounts)) if amounts else None


def lowest_spot_prices(place: Place, names: Iterable[str]) -> dict[str, Price]:
    """Return the lowest spot price of each type that has one."""
    return {name: _spot(place, min(zones.values())) for name, zones in spot_prices(place, names).items() if zones}


def spot_prices(place: Place, names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return each type's present spot prices by zone, asked at most once in five minutes."""
    wanted = sorted(set(names))

    def ask() -> dict[str, dict[str, float]]:
        now = datetime.now(UTC)
        rows = place.pages(
            place.ec2,
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=wanted,
            ProductDescriptions=["Linux/UNIX"],
            StartTime=now,
            EndTime=now,
        )
        found: dict[str, dict[str, float]] = {}
        for row in rows:
            found.setdefault(row["InstanceType"], {}).setdefault(row["AvailabilityZone"], float(row["SpotPrice"]))
        return found

    try:
        return place.remembered(f"spot/{','.join(wanted)}", ask, max_age_s=SPOT_S)
    except UNASKABLE:
        return {}


def _spot(place: Place, amount: float) -> Price:
    currency = "CNY" if place.session.partition(place.region) == "aws-cn" else "USD"
    return Price(amount, currency, "spot history", datetime.now(UTC).date())


# ── what is billed beside the instance ───────────────────────────────────────────────────────


def disk_price(place: Place) -> float | None:
    """Return the price of a GB of gp3 disk a month, in the region's currency."""

    def ask() -> float:
        wanted = [
            {"Type": "TERM_MATCH", "Field": "productFamily", "Value": "Storage"},
            {"Type": "TERM_MATCH", "Field": "volumeApiName", "Value": "gp3"},
        ]
        found = [one for one in map(_of_product, _products(place, wanted)) if one is not None]
        return found[0].per_hour if found else 0.0

    try:
        live = place.remembered("disk price", ask)
    except UNASKABLE:
        live = 0.0
    return live or catalogue.storage_price(place.region, "gp3_gb_month")


def snapshot_price(place: Place) -> float | None:
    """Return the price of a GB of snapshot a month; the catalogue's single figure."""
    return catalogue.storage_price(place.region, "snapshot_gb_month")


def address_price(place: Place) -> float | None:
    """Return the price of a public IPv4 address an hour, in use or idle; the catalogue's single figure."""
    return catalogue.storage_price(place.region, "address_hour")
