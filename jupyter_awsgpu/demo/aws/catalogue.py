"""What instance types cost, which quota bucket counts them, and the retired ones AWS no longer lists.

Prices: on-demand Linux in us-east-1 from AWS's price list (as generated into public code on
2026-07-20), $ an hour. Regional factors: g4dn.xlarge over its us-east-1 price, same source; AWS's
spread differs a little by family, the simulated one does not. `regions` never invents a price.
"""

from __future__ import annotations

import re

_SIZED = {
    "t2": {"nano": 0.0058, "micro": 0.0116, "small": 0.023, "medium": 0.0464, "large": 0.0928},
    "t3": {"nano": 0.0052, "micro": 0.0104, "small": 0.0208, "medium": 0.0416, "large": 0.0832, "xlarge": 0.1664},
    "m5": {"large": 0.096, "xlarge": 0.192, "2xlarge": 0.384, "4xlarge": 0.768},
    "c5": {"large": 0.085, "xlarge": 0.17, "2xlarge": 0.34, "4xlarge": 0.68},
    "p2": {"xlarge": 0.9, "8xlarge": 7.2, "16xlarge": 14.4},
    "p3": {"2xlarge": 3.06, "8xlarge": 12.24, "16xlarge": 24.48},
    "p3dn": {"24xlarge": 31.212},
    "g3s": {"xlarge": 0.75},
    "g3": {"4xlarge": 1.14, "8xlarge": 2.28, "16xlarge": 4.56},
    "g4dn": {
        "xlarge": 0.526,
        "2xlarge": 0.752,
        "4xlarge": 1.204,
        "8xlarge": 2.176,
        "12xlarge": 3.912,
        "16xlarge": 4.352,
        "metal": 7.824,
    },
    "g5": {
        "xlarge": 1.006,
        "2xlarge": 1.212,
        "4xlarge": 1.624,
        "8xlarge": 2.448,
        "12xlarge": 5.672,
        "16xlarge": 4.096,
        "24xlarge": 8.144,
        "48xlarge": 16.288,
    },
    "g5g": {"xlarge": 0.42, "2xlarge": 0.556, "4xlarge": 0.828, "8xlarge": 1.372, "16xlarge": 2.744, "metal": 2.744},
    "g6": {
        "xlarge": 0.8048,
        "2xlarge": 0.9776,
        "4xlarge": 1.3232,
        "8xlarge": 2.0144,
        "12xlarge": 4.6016,
        "16xlarge": 3.3968,
        "24xlarge": 6.6752,
        "48xlarge": 13.3504,
    },
    "g6e": {
        "xlarge": 1.861,
        "2xlarge": 2.24208,
        "4xlarge": 3.00424,
        "8xlarge": 4.52856,
        "12xlarge": 10.49264,
        "16xlarge": 7.57719,
        "24xlarge": 15.06559,
        "48xlarge": 30.13118,
    },
    "g6f": {"large": 0.202, "4xlarge": 0.95},
    "gr6": {"4xlarge": 1.5392, "8xlarge": 2.446},
    "gr6f": {"4xlarge": 1.066},
    "g7": {"2xlarge": 2.52},
    "g7e": {"2xlarge": 3.363, "48xlarge": 33.144},
    "p4d": {"24xlarge": 21.957642},
    "p4de": {"24xlarge": 27.44705},
    "p5": {"4xlarge": 6.88, "48xlarge": 55.04},
    "p5en": {"48xlarge": 63.296},
    "p6-b200": {"48xlarge": 113.9328},
    "p6-b300": {"48xlarge": 142.42},
    "inf1": {"xlarge": 0.228},
    "inf2": {"xlarge": 0.758, "48xlarge": 12.981},
    "trn1": {"2xlarge": 1.344, "32xlarge": 21.5},
}

REGION_FACTOR = {
    "us-east-1": 1.0,
    "us-east-2": 1.0,
    "us-west-2": 1.0,
    "us-west-1": 1.2,
    "eu-north-1": 1.061,
    "ap-south-1": 1.101,
    "ca-central-1": 1.11,
    "eu-west-1": 1.116,
    "eu-west-2": 1.169,
    "eu-west-3": 1.169,
    "eu-south-1": 1.171,
    "me-south-1": 1.226,
    "ap-northeast-2": 1.23,
    "eu-central-1": 1.251,
    "ap-southeast-2": 1.3,
    "af-south-1": 1.327,
    "ap-northeast-1": 1.35,
    "ap-northeast-3": 1.35,
    "ap-southeast-1": 1.399,
    "ap-east-1": 1.54,
}
OTHER_FACTOR = 1.3
GP3_GB_MONTH = 0.08
SNAPSHOT_GB_MONTH = 0.05
ADDRESS_HOUR = 0.005
HOURS_A_MONTH = 730.0

BUCKETS: tuple[tuple[str, str, str, str], ...] = (
    (r"p5\b.*|p5e.*", "P", "L-417A185B", "L-C4BD4855"),
    (r"p\d.*", "P", "L-417A185B", "L-7212CCBC"),
    (r"g\d.*|gr\d.*|vt\d.*", "G and VT", "L-DB2E81BA", "L-3819A6DF"),
    (r"dl\d.*", "DL", "L-6E869C2A", "L-85EED4F7"),
    (r"inf\d.*", "Inf", "L-1945791B", "L-B5D1601B"),
    (r"trn\d.*", "Trn", "L-2C3B7624", "L-6B0D517C"),
    (r"f\d.*", "F", "L-74FC7D96", "L-88CF9481"),
    (r"x\d.*", "X", "L-7295265B", "L-E3A00192"),
    (r"hpc\d.*", "HPC", "L-F7808C92", ""),
    (r"u-.*|u\d.*", "High Memory", "L-43DA4232", ""),
    (r".*", "Standard", "L-1216C47A", "L-34B43A08"),
)
"""Family pattern, bucket, On-Demand and Spot quota codes (AWS's "EC2 endpoints and quotas")."""


def price(instance_type: str, region: str) -> float | None:
    """Return the on-demand Linux price an hour in USD, or None where we know none."""
    family, _, size = instance_type.partition(".")
    base = _SIZED.get(family, {}).get(size)
    return None if base is None else round(base * REGION_FACTOR.get(region, OTHER_FACTOR), 6)


def priced() -> list[str]:
    """Return every type with a price."""
    return [f"{family}.{size}" for family, sizes in _SIZED.items() for size in sizes]


def quota_code(instance_type: str, *, spot: bool) -> str:
    """Return the code of the quota that counts this type's vCPUs."""
    family = instance_type.partition(".")[0]
    for pattern, _, on_demand, for_spot in BUCKETS:
        if re.fullmatch(pattern, family):
            return for_spot if spot else on_demand
    raise AssertionError(family)
