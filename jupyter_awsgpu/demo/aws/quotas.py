"""Service Quotas: read, ask for more, be approved after a while (moto knows no EC2 quotas).

Answers follow botocore's `service-quotas` model. A request is PENDING, then APPROVED and in force.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws.catalogue import BUCKETS
from jupyter_awsgpu.demo.aws.wire import Refusal
from jupyter_awsgpu.demo.aws.world import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.demo.aws.wire import Request
    from jupyter_awsgpu.demo.aws.world import World

AWS_DEFAULT = {"Standard": 5.0}
"""What AWS gives a new account: 5 vCPUs of standard types, none of any other."""

HERE = {"Standard": 256.0, "P": 192.0, "G and VT": 128.0}
"""What the simulated account was once granted, where it was."""

NEVER_ASKED = ("eu-west-1", "sa-east-1")
"""Regions where nobody asked for a quota yet: GPU quotas are 0, so that people can meet that."""

OPEN = ("PENDING", "CASE_OPENED")


def _names() -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    for _, bucket, on_demand, spot in BUCKETS:
        word = bucket if bucket != "Standard" else "Standard (A, C, D, H, I, M, R, T, Z)"
        names.setdefault(on_demand, (f"Running On-Demand {word} instances", bucket))
        if spot:
            names.setdefault(spot, (f"All {word} Spot Instance Requests", bucket))
    names["L-7212CCBC"] = ("All P4, P3 and P2 Spot Instance Requests", "P")
    names["L-C4BD4855"] = ("All P5 Spot Instance Requests", "P")
    return names


NAMES = _names()


def _granted(world: World) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = world.book("quota grants", dict)
    return found


def _requests(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.book("quota requests", list)
    return found


def value(world: World, region: str, code: str) -> float:
    """Return the applied value of a quota, in vCPUs."""
    granted = _granted(world).get((region, code))
    if granted is not None:
        return granted
    bucket = NAMES[code][1]
    if region in NEVER_ASKED and bucket != "Standard":
        return 0.0
    return HERE.get(bucket, AWS_DEFAULT.get(bucket, 0.0))


def grant(world: World, region: str, code: str, vcpus: float) -> None:
    """Set a quota, as an approval does."""
    _granted(world)[(region, code)] = vcpus


def _described(region: str, code: str, vcpus: float) -> dict[str, Any]:
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": NAMES[code][0],
        "Value": vcpus,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "UsageMetric": {
            "MetricNamespace": "AWS/Usage",
            "MetricName": "ResourceCount",
            "MetricDimensions": {"Service": "EC2", "Type": "Resource", "Resource": "vCPU"},
            "MetricStatisticRecommendation": "Maximum",
        },
    }


def _known(asked: dict[str, Any]) -> str:
    code = str(asked.get("QuotaCode", ""))
    if asked.get("ServiceCode") != "ec2" or code not in NAMES:
        raise Refusal(
            "NoSuchResourceException", "The request failed because the specified service quota does not exist."
        )
    return code


def _get(world: World, region: str, asked: dict[str, Any]) -> dict[str, Any]:
    code = _known(asked)
    return {"Quota": _described(region, code, value(world, region, code))}


def _get_default(_world: World, region: str, asked: dict[str, Any]) -> dict[str, Any]:
    code = _known(asked)
    return {"Quota": _described(region, code, AWS_DEFAULT.get(NAMES[code][1], 0.0))}


def _list(world: World, region: str, asked: dict[str, Any]) -> dict[str, Any]:
    if asked.get("ServiceCode") != "ec2":
        raise Refusal("NoSuchResourceException", "The specified service does not exist.")
    start, size = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or 100)
    codes = sorted(NAMES)
    page = {"Quotas": [_described(region, code, value(world, region, code)) for code in codes[start : start + size]]}
    return page | ({"NextToken": str(start + size)} if start + size < len(codes) else {})


def _request(world: World, region: str, asked: dict[str, Any]) -> dict[str, Any]:
    code, wanted = _known(asked), float(asked.get("DesiredValue", 0))
    if wanted <= value(world, region, code):
        raise Refusal("IllegalArgumentException", "The desired value must be greater than the current quota value.")
    mine = [one for one in _requests(world) if one["QuotaCode"] == code and one["_region"] == region]
    if any(one["Status"] in OPEN for one in mine):
        raise Refusal(
            "ResourceAlreadyExistsException", "Only one open service quota increase request is allowed per quota."
        )
    change = {
        "Id": secrets.token_hex(16),
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaCode": code,
        "QuotaName": NAMES[code][0],
        "DesiredValue": wanted,
        "Status": "PENDING",
        "Created": time.time(),
        "LastUpdated": time.time(),
        "Requester": f'{{"accountId":"{ACCOUNT}"}}',
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:ec2/{code}",
        "GlobalQuota": False,
        "Unit": "None",
        "_region": region,
    }
    _requests(world).append(change)
    world.later(world.settings.quota_approval_s, lambda: _approve(world, change))
    return {"RequestedQuota": _shown(change)}


def _approve(world: World, change: dict[str, Any]) -> None:
    change.update(Status="APPROVED", LastUpdated=time.time())
    grant(world, change["_region"], change["QuotaCode"], change["DesiredValue"])


def _change(world: World, _region: str, asked: dict[str, Any]) -> dict[str, Any]:
    for one in _requests(world):
        if one["Id"] == asked.get("RequestId"):
            return {"RequestedQuota": _shown(one)}
    raise Refusal("NoSuchResourceException", "The specified request does not exist.")


def _history(world: World, region: str, asked: dict[str, Any]) -> dict[str, Any]:
    rows = [
        _shown(one)
        for one in _requests(world)
        if one["_region"] == region
        and asked.get("QuotaCode") in (None, one["QuotaCode"])
        and asked.get("Status") in (None, one["Status"])
    ]
    return {"RequestedQuotas": rows}


def _shown(change: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in change.items() if not name.startswith("_")}


OPERATIONS: dict[str, Callable[[World, str, dict[str, Any]], dict[str, Any]]] = {
    "GetServiceQuota": _get,
    "GetAWSDefaultServiceQuota": _get_default,
    "ListServiceQuotas": _list,
    "RequestServiceQuotaIncrease": _request,
    "GetRequestedServiceQuotaChange": _change,
    "ListRequestedServiceQuotaChangeHistory": _history,
    "ListRequestedServiceQuotaChangeHistoryByQuota": _history,
}


def answer(world: World, request: Request) -> dict[str, Any]:
    """Answer one Service Quotas request."""
    known = OPERATIONS.get(request.operation)
    if known is None:
        raise Refusal("UnknownOperationException", f"{request.operation} is not simulated.")
    return known(world, request.region, request.json)
