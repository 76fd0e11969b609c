"""Which regions the account has: those AWS enables for everybody; the others would have to be opted in to.

Source: AWS account management guide, "Enable or disable AWS Regions in your account".
"""

from __future__ import annotations

from typing import Any

from jupyter_awsgpu.demo.aws.operations import Call, operation

ENABLED = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


@operation("DescribeRegions")
def describe_regions(call: Call) -> object:
    """List the enabled regions, with AllRegions all of them and how each stands (moto: everyone has every region)."""
    call.end_dry_run()
    rows = [_shown(one) for one in call.moto()["Regions"]]
    if not call.get("AllRegions", False):
        rows = [one for one in rows if one["RegionName"] in ENABLED]
    for name, values in call.filters().items():
        field = {"region-name": "RegionName", "opt-in-status": "OptInStatus", "endpoint": "Endpoint"}.get(name, "")
        rows = [one for one in rows if one.get(field) in values]
    return {"Regions": rows}


def _shown(region: Any) -> dict[str, str]:
    name = str(region["RegionName"] if isinstance(region, dict) else getattr(region, "name", ""))
    status = "opt-in-not-required" if name in ENABLED else "not-opted-in"
    return {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": status}
