"""One EC2 client for all regions.

Building a client costs 20 ms of processor time (EC2's has 830 methods): thirty of them would take longer
than the thirty answers. So one is built, and every call is steered to its region by botocore's own event
`before-endpoint-resolution`: the endpoint rules then see the call's region, and so does the signature.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION: ContextVar[str] = ContextVar("region of the call being made")

REGION_BUILTIN = "AWS::Region"
"""The endpoint rules' own name for the region (botocore.endpoint_provider)."""


def make_steerable(client: Any) -> Any:
    """Return the client, its calls now obeying `REGION`."""
    client.meta.events.register("before-endpoint-resolution", _steer)
    return client


def _steer(builtins: dict[str, Any], context: dict[str, Any], **_others: Any) -> None:
    region = REGION.get(None)
    if region is not None:
        builtins[REGION_BUILTIN] = region
        context["signing"] = {**context.get("signing", {}), "region": region}


class Steered:
    """A steerable client as one region sees it: the same methods, each call going there."""

    def __init__(self, client: Any, region: str) -> None:
        self._client = client
        self._region = region

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            return self._there(lambda: method(**parameters))

        return call

    def get_paginator(self, operation: str) -> Pages:
        """Return the operation's pages, each asked for in the region."""
        return Pages(self._client.get_paginator(operation), self._there)

    def _there(self, ask: Callable[[], Any]) -> Any:
        token = REGION.set(self._region)
        try:
            return ask()
        finally:
            REGION.reset(token)


class Pages:
    """A paginator, steered page by page: between two pages the thread may have gone elsewhere."""

    def __init__(self, paginator: Any, there: Callable[[Callable[[], Any]], Any]) -> None:
        self._paginator = paginator
        self._there = there

    def paginate(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages."""
        pages = iter(self._paginator.paginate(**parameters))
        while (page := self._there(lambda: next(pages, None))) is not None:
            yield page
