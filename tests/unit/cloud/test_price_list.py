"""Prices are read from the price list's documents as AWS writes them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from jupyter_awsgpu.cloud.prices import _of_product


def product(*amounts: dict[str, str], published: str = "2026-11-20T00:00:00Z") -> dict[str, Any]:
    """Return one product with one on-demand term of these amounts."""
    dimensions = {str(at): {"unit": "Hrs", "pricePerUnit": amount} for at, amount in enumerate(amounts)}
    return {"publicationDate": published, "terms": {"OnDemand": {"sku.term": {"priceDimensions": dimensions}}}}


def test_a_price_carries_amount_currency_and_the_lists_date() -> None:
    """The date shown is the list's, not ours."""
    price = _of_product(product({"USD": "0.9000000000"}))
    assert price is not None
    assert (price.per_hour, price.currency, price.source, price.as_of) == (0.9, "USD", "price list", date(2026, 11, 20))


def test_yuan_stay_yuan() -> None:
    """Amounts are never converted."""
    price = _of_product(product({"CNY": "10.612"}))
    assert price is not None
    assert str(price) == "¥10.6120/h"


@pytest.mark.parametrize(
    "odd", [product({"USD": "0.0000000000"}), product(), {"terms": {}}, {"terms": {"Reserved": {}}}]
)
def test_a_product_without_a_price_by_use_has_none(odd: dict[str, Any]) -> None:
    """Free dimensions and reserved terms are not what an hour costs."""
    assert _of_product(odd) is None
