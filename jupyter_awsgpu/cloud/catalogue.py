"""What is known of AWS without asking it: types, retired families, regions, prices. Shipped data, dated.

Each file in `data/` names its source, its date and how it is made anew:

    python -m jupyter_awsgpu.cloud.refresh        # needs credentials; writes data/*.json
"""

from __future__ import annotations

import json
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from jupyter_awsgpu.model import Gpu, InstanceType, Price

ACCELERATED = ("p", "g", "inf", "trn", "dl")
"""The beginnings of the names of all families with accelerators."""


@cache
def document(name: str) -> dict[str, Any]:
    """Return one shipped document (`types`, `retired`, `prices`, `regions`)."""
    text = files("jupyter_awsgpu.cloud").joinpath("data", f"{name}.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


# ── types ────────────────────────────────────────────────────────────────────────────────────


def instance_type(name: str) -> InstanceType | None:
    """Return a type from the catalogue, a retired one with its successor; None if it has never heard of it."""
    known = document("types")["types"].get(name)
    gone = document("retired")["types"].get(name)
    row = known or gone
    if row is None:
        return None
    return InstanceType(
        name=name,
        vcpus=row["vcpus"],
        memory_mib=row["memory_mib"],
        gpu=Gpu(**row["gpu"]) if row["gpu"] else None,
        architecture=row["architecture"],
        retired=known is None,
        successor=successor(name),
        free_tier=row["free_tier"],
    )


def type_names() -> tuple[str, ...]:
    """Return every type the catalogue knows, the retired ones too."""
    return (*document("types")["types"], *document("retired")["types"])


def types_in(region: str) -> tuple[InstanceType, ...]:
    """Return the accelerated types that the catalogue has in the region."""
    found = (instance_type(name) for name in document("types")["types"] if offers(region, name))
    return tuple(one for one in found if one is not None and one.gpu is not None)


def retired_types() -> tuple[InstanceType, ...]:
    """Return the types that AWS has retired, each with its successor."""
    return tuple(one for one in map(instance_type, document("retired")["types"]) if one is not None)


def offers(region: str, name: str) -> bool:
    """Return whether the catalogue has the type in the region."""
    return region in regions_with(name)


def covers(region: str) -> bool:
    """Return whether the catalogue knows anything of what the region offers; if not, its silence says nothing."""
    listed: dict[str, Any] = document("types")["types"]
    return region in document("prices")["regions"] or any(region in row["regions"] for row in listed.values())


def regions_with(name: str) -> tuple[str, ...]:
    """Return the regions that the catalogue has the type in: listed as offering it or, as in China, with a price."""
    row = document("types")["types"].get(name)
    if row is None:
        return ()
    priced = (region for region, listed in document("prices")["regions"].items() if name in listed["types"])
    return tuple(dict.fromkeys((*row["regions"], *priced)))


def regions_beside(region: str, name: str) -> tuple[str, ...]:
    """Return the regions with the type that an account of this region can reach: those of its partition."""
    reachable = regions(document("regions")["regions"].get(region, {}).get("partition", "aws"))
    return tuple(one for one in regions_with(name) if one in reachable)


def successor(name: str) -> str | None:
    """Return what to take instead of a retired type, or of one about to be."""
    row = document("retired")["types"].get(name)
    found = row["successor"] if row else document("retired")["successors"].get(name)
    return str(found) if found else None


def why_not(name: str) -> str:
    """Return a clause on why a type is not to be had anywhere, or nothing where it is retired nowhere."""
    row = document("retired")["types"].get(name)
    if row is None:
        return ""
    family = document("retired")["families"][row["family"]]
    return f": AWS retired it on {family['retired_on']}" if family["retired_on"] else f": {family['why']}"


def compute_capability(model: str) -> str:
    """Return NVIDIA's compute capability of a GPU model as EC2 names it; "" where there is none.

    >>> compute_capability("A10G")
    '8.6'
    """
    models: dict[str, str] = document("types")["compute_capability"]["models"]
    return (
        models.get(model)
        or models.get(model.upper())
        or {name.upper(): is_ for name, is_ in models.items()}.get(model.upper(), "")
    )


# ── regions ──────────────────────────────────────────────────────────────────────────────────


def regions(partition: str = "aws") -> tuple[str, ...]:
    """Return the regions of a partition, by name."""
    return tuple(name for name, row in document("regions")["regions"].items() if row["partition"] == partition)


def must_be_enabled(region: str) -> bool:
    """Return whether an account has to enable the region before its credentials count there."""
    return bool(document("regions")["regions"].get(region, {}).get("opt_in", False))


# ── prices ───────────────────────────────────────────────────────────────────────────────────


def price(region: str, name: str) -> Price | None:
    """Return the on-demand price of a type from the catalogue, with its date."""
    listed = document("prices")
    row = listed["regions"].get(region, {})
    if name not in row.get("types", {}):
        return None
    per_hour, source = row["types"][name]
    return Price(per_hour, row["currency"], "catalogue", date.fromisoformat(listed["sources"][source]["as_of"]))


def storage_price(region: str, what: str) -> float | None:
    """Return what `gp3_gb_month`, `snapshot_gb_month` or `address_hour` costs in dollars; None outside `aws`.

    The catalogue has one figure for all regions of the partition: us-east-1's, the cheapest.
    """
    if document("regions")["regions"].get(region, {}).get("partition", "aws") != "aws":
        return None
    return float(document("prices")["storage"][what])
