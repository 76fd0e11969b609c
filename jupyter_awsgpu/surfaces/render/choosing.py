"""What there is to choose from: types, regions, quotas, images."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_awsgpu.drivers import cuda_range
from jupyter_awsgpu.language import tr
from jupyter_awsgpu.surfaces.render.sheet import Cell, Column, Sheet, gigabytes, money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_awsgpu.model import Gpu, Image, InstanceType, Offer, Price, Quota

TAXES = "Prices exclude taxes, disk, public address and traffic; `awsgpu plan TYPE` names them."


def types(offers: Sequence[Offer], *, simulated: bool = False) -> Sheet:
    """Return the accelerators of one region, as they came: cheapest first, retired ones last."""
    retired = any(one.instance_type.retired for one in offers)
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
        Column("Note", yields=0 if retired else 3),  # a retired type must not be taken for an offered one
    )
    return Sheet(
        title=tr("GPU types in {region}").format(region=offers[0].region) if offers else "GPU types",
        columns=columns,
        rows=tuple(_type_row(one) for one in offers),
        notes=_price_notes(offers),
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
    if served is None:
        return ""
    return f"{served[0]} – {served[1]}" if served[1] else tr("{version} and newer").format(version=served[0])


def _note(itype: InstanceType) -> str:
    if itype.retired:
        return f"{tr('retired')} → {itype.successor}" if itype.successor else "retired"
    return "free tier" if itype.free_tier else ""


def _price(price: Price | None) -> str:
    return money(price.per_hour, price.currency, unit="/h") if price else "–"


def _price_notes(offers: Sequence[Offer]) -> tuple[str, ...]:
    """Date every figure that is not live, and say what a dash means."""
    offered = [one for one in offers if not one.instance_type.retired]
    shipped = {one.price.as_of for one in offered if one.price is not None and one.price.source == "catalogue"}
    dates = sorted({f"{one:%Y-%m-%d}" for one in shipped if one is not None})
    notes = []
    if dates:
        between = dates[0] if len(dates) == 1 else tr("{date} to {last}").format(date=dates[0], last=dates[-1])
        notes.append(tr("Prices from the catalogue of {date}, not live.").format(date=between))
        if not any(one.spot_price for one in offered):
            notes.append(tr("Spot prices were not asked: AWS tells them only to an account."))
    if any(one.price is None for one in offered):
        notes.append(tr("–: unknown here; neither AWS's price list nor the shipped catalogue has it."))
    return (*notes, TAXES) if offers else ()


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
        title=tr("{type} by region").format(type=name) if name else "No region has it",
        columns=columns,
        rows=tuple(_region_row(one, min(prices, default=0.0), max(prices, default=0.0)) for one in offers),
        notes=_price_notes(offers),
        simulated=simulated,
    )


def _region_row(offer: Offer, least: float, most: float) -> tuple[Cell, ...]:
    price = offer.price.per_hour if offer.price else None
    ratio = Cell("") if price is None or not least else Cell(f"× {price / least:.2f}", bar=price / most)
    trip = "" if offer.round_trip_ms is None else f"{max(1, offer.round_trip_ms):.0f} ms"
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
        ("Limit", Cell(_vcpus(quota.limit))),
        ("In use", Cell(_vcpus(quota.used), bar=share)),
        ("Free", Cell(_vcpus(quota.free), "good" if quota.free else "bad")),
    ]
    if quota.needed is not None:
        text = tr("{count} vCPUs for one {type}").format(count=quota.needed, type=quota.instance_type)
        rows.append(("Needed", Cell(text, "good" if quota.needed <= quota.free else "bad")))
    if quota.request_status:
        rows.append(("Request", _request(quota)))
    title = tr("{family} (spot) in {region}") if quota.spot else tr("{family} (on demand) in {region}")
    return Sheet(
        title=title.format(family=quota.label, region=quota.region),
        columns=(Column(""), Column("")),
        rows=tuple((Cell(label, "quiet"), cell) for label, cell in rows),
        notes=(
            tr("Quota {code}; a closed request is not yet a granted one, the limit above is what counts.").format(
                code=quota.code
            ),
        ),
        simulated=simulated,
        headless=True,
    )


def _request(quota: Quota) -> Cell:
    """Return how the newest request stands: what counts is the limit in force, not the request's own word."""
    state = tr("AWS says: " + str(quota.request_status).lower().replace("_", " "))
    if quota.requested is None:
        return Cell(state, "warn")
    wanted = _vcpus(quota.requested)
    if quota.limit >= quota.requested:
        return Cell(f"{state} ({wanted}) – {tr('in force')}", "good")
    if quota.request_status in ("PENDING", "CASE_OPENED"):
        return Cell(f"{state} ({wanted})", "warn")
    return Cell(f"{state} ({wanted}) – {tr('not in force')}", "bad")


def _vcpus(number: float) -> str:
    return tr("{count} vCPUs").format(count=f"{number:g}")


def images(images: Sequence[Image], *, simulated: bool = False, now: datetime | None = None) -> Sheet:
    """Return the images a launch understands in one region."""
    columns = (
        Column("Choice"),
        Column("Image", wraps=True),
        Column("Runs on", wraps=True, yields=2),
        Column("Id", yields=3),
        Column("User", yields=4),
        Column("Root", right=True),
        Column("A month", right=True),
        Column("Age", right=True, yields=1),
    )
    at = now or datetime.now(UTC)
    return Sheet(
        title=tr("Images in {region}").format(region=images[0].region) if images else "Images",
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
        Cell("" if image.per_month is None else money(image.per_month)),
        Cell(_age((now - image.created).days) if image.created else ""),
    )


def _age(days: int) -> str:
    """Return an age in days, or in years where days say nothing any more.

    >>> _age(46), _age(1511)
    ('46 d', '4 years')
    """
    if days < 730:  # noqa: PLR2004 - two years
        return tr("{n} d").format(n=days)
    return tr("{n} years").format(n=days // 365)
