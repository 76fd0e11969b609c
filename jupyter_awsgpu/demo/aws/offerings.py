"""Which instance types each region and zone offers: moto's tables plus the tutorial's day.

AWS offers P2 and P3 nowhere any more. The simulated us-west-2, ap-northeast-1 and ap-southeast-1
still do, as in the tutorial's day; figures of the retired types from AWS's former instance pages.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jupyter_awsgpu.demo.aws.operations import Call, operation
from jupyter_awsgpu.demo.aws.wire import Refusal

RETIRED_REGIONS = ("us-west-2", "ap-northeast-1", "ap-southeast-1")
K80 = ("K80", 12288)
V100 = ("V100", 16384)
RETIRED: dict[str, tuple[int, int, int, tuple[str, int]]] = {
    "p2.xlarge": (4, 61, 1, K80),
    "p2.8xlarge": (32, 488, 8, K80),
    "p2.16xlarge": (64, 732, 16, K80),
    "p3.2xlarge": (8, 61, 1, V100),
    "p3.8xlarge": (32, 244, 4, V100),
    "p3.16xlarge": (64, 488, 8, V100),
}
"""Type → vCPUs, memory in GiB, GPUs, and the GPU's name and memory in MiB."""


def extend() -> None:
    """Add the retired types to moto's tables. AWS: `DescribeInstanceTypes` lists no P2 or P3 since 2025-26."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES, InstanceType, InstanceTypeBackend

    for name, facts in RETIRED.items():
        if name not in INSTANCE_TYPES:
            INSTANCE_TYPES[name] = _described(name, *facts)
            InstanceTypeBackend.instance_types.append(InstanceType(name))
    _offer_retired()


def _offer_retired() -> None:
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    for kind, table in INSTANCE_TYPE_OFFERINGS.items():
        for region in RETIRED_REGIONS:
            rows = table[region]
            places = sorted({row["Location"] for row in rows})
            kept = places if kind == "region" else places[:3]  # never every zone: people meet "Unsupported"
            present = {row["InstanceType"] for row in rows}
            rows += [
                {"InstanceType": name, "Location": place, "LocationType": kind}
                for name in RETIRED
                if name not in present
                for place in kept
            ]


def _described(name: str, vcpus: int, memory_gib: int, count: int, gpu: tuple[str, int]) -> dict[str, Any]:
    model, memory = gpu
    return {
        "InstanceType": name,
        "CurrentGeneration": False,
        "FreeTierEligible": False,
        "SupportedUsageClasses": ["on-demand", "spot"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": False,
        "Hypervisor": "xen",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"], "SustainedClockSpeedInGhz": 2.7},
        "VCpuInfo": {"DefaultVCpus": vcpus, "DefaultCores": vcpus // 2, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": memory_gib * 1024},
        "InstanceStorageSupported": False,
        "EbsInfo": {"EbsOptimizedSupport": "default", "EncryptionSupport": "supported", "NvmeSupport": "unsupported"},
        "NetworkInfo": {"NetworkPerformance": "High", "MaximumNetworkInterfaces": 4, "EnaSupport": "supported"},
        "GpuInfo": {
            "Gpus": [{"Name": model, "Manufacturer": "NVIDIA", "Count": count, "MemoryInfo": {"SizeInMiB": memory}}],
            "TotalGpuMemoryInMiB": count * memory,
        },
        "PlacementGroupInfo": {"SupportedStrategies": ["cluster", "partition", "spread"]},
        "HibernationSupported": False,
        "BurstablePerformanceSupported": False,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": True,
        "SupportedBootModes": ["legacy-bios"],
    }


def facts(instance_type: str) -> dict[str, Any] | None:
    """Return what DescribeInstanceTypes says of a type anywhere, or None if no such type exists."""
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    found: dict[str, Any] | None = INSTANCE_TYPES.get(instance_type)
    return found


def vcpus(instance_type: str) -> int:
    """Return a type's vCPUs."""
    return int((facts(instance_type) or {}).get("VCpuInfo", {}).get("DefaultVCpus", 1))


@cache
def offered(region: str) -> frozenset[str]:
    """Return the types a region offers."""
    return frozenset(_zones_of(region))


def zones_offering(region: str, instance_type: str) -> tuple[str, ...]:
    """Return the zones of a region that offer a type, sorted."""
    return _zones_of(region).get(instance_type, ())


@cache
def _zones_of(region: str) -> dict[str, tuple[str, ...]]:
    from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

    places: dict[str, list[str]] = {}
    for row in INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, []):
        places.setdefault(row["InstanceType"], []).append(row["Location"])
    return {name: tuple(sorted(zones)) for name, zones in places.items()}


def _for_account(call: Call, one: dict[str, Any]) -> dict[str, Any]:
    """Say what is free for this account: one from before the Free plan has t2.micro; moto's table is of a later one."""
    if one["InstanceType"] != "t2.micro" or call.world.settings.free_plan:
        return one
    return {**one, "FreeTierEligible": True}


@operation("DescribeInstanceTypes")
def describe_instance_types(call: Call) -> object:
    """List only what the region offers, in pages; moto lists every type everywhere, in one page."""
    call.end_dry_run()
    asked = list(call.get("InstanceTypes", []))
    here = offered(call.region)
    unknown = [name for name in asked if name not in here]
    if unknown:
        raise Refusal(
            "InvalidInstanceType", f"The following supplied instance types do not exist: [{', '.join(unknown)}]"
        )
    found = [_for_account(call, one) for one in call.moto()["InstanceTypes"] if one["InstanceType"] in here]
    found.sort(key=lambda one: str(one["InstanceType"]))
    start = int(call.get("NextToken") or 0)
    size = int(call.get("MaxResults") or 100)
    answer: dict[str, object] = {"InstanceTypes": found[start : start + size]}
    if start + size < len(found) and not asked:
        answer["NextToken"] = str(start + size)
    return answer
