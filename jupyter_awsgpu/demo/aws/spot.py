"""The spot market: prices that differ by zone and time, requests, refusals (moto: one constant price).

Codes: SpotMaxPriceTooLow, MaxSpotInstanceCountExceeded and InvalidParameterCombination as in EC2's
error-code page; the wording of their messages is unconfirmed.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.demo.aws import offerings
from jupyter_awsgpu.demo.aws.catalogue import price
from jupyter_awsgpu.demo.aws.operations import operation
from jupyter_awsgpu.demo.aws.wire import Refusal

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.aws.operations import Call

STEP = timedelta(hours=6)
"""How often the simulated spot price changes."""


@dataclass(frozen=True)
class Market:
    """What a launch asks of the spot market."""

    max_price: float | None
    kind: str
    behaviour: str
    valid_until: Any = None


def price_at(itype: str, zone: str, moment: datetime) -> float | None:
    """Return the spot price an hour in a zone at a moment: 25 to 55 % of on-demand, never the same twice."""
    on_demand = price(itype, zone[:-1])
    if on_demand is None:
        return None
    slot = int(moment.timestamp() // STEP.total_seconds())
    base = int.from_bytes(hashlib.sha256(f"{itype} {zone}".encode()).digest()[:2], "big") / 65535
    wave = 0.5 + 0.5 * math.sin(slot * 0.7 + base * 6.28)
    return round(on_demand * (0.25 + 0.2 * base + 0.1 * wave), 4)


def checked_market(call: Call, itype: str) -> Market | None:
    """Return what the request asks of the spot market, or None for on-demand."""
    kind = call.get("InstanceMarketOptions.MarketType")
    if kind is None:
        return None
    if kind != "spot" or "spot" not in (offerings.facts(itype) or {}).get("SupportedUsageClasses", ["spot"]):
        raise Refusal(
            "InvalidParameterCombination", f"The instance type {itype} does not support the market type {kind}."
        )
    options = call.get("InstanceMarketOptions.SpotOptions", {})
    market = Market(
        max_price=float(options["MaxPrice"]) if options.get("MaxPrice") else None,
        kind=options.get("SpotInstanceType", "one-time"),
        behaviour=options.get("InstanceInterruptionBehavior", "terminate"),
        valid_until=options.get("ValidUntil"),
    )
    if market.kind == "one-time" and market.behaviour != "terminate":
        raise Refusal("InvalidParameterCombination", f"{market.behaviour} is not supported for one-time Spot requests.")
    return market


def require_price(_call: Call, market: Market | None, itype: str, zone: str) -> None:
    """Refuse a maximum below the present price."""
    now = price_at(itype, zone, datetime.now(UTC))
    if market is not None and market.max_price is not None and now is not None and market.max_price < now:
        raise Refusal(
            "SpotMaxPriceTooLow",
            f"Your Spot request price of {market.max_price:g} is lower than the minimum required Spot request "
            f"fulfillment price of {now:g}.",
        )


def fulfil(call: Call, market: Market, instance: Any) -> Any:
    """Record the spot request behind an instance and mark the instance as bought so."""
    request = _request_class()(call, market, instance)
    call.backend.spot_instance_requests[request.id] = request
    request.add_tags(call.tags("spot-instances-request"))
    instance.lifecycle = "spot"
    instance.spot_instance_request_id = request.id
    return request


_CLASS: type[Any] | None = None


def _request_class() -> type[Any]:
    global _CLASS  # noqa: PLW0603 - made once, after moto is imported
    if _CLASS is None:
        from moto.ec2.models.core import TaggedEC2Resource

        class SpotRequest(TaggedEC2Resource):
            """A fulfilled request, with the names moto's serialiser reads (moto's own launches another instance)."""

            def __init__(self, call: Call, market: Market, instance: Any) -> None:
                self.ec2_backend = call.backend
                self.id = self.spot_instance_request_id = "sir-" + secrets.token_hex(4)
                self.type, self.instance_interruption_behavior = market.kind, market.behaviour
                self.instance, self.instance_id = instance, instance.id
                self.actual_price = price_at(instance.instance_type, instance.placement.zone, datetime.now(UTC)) or 0.0
                highest = market.max_price or price(instance.instance_type, call.region) or self.actual_price
                self.spot_price = f"{highest:.6f}"
                self.state, self.create_time = "active", datetime.now(UTC)
                self.status = {
                    "Code": "fulfilled",
                    "Message": "Your spot request is fulfilled.",
                    "UpdateTime": self.create_time,
                }
                self.product_description = "Linux/UNIX"
                self.launched_availability_zone = instance.placement.zone
                self.launch_specification = {"ImageId": instance.image_id, "InstanceType": instance.instance_type}

            def close(self, state: str, code: str) -> None:
                """End the request: `closed` or `cancelled`, with the reason's code."""
                self.state = state
                self.status = {"Code": code, "Message": code.replace("-", " "), "UpdateTime": datetime.now(UTC)}

        _CLASS = SpotRequest
    return _CLASS


@operation("DescribeSpotPriceHistory")
def describe_spot_price_history(call: Call) -> object:
    """List spot prices, newest first: from the one in force at StartTime to EndTime."""
    call.end_dry_run()
    filters = call.filters()
    now = datetime.now(UTC)
    begin = _moment(call.get("StartTime"), now - timedelta(days=1))
    end = min(_moment(call.get("EndTime"), now), now)
    if not set(call.get("ProductDescriptions") or ["Linux/UNIX"]) & {"Linux/UNIX", "Linux/UNIX (Amazon VPC)"}:
        return {"SpotPriceHistory": []}
    types = call.get("InstanceTypes") or filters.get("instance-type") or sorted(offerings.offered(call.region))
    asked = call.get("AvailabilityZone")
    zones = [asked] if asked else filters.get("availability-zone", [])
    rows = [row for name in types for row in _history(call.region, name, zones, begin, end)]
    rows.sort(key=lambda row: row["Timestamp"], reverse=True)
    start, size = int(call.get("NextToken") or 0), int(call.get("MaxResults") or 1000)
    more = str(start + size) if start + size < len(rows) else ""
    return {"SpotPriceHistory": rows[start : start + size], "NextToken": more}


def _history(region: str, itype: str, zones: list[str], begin: datetime, end: datetime) -> list[dict[str, Any]]:
    rows = []
    for zone in offerings.zones_offering(region, itype):
        if zones and zone not in zones:
            continue
        slot = datetime.fromtimestamp(begin.timestamp() // STEP.total_seconds() * STEP.total_seconds(), UTC)
        while slot <= end and (now := price_at(itype, zone, slot)) is not None:
            rows.append(
                {
                    "AvailabilityZone": zone,
                    "InstanceType": itype,
                    "ProductDescription": "Linux/UNIX",
                    "SpotPrice": f"{now:.6f}",
                    "Timestamp": slot,
                }
            )
            slot += STEP
    return rows


def _moment(value: Any, otherwise: datetime) -> datetime:
    if value is None:
        return otherwise
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
