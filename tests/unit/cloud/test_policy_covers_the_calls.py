"""Every AWS call this room makes is in the IAM policy that `doctor --iam-policy` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jupyter_awsgpu import cloud
from jupyter_awsgpu.verbs.policy import iam_policy

SERVICES = {"service-quotas": "servicequotas"}
OPTIONAL = {"ce:GetCostAndUsage", "sts:GetCallerIdentity"}
"""Asked only by `cost --bill`, which says what it costs and what it needs; and what everybody may ask (STS API)."""


def action(service: str, method: str) -> str:
    """Return the IAM action of a boto3 method."""
    name = "".join(part.capitalize() for part in method.split("_")).replace("Aws", "AWS")
    return f"{service}:{name}"


def calls() -> set[str]:
    """Return the IAM action of every boto3 method named in this room's sources."""
    found = set()
    for path in Path(cloud.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for method in re.findall(r"\.ec2\.([a-z_0-9]+)\(", text):
            found.add(action("ec2", method))
        for method in re.findall(r"place\.ec2,\s*\"([a-z_0-9]+)\"", text):
            found.add(action("ec2", method))
        for method in re.findall(r"place, \"((?:authorize|revoke|attach|delete)_[a-z_]+)\"", text):
            found.add(action("ec2", method))
        for service, method in re.findall(r"client\(\s*\"([a-z-]+)\"[^\n]*?\)\s*\.([a-z_]+)\(", text):
            found.add(action(SERVICES.get(service, service), method))
        for service, method in re.findall(r"client\(\"([a-z-]+)\"\),\s*\"([a-z_]+)\"", text):
            found.add(action(SERVICES.get(service, service), method))
    return found - {"ec2:GetPaginator"}


def test_the_calls_are_found_at_all() -> None:
    """A search that finds nothing proves nothing."""
    found = calls()
    assert {"ec2:StopInstances", "ec2:DescribeVolumes", "ssm:GetParameters", "servicequotas:GetServiceQuota"} <= found
    assert "ec2:AuthorizeSecurityGroupIngress" in found


@pytest.mark.parametrize("needed", sorted(calls() - OPTIONAL))
def test_a_call_is_allowed_by_the_policy(needed: str) -> None:
    """Whoever uses the policy meets no denial."""
    allowed = {action for statement in iam_policy()["Statement"] for action in statement["Action"]}
    assert needed in allowed
