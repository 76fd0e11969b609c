"""Values to draw, and asks that reach no verb."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.model import Gpu, GuestReport, Instance, InstanceState, Tunnel
from jupyter_awsgpu.surfaces.ask import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    """One moment for all pictures."""
    return NOW


@pytest.fixture
def instance() -> Callable[..., Instance]:
    """Make an instance; keywords change it."""

    def make(**changes: Any) -> Instance:
        facts: dict[str, Any] = {
            "name": "gpu",
            "instance_id": "i-0abc",
            "instance_type": "p2.xlarge",
            "state": InstanceState.RUNNING,
            "region": "us-west-2",
            "zone": "us-west-2a",
            "launch_id": "l-1",
            "owner": "123456789012/user/ada",
            "image_id": "ami-1",
            "launched_at": NOW - timedelta(hours=2),
            "ssh_user": "ubuntu",
            "price_per_hour": 0.9,
            "gpu": Gpu("K80", 1, 12288),
        }
        return Instance(**{**facts, **changes})

    return make


@pytest.fixture
def tunnel() -> Tunnel:
    """A tunnel that is up."""
    return Tunnel("i-0abc", "gpu", ((8889, 8888),), 4711, 1.0, "up", NOW)


@pytest.fixture
def report() -> GuestReport:
    """A guest that is ready and idle."""
    return GuestReport("ready", idle_stop_in_s=3000.0, cap_in_s=36000.0, driver="470.256.02", cuda="11.4")


@pytest.fixture
def ask() -> Callable[..., Ask]:
    """Make an ask of a terminal whose verbs cannot be reached: opening the rooms fails the test."""

    class Unreachable(Ask):
        def bench(self, **more: object) -> Any:
            pytest.fail(f"a verb was called for {self.arguments} with {more}")

    def make(*words: str) -> Ask:
        return Unreachable("terminal", list(words), show=lambda _: None)

    return make
