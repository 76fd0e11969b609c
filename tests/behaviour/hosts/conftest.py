"""A fleet of the demo's hosts for each test."""

from __future__ import annotations

import os
import queue
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.demo.hosts import HostFleet, isolation
from tests.behaviour.hosts.hosts_yard import KEY, Yard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    """An empty fleet, all of whose hosts are gone afterwards.

    `HOSTS_UNDER_TEST=folder` tries the hosts of machines without namespaces (not as root).
    """
    try:
        isolation.available()
    except isolation.IsolationError as impossible:
        pytest.skip(str(impossible))
    kind: Any = os.environ.get("HOSTS_UNDER_TEST")
    powered_off: queue.Queue[str] = queue.Queue()
    yard = Yard(HostFleet(on_shutdown=powered_off.put, isolation_kind=kind), tmp_path, powered_off)
    yield yard
    for client in yard.clients:
        client.close()
    yard.fleet.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """The key pair's private half, for OpenSSH."""
    path = tmp_path / "id"
    KEY.write_private_key_file(str(path))
    return path


@pytest.fixture
def isolated(yard: Yard) -> None:
    """Skip where hosts are mere folders."""
    if yard.fleet.isolation_kind == "folder":
        pytest.skip("needs Linux namespaces")
