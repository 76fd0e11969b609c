"""The simulated AWS between tests: as on its first day, or with its usual settings."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import httpx

from jupyter_awsgpu.demo import client
from jupyter_awsgpu.demo.aws.world import Settings

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.client import DemoStatus


def first_day(demo: DemoStatus) -> None:
    """Empty the account, and forget the facts that this machine has kept of it for the day."""
    client.ask(demo, "reset", {})
    shutil.rmtree(demo.state_dir.parents[1] / "cache" / "demo", ignore_errors=True)


def usual(demo: DemoStatus) -> None:
    """Put settings, faults and policy back as they begin: a test that fails half-way may leave others."""
    client.ask(demo, "settings", dataclasses.asdict(Settings()))
    client.ask(demo, "policy", {"document": None})
    httpx.delete(f"{demo.endpoint}/_awsgpu/faults", trust_env=False).raise_for_status()
