"""The GPUs of the instance types, as their hosts' simulated hardware shows them.

Model, memory (MiB as nvidia-smi totals it) and power limit are from NVIDIA's data sheets and
nvidia-smi on the real types; PCI device ids from the PCI ID repository (pci-ids.ucw.cz).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.demo.hosts.isolation import Ground
    from jupyter_awsgpu.demo.hosts.spec import HostSpec


@dataclass(frozen=True, slots=True)
class Card:
    """One model of GPU. `device` is its PCI id under NVIDIA's vendor id 10de."""

    name: str
    memory_mib: int
    device: str
    watts: int
    capability: str
    latest_driver: str = "580.95.05"


_K80 = Card("Tesla K80", 11441, "102d", 149, "3.7", "470.256.02")
_M60 = Card("Tesla M60", 7618, "13f2", 150, "5.2")
_V100 = Card("Tesla V100-SXM2-16GB", 16160, "1db1", 300, "7.0")
_V100_32 = Card("Tesla V100-SXM2-32GB", 32510, "1db5", 300, "7.0")
_T4 = Card("Tesla T4", 15360, "1eb8", 70, "7.5")
_T4G = Card("NVIDIA T4G", 15360, "1eb4", 70, "7.5")
_A10G = Card("NVIDIA A10G", 23028, "2237", 300, "8.6")
_L4 = Card("NVIDIA L4", 23034, "27b8", 72, "8.9")
_L40S = Card("NVIDIA L40S", 46068, "26b9", 350, "8.9")
_A100 = Card("NVIDIA A100-SXM4-40GB", 40960, "20b0", 400, "8.0")
_A100_80 = Card("NVIDIA A100-SXM4-80GB", 81920, "20b2", 400, "8.0")
_H100 = Card("NVIDIA H100 80GB HBM3", 81559, "2330", 700, "9.0")
_H200 = Card("NVIDIA H200", 143771, "2335", 700, "9.0")
_B200 = Card("NVIDIA B200", 183359, "2901", 1000, "10.0")

_FAMILIES = {
    "p2": _K80, "p3": _V100, "p3dn": _V100_32, "p4d": _A100, "p4de": _A100_80, "p5": _H100, "p5e": _H200,
    "p5en": _H200, "p6-b200": _B200, "g3": _M60, "g3s": _M60, "g4dn": _T4, "g5": _A10G, "g5g": _T4G, "g6": _L4,
    "gr6": _L4, "g6e": _L40S,
}  # fmt: skip

_ONE_GPU = dict.fromkeys(("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"), 1)
_COUNTS = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p3dn": {"24xlarge": 8},
    "p4d": {"24xlarge": 8},
    "p4de": {"24xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "p5e": {"48xlarge": 8},
    "p5en": {"48xlarge": 8},
    "p6-b200": {"48xlarge": 8},
    "g3": {"4xlarge": 1, "8xlarge": 2, "16xlarge": 4},
    "g3s": {"xlarge": 1},
    "g4dn": _ONE_GPU | {"12xlarge": 4, "metal": 8},
    "g5": _ONE_GPU | {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "g5g": _ONE_GPU | {"16xlarge": 2, "metal": 2},
    "g6": _ONE_GPU | {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
    "gr6": _ONE_GPU,
    "g6e": _ONE_GPU | {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
}


def gpus_of(instance_type: str) -> tuple[Card, int] | None:
    """Return the GPU model of an instance type and how many it has; None for a type without one."""
    family, _, size = instance_type.partition(".")
    count = _COUNTS.get(family, {}).get(size)
    return (_FAMILIES[family], count) if count else None


def install(ground: Ground, spec: HostSpec, runtime: str) -> None:
    """Put the simulated cards where the host finds them: in /sys, and for nvidia-smi in the runtime folder."""
    found = gpus_of(spec.instance_type)
    card, count = found or (None, 0)
    document: dict[str, Any] = {"count": count, "card": asdict(card) if card else None, "seed": spec.instance_id}
    document["root"] = str(ground.root)
    ground.path(f"{runtime}/gpu.json").write_text(json.dumps(document))
    devices = ground.path("sys/bus/pci/devices")
    _device(devices / "0000:00:05.0", "0x1d0f", "0xec20", "0x020000")  # the network adapter of every Nitro instance
    for number in range(count):
        _device(devices / f"0000:{bus(number)}.0", "0x10de", f"0x{card.device if card else ''}", "0x030200")


def bus(number: int) -> str:
    """Return the PCI bus and slot of the n-th GPU, as AWS' instances count down from 1e."""
    return f"00:{0x1E - number:02x}"


def _device(folder: Path, vendor: str, device: str, kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (("vendor", vendor), ("device", device), ("class", kind)):
        (folder / name).write_text(value + "\n")
