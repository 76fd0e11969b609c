"""The price list, in the shape GetProducts has (JSON documents in strings); moto has none."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import offerings
from jupyter_awsgpu.demo.aws.catalogue import GP3_GB_MONTH, OTHER_FACTOR, REGION_FACTOR, price, priced
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.wire import Request
    from jupyter_awsgpu.demo.aws.world import World

PUBLISHED = "2026-11-20T00:00:00Z"
PAGE = 100


def answer(_world: World, request: Request) -> dict[str, Any]:
    """Answer one Price List request."""
    if request.operation != "GetProducts":
        raise Refusal("InvalidParameterException", f"{request.operation} is not simulated.")
    asked = request.json
    if asked.get("ServiceCode") not in ("AmazonEC2", "AmazonVPC"):
        raise Refusal("NotFoundException", "The service code does not exist.")
    found = [one for one in _products(asked) if _passes(one["product"]["attributes"], asked.get("Filters", []))]
    start, size = int(asked.get("NextToken") or 0), min(PAGE, int(asked.get("MaxResults") or PAGE))
    page: dict[str, Any] = {
        "FormatVersion": "aws_v1",
        "PriceList": [json.dumps(one) for one in found[start : start + size]],
    }
    return page | ({"NextToken": str(start + size)} if start + size < len(found) else {})


def _passes(attributes: dict[str, str], filters: list[dict[str, str]]) -> bool:
    return all(_matches(attributes.get(one["Field"], ""), one) for one in filters if one["Field"] != "ServiceCode")


def _matches(value: str, wish: dict[str, str]) -> bool:
    wanted, kind = wish["Value"], wish["Type"]
    if kind == "CONTAINS":
        return wanted in value
    if kind in ("ANY_OF", "NONE_OF"):
        return (value in wanted.split(",")) == (kind == "ANY_OF")
    return value.lower() == wanted.lower()


def _products(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Every product, or only the region's and type's where the filters name them (there are thousands)."""
    exact = {one["Field"]: one["Value"] for one in asked.get("Filters", []) if one["Type"] in ("TERM_MATCH", "EQUALS")}
    regions = [exact["regionCode"]] if "regionCode" in exact else list(REGION_FACTOR)
    types = [exact["instanceType"]] if "instanceType" in exact else priced()
    rows = [_instance(name, region) for region in regions for name in types if price(name, region) is not None]
    return rows + [_volume(region) for region in regions if "instanceType" not in exact]


def _instance(name: str, region: str) -> dict[str, Any]:
    facts = offerings.facts(name) or {}
    memory = facts.get("MemoryInfo", {}).get("SizeInMiB", 0) / 1024
    attributes = {
        "instanceType": name,
        "regionCode": region,
        "locationType": "AWS Region",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
        "marketoption": "OnDemand",
        "licenseModel": "No License required",
        "operation": "RunInstances",
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "usagetype": f"BoxUsage:{name}",
        "currentGeneration": "Yes" if facts.get("CurrentGeneration") else "No",
        "vcpu": str(offerings.vcpus(name)),
        "memory": f"{memory:g} GiB",
    }
    return _product(
        "Compute Instance", attributes, price(name, region) or 0.0, "Hrs", f"{name} Linux/UNIX On-Demand hour"
    )


def _volume(region: str) -> dict[str, Any]:
    attributes = {
        "regionCode": region,
        "volumeApiName": "gp3",
        "volumeType": "General Purpose",
        "servicecode": "AmazonEC2",
        "usagetype": "EBS:VolumeUsage.gp3",
    }
    each = round(GP3_GB_MONTH * REGION_FACTOR.get(region, OTHER_FACTOR), 4)
    return _product("Storage", attributes, each, "GB-Mo", "per GB-month of General Purpose (gp3) provisioned storage")


def _product(family: str, attributes: dict[str, str], each: float, unit: str, text: str) -> dict[str, Any]:
    sku = hashlib.sha256(json.dumps(attributes, sort_keys=True).encode()).hexdigest()[:16].upper()
    offer = f"{sku}.JRTCKXETXF"  # the offer term code AWS uses for on-demand
    rate = {
        "rateCode": f"{offer}.6YS6EN2CT7",
        "unit": unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${each:g} per {text}",
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{each:.10f}"},
    }
    term = {
        "sku": sku,
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": "2026-11-01T00:00:00Z",
        "priceDimensions": {rate["rateCode"]: rate},
        "termAttributes": {},
    }
    return {
        "product": {"productFamily": family, "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {offer: term}},
        "version": "20261120000000",
        "publicationDate": PUBLISHED,
    }
