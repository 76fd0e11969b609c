"""What the panel's tests draw: instances, operations and snapshots as the verbs would give them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jupyter_awsgpu.model import Gpu, GuestReport, Instance, InstanceState, Tunnel
from jupyter_awsgpu.surfaces.panel.snapshot import Snapshot

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

GPU = Instance(
    name="gpu",
    instance_id="i-0123",
    instance_type="p2.xlarge",
    state=InstanceState.RUNNING,
    region="us-west-2",
    zone="us-west-2a",
    launch_id="l-1",
    owner="1/user/me",
    image_id="ami-1",
    launched_at=datetime(2026, 11, 23, 11, 30, tzinfo=UTC),
    ssh_user="ubuntu",
    root_gb=40,
    gpu=Gpu("K80", 1, 11441),
    price_per_hour=0.9,
)


def tunnel(phase="up"):
    return Tunnel("i-0123", "gpu", ((8889, 8888),), 1, 1.0, phase, NOW)


def report(**facts):
    return GuestReport(**{"phase": "ready", "read_at": NOW, **facts})


@pytest.fixture
def tr():
    """The words as they stand."""
    return str


@pytest.fixture
def instance():
    """Make the tutorial's instance, with whatever differs."""

    def make(**differing):
        if "phase" in differing:
            differing["tunnel"] = tunnel(differing.pop("phase"))
        if "says" in differing:
            differing["guest"] = report(**differing.pop("says"))
        if isinstance(differing.get("state"), str):
            differing["state"] = InstanceState(differing["state"])
        return replace(GPU, **differing)

    return make


@pytest.fixture
def look():
    """Make one look at some instances."""

    def make(*instances, **differing):
        return Snapshot(**{"at": NOW.timestamp(), "demo": False, "instances": instances, "asked": 1.0, **differing})

    return make
