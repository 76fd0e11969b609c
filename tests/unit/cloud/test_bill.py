"""What AWS itself bills for our resources, read from Cost Explorer's answer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, cast

from jupyter_awsgpu.cloud.bill import bill

if TYPE_CHECKING:
    from jupyter_awsgpu.cloud.session import Session


class CostExplorer:
    """Answers GetCostAndUsage with two months of two names, as the API's reference shows them."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    def get_cost_and_usage(self, **asked: Any) -> dict[str, Any]:
        """Note the question, answer it."""
        self.asked = asked
        return {"ResultsByTime": [{"Groups": [group("gpu", 1.5), group("", 0.25)]}, {"Groups": [group("gpu", 2.0)]}]}


def group(name: str, amount: float) -> dict[str, Any]:
    """Return one group of an answer."""
    spent = {"Amount": str(amount), "Unit": "USD"}
    return {"Keys": [f"jupyter-awsgpu:name${name}"], "Metrics": {"UnblendedCost": spent}}


class OneService:
    """A session with nothing but Cost Explorer."""

    def __init__(self, client: CostExplorer) -> None:
        self._client = client

    def global_region(self, region: str) -> str:
        """Cost Explorer answers in one region for all."""
        return "us-east-1" if region else ""

    def client(self, service: str, region: str) -> CostExplorer:
        """Return the one client there is."""
        assert (service, region) == ("ce", "us-east-1")
        return self._client


def test_the_bill_adds_up_by_name_and_asks_for_the_owner_only() -> None:
    """Another owner's machines are not on it; what has no name is not hidden."""
    explorer = CostExplorer()
    costs = bill(cast("Session", OneService(explorer)), "us-west-2", "1/user/liao", since=date(2026, 10, 1))
    assert [(one.name, one.low, one.high, one.currency) for one in costs] == [
        ("gpu", 3.5, 3.5, "USD"),
        ("without a name", 0.25, 0.25, "USD"),
    ]
    assert explorer.asked["Filter"]["Tags"]["Values"] == ["1/user/liao"]
    assert explorer.asked["TimePeriod"]["Start"] == "2026-10-01"
