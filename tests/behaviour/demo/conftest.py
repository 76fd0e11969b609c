"""One simulated AWS without hosts for the contract suite, emptied before each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.demo import client
from tests.behaviour.demo.aws_clients import QUICK, Aws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.demo.client import DemoStatus


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoStatus]:
    """Run one simulated AWS without hosts for all contract tests."""
    folder = tmp_path_factory.mktemp("simulated-aws")
    yield client.up(folder, hosts=False)
    client.down(folder)


@pytest.fixture(scope="session")
def clients(simulated: DemoStatus) -> Aws:
    """Keep one set of boto3 clients: making them is what takes time."""
    keys = {"aws_access_key_id": simulated.access_key_id, "aws_secret_access_key": simulated.secret_access_key}
    return Aws({"endpoint_url": simulated.endpoint, **keys}, simulated)


@pytest.fixture
def aws(clients: Aws) -> Aws:
    """Give an empty simulated AWS with short delays."""
    clients.ask("reset", {})
    clients.ask("settings", QUICK)
    return clients


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.aws)])
def either(request: pytest.FixtureRequest) -> Aws:
    """Give the simulated AWS, and with `--aws` the real one too: for cases that change nothing."""
    if request.param == "real":
        return Aws({}, None)
    found: Aws = request.getfixturevalue("aws")
    return found
