"""`types`, `regions`, `quota`, `images`: what there is to choose from, and at what price. Read-only."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.drivers import fit
from jupyter_awsgpu.errors import AwsGpuError, BadValue, CredentialsError, TypeNotOffered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jupyter_awsgpu.cloud import Cloud
    from jupyter_awsgpu.model import Image, Offer, Quota
    from jupyter_awsgpu.verbs.workbench import Workbench

MIB = 1024


def types(
    bench: Workbench,
    *,
    gpu: str | None = None,
    max_price: float | None = None,
    memory_gib: float | None = None,
    everything: bool = False,
    region: str | None = None,
) -> tuple[Offer, ...]:
    """Return the accelerators offered in the region, cheapest first; retired ones too with `everything`.

    `memory_gib` is the least GPU memory wanted, per GPU; `max_price` the most an hour may cost.
    """
    if max_price is not None and max_price <= 0:
        raise BadValue(option="--max-price", value=max_price, expected="it takes dollars an hour", verb="types")
    offers = bench.somewhere(region).offers(include_retired=everything)
    models = None if gpu is None else _meant(gpu, offers)
    return tuple(
        one
        for one in sorted(offers, key=_cheapest_first)
        if _matches(one, models, memory_gib) and (max_price is None or _costs(one) <= max_price)
    )


def _cheapest_first(offer: Offer) -> tuple[bool, float, str]:
    return (offer.instance_type.retired, _costs(offer), offer.instance_type.name)


def _costs(offer: Offer) -> float:
    return offer.price.per_hour if offer.price else float("inf")


def _meant(gpu: str, offers: Sequence[Offer]) -> frozenset[str]:
    """Return the models that a name means: the very one, else those it is a part of (`RTX`).

    Raises `BadValue`, with the nearest model, where it means none that there is anywhere.
    """
    here = {one.instance_type.gpu.model for one in offers if one.instance_type.gpu}
    wanted = gpu.strip().lower()
    for fits in (lambda model: model.lower() == wanted, lambda model: wanted in model.lower()):
        if found := frozenset(filter(fits, here)):
            return found
    known = sorted({one.gpu.model for one in map(catalogue.instance_type, catalogue.type_names()) if one and one.gpu})
    if any(wanted in model.lower() for model in known):
        return frozenset()  # a model there is, only not here
    by_word = {model.lower(): model for model in known}
    near = [by_word[one] for one in difflib.get_close_matches(wanted, by_word, n=3, cutoff=0.3)] or known
    expected = f"no instance type has such a GPU; the nearest are {', '.join(near)}"
    raise BadValue(option="--gpu", value=repr(gpu), expected=expected, verb="types")


def _matches(offer: Offer, models: frozenset[str] | None, memory_gib: float | None) -> bool:
    has = offer.instance_type.gpu
    if models is not None and (has is None or has.model not in models):
        return False
    return memory_gib is None or (has is not None and has.memory_mib >= memory_gib * MIB * 0.9)


def regions(bench: Workbench, instance_type: str, *, spot: bool = True) -> tuple[Offer, ...]:
    """Return every region that offers the type, cheapest first; all regions are asked at once.

    Raises `UnknownType`; `TypeNotOffered` where none has it.
    """
    itype = bench.somewhere().instance_type(instance_type)

    def ask(cloud: Cloud) -> Offer | None:
        return cloud.offer(itype, spot=spot)

    answers = bench.clouds.each(None, ask)
    found = [one for one in answers.values() if one is not None and not isinstance(one, AwsGpuError)]
    if not found:
        _raise_first(answers.values())
        raise TypeNotOffered(instance_type=itype.name, region="any region", successor=itype.successor or "g4dn.xlarge")
    return tuple(replace(one, regions_offering=len(found)) for one in sorted(found, key=_costs))


def _raise_first(answers: Iterable[object]) -> None:
    for one in answers:
        if isinstance(one, CredentialsError):
            raise one


def quota(
    bench: Workbench,
    instance_type: str,
    *,
    request: int | None = None,
    spot: bool = False,
    region: str | None = None,
) -> Quota:
    """Return the account's limit for the type's family, and with `request` ask AWS for that many vCPUs.

    Raises `BadValue` for a request that is not above the present limit.
    """
    cloud = bench.cloud(region)
    itype = cloud.instance_type(instance_type)
    now = cloud.quota(itype, spot=spot)
    if request is None:
        if now is None:
            raise AwsGpuError(f"The limit for {itype.name} could not be asked in {cloud.region}.")
        return replace(now, instance_type=itype.name, needed=itype.vcpus)
    if now is not None and request <= now.limit:
        expected = f"the limit is {now.limit:g} already; ask for more than that"
        raise BadValue(option="--request", value=request, expected=expected, verb="quota")
    asked = cloud.request_quota(itype, request, spot=spot)
    return replace(asked, instance_type=itype.name, needed=itype.vcpus)


def images(bench: Workbench, *, region: str | None = None) -> tuple[Image, ...]:
    """Return the images a launch understands in the region, with what each runs on and what one's own cost a month."""
    cloud = bench.cloud(region)
    return tuple(replace(one, supports=_families(one), per_month=_per_month(cloud, one)) for one in cloud.images())


def _per_month(cloud: Cloud, image: Image) -> float | None:
    """Return what the snapshots of an image of one's own cost at most; the public ones cost nobody here anything."""
    price = cloud.snapshot_price() if image.kind == "own" else None
    return None if price is None else round(price * image.root_gb, 2)


def _families(image: Image) -> tuple[str, ...]:
    """Return the families of NVIDIA types that the image serves, by architecture and driver."""
    known = filter(None, map(catalogue.instance_type, catalogue.type_names()))
    fitting = (
        one.name.partition(".")[0]
        for one in known
        if one.gpu is not None and one.gpu.maker == "NVIDIA" and one.architecture == image.architecture
        if fit(one.gpu, image).ok
    )
    return tuple(sorted(set(fitting)))
