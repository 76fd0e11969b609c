"""What there is to choose from: types, regions, quotas, images."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.drivers import cuda_range
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, gigabytes, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Gpu, Image, InstanceType, Offer, Price, Quota

TAXES = "Prices exclude taxes, disk, public address and traffic; `awsgpu plan TYPE` names them."


def types(offers: Sequence[Offer], *, simulated: bool = False) -> Sheet:
    """Return the accelerators of one region, as they came: cheapest first, retired ones last."""
    columns = (
        Column("Type"),
        Column("GPU"),
        Column("Memory each", right=True, yields=1),
        Column("CC", right=True, yields=6),
        Column("vCPU", right=True, yields=4),
        Column("Memory", right=True, yields=5),
        Column("Price", right=True),
        Column("Spot", right=True, yields=2),
        Column("Regions", right=True, yields=7),
        Column("CUDA", yields=8),
        Column("Note", yields=3),
    )
    region = f" in {offers[0].region}" if offers else ""
    return Sheet(
        title=f"GPU types{region}",
        columns=columns,
        rows=tuple(_type_row(one) for one in offers),
        notes=_price_notes([one.price for one in offers]),
        empty="No type fits.",
        commands=() if offers else ("awsgpu types --all",),
        simulated=simulated,
    )


def _type_row(offer: Offer) -> tuple[Cell, ...]:
    itype = offer.instance_type
    gpu = itype.gpu
    return (
        Cell(itype.name, "quiet" if itype.retired else "strong"),
        Cell(str(gpu) if gpu else "–"),
        Cell(gigabytes(gpu.memory_mib) if gpu else ""),
        Cell(gpu.compute_capability if gpu else ""),
        Cell(str(itype.vcpus)),
        Cell(gigabytes(itype.memory_mib)),
        Cell(_price(offer.price)),
        Cell(_price(offer.spot_price)),
        Cell(str(offer.regions_offering or "")),
        Cell(_cuda(gpu)),
        Cell(_note(itype), "warn" if itype.retired else "good"),
    )


def _cuda(gpu: Gpu | None) -> str:
    """Return the CUDA versions that the GPU's driver can run."""
    served = cuda_range(gpu)
    return "" if served is None else f"{served[0]} – {served[1]}" if served[1] else f"{served[0]} and newer"


def _note(itype: InstanceType) -> str:
    if itype.retired:
        return f"retired → {itype.successor}" if itype.successor else "retired"
    return "free tier" if itype.free_tier else ""


def _price(price: Price | None) -> str:
    return money(price.per_hour, price.currency, unit="/h") if price else "–"


def _price_notes(prices: Sequence[Price | None]) -> tuple[str, ...]:
    """Date every figure that is not live."""
    shipped = {one.as_of for one in prices if one is not None and one.source == "catalogue"}
    dates = sorted(f"{one:%Y-%m-%d}" for one in shipped if one is not None)
    dated = (f"Prices from the catalogue of {dates[-1]}, not live.",) if shipped and dates else ()
    return (*dated, TAXES) if prices else ()


def regions(offers: Sequence[Offer], *, simulated: bool = False) -> Sheet:
    """Return the regions that have one type, cheapest first, each price as a bar and a ratio."""
    columns = (
        Column("Region"),
        Column("Price", right=True),
        Column("Against the cheapest"),
        Column("Spot", right=True, yields=2),
        Column("Zones", right=True, yields=3),
        Column("Round trip", right=True, yields=1),
    )
    prices = [one.price.per_hour for one in offers if one.price and one.price.per_hour > 0]
    name = offers[0].instance_type.name if offers else ""
    return Sheet(
        title=f"{name} by region" if name else "No region has it",
        columns=columns,
        rows=tuple(_region_row(one, min(prices, default=0.0), max(prices, default=0.0)) for one in offers),
        notes=_price_notes([one.price for one in offers]),
        simulated=simulated,
    )


def _region_row(offer: Offer, least: float, most: float) -> tuple[Cell, ...]:
    price = offer.price.per_hour if offer.price else None
    ratio = Cell("") if price is None or not least else Cell(f"× {price / least:.2f}", bar=price / most)
    trip = "" if offer.round_trip_ms is None else f"{offer.round_trip_ms:.0f} ms"
    return (
        Cell(offer.region, "strong"),
        Cell(_price(offer.price)),
        ratio,
        Cell(_price(offer.spot_price)),
        Cell(str(len(offer.zones) or "")),
        Cell(trip),
    )


def quota(quota: Quota, *, simulated: bool = False) -> Sheet:
    """Return one limit: what runs, what is free, and how an open request stands."""
    share = quota.used / quota.limit if quota.limit else 1.0
    rows = [
        ("Limit", Cell(f"{quota.limit:g} vCPUs")),
        ("In use", Cell(f"{quota.used:g} vCPUs", bar=share)),
        ("Free", Cell(f"{quota.free:g} vCPUs", "good" if quota.free else "bad")),
    ]
    if quota.needed is not None:
        text = f"{quota.needed} vCPUs for one {quota.instance_type}"
        rows.append(("Needed", Cell(text, "good" if quota.needed <= quota.free else "bad")))
    if quota.request_status:
        wanted = f" for {quota.requested:g} vCPUs" if quota.requested is not None else ""
        rows.append(("Request", Cell(f"{quota.request_status.lower().replace('_', ' ')}{wanted}", "warn")))
    market = "spot" if quota.spot else "on-demand"
    return Sheet(
        title=f"{quota.label} ({market}) in {quota.region}",
        columns=(Column(""), Column("")),
        rows=tuple((Cell(label, "quiet"), cell) for label, cell in rows),
        notes=(f"Quota {quota.code}; a closed request is not yet a granted one, the limit above is what counts.",),
        simulated=simulated,
        headless=True,
    )


def images(images: Sequence[Image], *, simulated: bool = False, now: datetime | None = None) -> Sheet:
    """Return the images a launch understands in one region."""
    columns = (
        Column("Choice"),
        Column("Image", wraps=True),
        Column("Runs on", wraps=True, yields=2),
        Column("Id", yields=3),
        Column("User", yields=4),
        Column("Root", right=True),
        Column("Age", right=True, yields=1),
    )
    at = now or datetime.now(UTC)
    region = f" in {images[0].region}" if images else ""
    return Sheet(
        title=f"Images{region}",
        columns=columns,
        rows=tuple(_image_row(one, at) for one in images),
        notes=("awsgpu launch TYPE --image CHOICE takes a choice, one of your own names, or an AMI id.",),
        empty="No images were found.",
        simulated=simulated,
    )


def _image_row(image: Image, now: datetime) -> tuple[Cell, ...]:
    choice = image.name if image.kind in ("own", "ami") else image.kind
    return (
        Cell(choice, "strong", small="historical" if image.historical else ""),
        Cell(image.name),
        Cell(" ".join(image.supports)),
        Cell(image.image_id, "code"),
        Cell(image.user),
        Cell(f"{image.root_gb} GB"),
        Cell(_age((now - image.created).days) if image.created else ""),
    )


def _age(days: int) -> str:
    """Return an age in days, or in years where days say nothing any more.

    >>> _age(46), _age(1511)
    ('46 d', '4 years')
    """
    return f"{days} d" if days < 730 else f"{days // 365} years"  # noqa: PLR2004 - two years
