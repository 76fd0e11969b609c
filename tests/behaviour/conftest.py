"""The simulated AWS without hosts, its API alone: one process for every room that needs no SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.demo import client
from tests.behaviour.cloud.account import Aws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.demo.client import DemoStatus


@pytest.fixture(scope="session")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStatus]:
    """Run the simulated AWS, without hosts, once."""
    folder = tmp_path_factory.mktemp("aws")
    yield client.up(folder, hosts=False)
    client.down(folder)


@pytest.fixture
def aws(process: DemoStatus) -> Aws:
    """Return the simulated AWS as on its first day."""
    client.ask(process, "reset", {})
    client.ask(process, "settings", {"pending_s": 0.05, "stopping_s": 0.05, "image_s": 0.2, "volume_s": 0.05})
    before = client.ask(process, "calls")
    return Aws(process, before[-1]["number"] if before else 0)
