"""Quota codes are found by name: which bucket counts which family."""

from __future__ import annotations

import pytest

from jupyter_awsgpu.cloud.quotas import bucket_of

NAMES = {
    "L-417A185B": "Running On-Demand P instances",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-6E869C2A": "Running On-Demand DL instances",
    "L-1945791B": "Running On-Demand Inf instances",
    "L-2C3B7624": "Running On-Demand Trn instances",
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-74FC7D96": "Running On-Demand F instances",
    "L-7295265B": "Running On-Demand X instances",
    "L-F7808C92": "Running On-Demand HPC instances",
    "L-43DA4232": "Running On-Demand High Memory instances",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
    "L-C4BD4855": "All P5 Spot Instance Requests",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-00000000": "Number of EIPs",
}
"""Names as AWS's page on EC2 quotas has them."""


@pytest.mark.parametrize(
    ("family", "spot", "code"),
    [
        ("p2", False, "L-417A185B"),
        ("p3dn", False, "L-417A185B"),
        ("p5en", False, "L-417A185B"),
        ("p6-b200", False, "L-417A185B"),
        ("g4dn", False, "L-DB2E81BA"),
        ("gr6", False, "L-DB2E81BA"),
        ("g6f", False, "L-DB2E81BA"),
        ("vt1", False, "L-DB2E81BA"),
        ("inf2", False, "L-1945791B"),
        ("trn1", False, "L-2C3B7624"),
        ("dl1", False, "L-6E869C2A"),
        ("t2", False, "L-1216C47A"),
        ("m7i", False, "L-1216C47A"),
        ("hpc7a", False, "L-F7808C92"),
        ("p2", True, "L-7212CCBC"),
        ("p4d", True, "L-7212CCBC"),
        ("p5", True, "L-C4BD4855"),
        ("p6-b200", True, None),
        ("g5", True, "L-3819A6DF"),
        ("t3", True, "L-34B43A08"),
    ],
)
def test_a_family_is_counted_by_the_quota_that_names_it(family: str, spot: bool, code: str | None) -> None:
    """Where no quota names a family (P6 on spot: sources disagree), nothing is guessed."""
    assert bucket_of(family, NAMES, spot=spot) == code
