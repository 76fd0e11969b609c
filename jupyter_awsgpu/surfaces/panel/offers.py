"""The choices of the launch form with their prices: labels and order. Pure, but for asking `verbs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.surfaces.render.sheet import gigabytes, money

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jupyter_awsgpu.model import Image, Offer

ANY_GPU = ""
ANY_REGION = "*"
Options = tuple[tuple[str, str], ...]


def _price(offer: Offer) -> str:
    return "" if offer.price is None else " · " + money(offer.price.per_hour, offer.price.currency, unit="/h")


def _model(offer: Offer) -> str:
    gpu = offer.instance_type.gpu
    return gpu.model if gpu else "–"


def gpu_options(offers: Sequence[Offer], tr: Callable[[str], str]) -> Options:
    """Return the GPU models, each with the price of its cheapest type; offers come cheapest first."""
    cheapest: dict[str, Offer] = {}
    for one in offers:
        cheapest.setdefault(_model(one), one)
    from_ = tr("from")
    rows = tuple((f"{model}{_price(one).replace(' · ', f' · {from_} ', 1)}", model) for model, one in cheapest.items())
    return ((tr("every GPU"), ANY_GPU), *rows)


def type_options(offers: Sequence[Offer], model: str, tr: Callable[[str], str]) -> Options:
    """Return the types with that GPU (or all), each with GPU, memory and price."""
    found = []
    for one in offers:
        itype = one.instance_type
        if model not in (ANY_GPU, _model(one)):
            continue
        gpu = f" · {itype.gpu}, {gigabytes(itype.gpu.memory_mib)}" if itype.gpu else ""
        retired = f" · {tr('retired')}" if itype.retired else ""
        found.append((f"{itype.name}{_price(one)}{gpu}{retired}", itype.name))
    return tuple(found)


def region_options(offers: Sequence[Offer], here: str, tr: Callable[[str], str]) -> Options:
    """Return the regions that offer the type, cheapest first, and "any"; before they are known, only `here`."""
    rows = tuple((f"{one.region}{_price(one)}", one.region) for one in offers)
    if here and here not in {value for _, value in rows}:
        rows = ((f"{here}" + (f" · {tr('not offered')}" if offers else ""), here), *rows)
    return (*rows, (tr("any region that has it"), ANY_REGION))


def image_options(images: Sequence[Image], tr: Callable[[str], str]) -> Options:
    """Return the images a launch understands; the best for the type first."""
    named = {"dlami": tr("Deep Learning image"), "dlami-pytorch": tr("Deep Learning image with PyTorch")}
    rows: dict[str, str] = {}
    for one in images:
        if one.kind in ("dlami", "dlami-pytorch", "ubuntu"):
            rows.setdefault(one.kind, named.get(one.kind, "Ubuntu"))
        else:
            rows[one.name if one.kind == "own" else one.image_id] = f"{one.name} · {tr('your own')}"
    for kind, label in (*named.items(), ("ubuntu", "Ubuntu")):
        rows.setdefault(kind, label)
    return ((tr("the best for this type"), ""), *((label, value) for value, label in rows.items()))
