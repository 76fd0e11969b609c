"""`types`, `regions`, `quota`, `images`: what there is to choose from, and at what price. Read-only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.drivers import fit
from jupyter_awsgpu.errors import AwsGpuError, BadValue, CredentialsError, TypeNotOffered

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    return tuple(
        one
        for one in sorted(offers, key=_cheapest_first)
        if _matches(one, gpu, memory_gib) and (max_price is None or _costs(one) <= max_price)
    )


def _cheapest_first(offer: Offer) -> tuple[bool, float, str]:
    return (offer.instance_type.retired, _costs(offer), offer.instance_type.name)


def _costs(offer: Offer) -> float:
    return offer.price.per_hour if offer.price else float("inf")


def _matches(offer: Offer, gpu: str | None, memory_gib: float | None) -> bool:
    has = offer.instance_type.gpu
    if gpu is not None and (has is None or gpu.lower() not in has.model.lower()):
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
    """Return the images a launch understands in the region, one's own among them, each with what it runs on."""
    return tuple(replace(one, supports=_families(one)) for one in bench.cloud(region).images())


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
