"""What AWS itself says was spent on our resources. The question costs $0.01 (Cost Explorer's price a request)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from jupyter_awsgpu.cloud import tags
from jupyter_awsgpu.cloud.refusals import refusals
from jupyter_awsgpu.model import Cost

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.session import Session

QUESTION_COSTS = 0.01
"""Dollars a request (AWS Cost Explorer pricing page)."""


def bill(session: Session, region: str, owner: str, *, since: date | None = None) -> tuple[Cost, ...]:
    """Return what each name of the owner's has cost since a day (the month's first without one), by Cost Explorer.

    Figures lag by up to a day, and AWS counts a tag only once it is activated for cost allocation: resources
    without it do not show. Raises `PermissionDenied`, `AwsRefused`.
    """
    today = datetime.now(UTC).date()
    first = since or today.replace(day=1)
    with refusals(region=region, service="ce"):
        answer = session.client("ce", session.global_region(region)).get_cost_and_usage(
            TimePeriod={"Start": first.isoformat(), "End": (today + timedelta(days=1)).isoformat()},
            Granularity="MONTHLY",
            Metrics=["UnblendedCost"],
            Filter={"Tags": {"Key": tags.OWNER, "Values": [owner]}},
            GroupBy=[{"Type": "TAG", "Key": tags.NAME}],
        )
    totals: dict[str, tuple[float, str]] = {}
    for period in answer["ResultsByTime"]:
        for group in period["Groups"]:
            name = group["Keys"][0].partition("$")[2] or "without a name"
            spent = group["Metrics"]["UnblendedCost"]
            totals[name] = (totals.get(name, (0.0, ""))[0] + float(spent["Amount"]), spent["Unit"])
    return tuple(
        Cost(name, "billed by AWS", amount, amount, currency=unit, detail=f"since {first.isoformat()}")
        for name, (amount, unit) in sorted(totals.items())
    )
