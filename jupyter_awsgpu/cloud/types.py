"""Instance types: what EC2 says of them, where they are offered, and what to take instead."""

from __future__ import annotations

import difflib
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.cloud import catalogue
from jupyter_awsgpu.cloud.place import UNASKABLE, filters
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.errors import TypeNotOffered, UnknownType
from jupyter_awsgpu.model import Gpu, InstanceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_awsgpu.cloud.place import Place


def instance_type(place: Place, name: str) -> InstanceType:
    """Return the type as EC2 describes it in the region, from the catalogue where it does not.

    A retired type comes back with `retired` and its `successor`. Raises `UnknownType` with the nearest
    names.
    """
    try:
        plain = place.remembered(f"type/{name}", lambda: asdict(_asked(place, name)))
    except UnknownType:
        known = catalogue.instance_type(name)
        if known is None:
            raise _unknown(place, name) from None
        return known
    except UNASKABLE:
        known = catalogue.instance_type(name)
        if known is None:
            raise _unknown(place, name) from None
        return known
    return from_plain(plain)


def _asked(place: Place, name: str) -> InstanceType:
    with refusals(region=place.region, instance_type=name):
        answer = place.ec2.describe_instance_types(InstanceTypes=[name])
    if not answer["InstanceTypes"]:
        raise UnknownType(instance_type=name)
    return described(answer["InstanceTypes"][0])


def _unknown(place: Place, name: str) -> UnknownType:
    names = set(catalogue.type_names())
    with suppress(*UNASKABLE):
        names |= set(offered_names(place))
    near = nearest(name, names) or ("g4dn.xlarge", "g6.xlarge")
    return UnknownType(instance_type=name, nearest=", ".join(near))


def nearest(name: str, among: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Return the names that look most like `name`, the likest first."""
    return tuple(difflib.get_close_matches(name.strip().lower(), sorted(among), n=most, cutoff=0.5))


def described(answer: Mapping[str, Any]) -> InstanceType:
    """Return the value of one item of DescribeInstanceTypes."""
    name = str(answer["InstanceType"])
    architectures = answer.get("ProcessorInfo", {}).get("SupportedArchitectures") or ["x86_64"]
    return InstanceType(
        name=name,
        vcpus=int(answer["VCpuInfo"]["DefaultVCpus"]),
        memory_mib=int(answer["MemoryInfo"]["SizeInMiB"]),
        gpu=_gpu(answer),
        architecture="arm64" if "arm64" in architectures else "x86_64",
        successor=catalogue.successor(name),
        free_tier=bool(answer.get("FreeTierEligible", False)),
        placement="cluster" in answer.get("PlacementGroupInfo", {}).get("SupportedStrategies", ()),
    )


def _gpu(answer: Mapping[str, Any]) -> Gpu | None:
    """Return the accelerators: GPUs whole or in shares, else Neuron or inference devices."""
    for key, inner in (
        ("GpuInfo", "Gpus"),
        ("NeuronInfo", "NeuronDevices"),
        ("InferenceAcceleratorInfo", "Accelerators"),
    ):
        for one in answer.get(key, {}).get(inner, ())[:1]:
            model = str(one.get("Name", ""))
            return Gpu(
                model=model,
                count=one.get("Count") or float(one.get("GpuPartitionSize") or 1),
                memory_mib=int(one.get("MemoryInfo", {}).get("SizeInMiB", 0)),
                compute_capability=catalogue.compute_capability(model),
                maker=str(one.get("Manufacturer") or "AWS"),
            )
    return None


def from_plain(plain: Mapping[str, Any]) -> InstanceType:
    """Return the value that `dataclasses.asdict` was made of."""
    gpu = plain.get("gpu")
    return InstanceType(**{**plain, "gpu": Gpu(**gpu) if gpu else None})


# ── where ────────────────────────────────────────────────────────────────────────────────────


def zones(place: Place) -> tuple[str, ...]:
    """Return the region's availability zones that are open to the account, cached a day."""

    def ask() -> list[str]:
        with refusals(region=place.region):
            answer = place.ec2.describe_availability_zones(Filters=filters(zone_type="availability-zone"))
        return sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"])

    return tuple(place.remembered("zones", ask))


def zones_offering(place: Place, name: str) -> tuple[str, ...]:
    """Return the zones that offer the type, cached a day; none if the region does not have it."""

    def ask() -> list[str]:
        with refusals(region=place.region, instance_type=name):
            answer = place.ec2.describe_instance_type_offerings(
                LocationType="availability-zone", Filters=filters(instance_type=name)
            )
        return sorted(one["Location"] for one in answer["InstanceTypeOfferings"])

    return tuple(place.remembered(f"zones/{name}", ask))


def offered_names(place: Place) -> tuple[str, ...]:
    """Return the names of all types the region offers, cached a day."""

    def ask() -> list[str]:
        pages = place.pages(place.ec2, "describe_instance_type_offerings", "InstanceTypeOfferings")
        return sorted(one["InstanceType"] for one in pages)

    return tuple(place.remembered("types", ask))


def accelerated(place: Place) -> tuple[InstanceType, ...]:
    """Return every accelerated type the region offers, by name, cached a day.

    EC2 has no filter for accelerators, so their families are asked by name pattern.
    """

    def ask() -> list[dict[str, Any]]:
        offered = set(offered_names(place))
        patterns = tuple(f"{family}*" for family in catalogue.ACCELERATED)
        pages = place.pages(
            place.ec2, "describe_instance_types", "InstanceTypes", Filters=filters(instance_type=patterns)
        )
        found = (described(one) for one in pages if one["InstanceType"] in offered)
        return [asdict(one) for one in found if one.gpu is not None]

    try:
        return tuple(from_plain(one) for one in place.remembered("accelerated", ask))
    except UNASKABLE:
        return catalogue.types_in(place.region)


def require_offered(place: Place, name: str) -> None:
    """Raise `TypeNotOffered`, with what to take instead, unless the region offers the type.

    Where neither AWS nor the catalogue can say, raises what kept AWS from being asked.
    """
    try:
        offered = bool(zones_offering(place, name))
    except UNASKABLE:
        if not catalogue.covers(place.region) and not catalogue.why_not(name):
            raise
        offered = catalogue.offers(place.region, name)
    if not offered:
        raise TypeNotOffered(
            instance_type=name,
            region=place.region,
            why=catalogue.why_not(name),
            successor=catalogue.successor(name) or f"{name} --any-region",
        )
