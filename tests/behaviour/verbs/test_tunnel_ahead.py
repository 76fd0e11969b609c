"""The tunnel is opened while Jupyter starts on the instance, so that the link waits for the slower of the two alone."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.errors import ProvisioningFailed
from jupyter_awsgpu.verbs.launch import launch
from tests.behaviour.verbs.hosts_that_answer import READY, HostsThatAnswer, HostThatAnswers, Page, TunnelsToOnePage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_awsgpu.model import Instance, Tunnel
    from tests.behaviour.verbs.conftest import Desk

STARTING = {"phase": "provisioning", "steps": [{"key": "jupyter", "text": "Starting Jupyter", "phase": "running"}]}
FAILED = {"phase": "failed", "steps": [{"key": "jupyter", "text": "Starting Jupyter", "phase": "failed", "log": "no"}]}


class Tunnels(TunnelsToOnePage):
    """Notes what is opened and closed."""

    def __init__(self, *places: Any, **how: Any) -> None:
        super().__init__(*places, **how)
        self.opened: list[int] = []
        self.closed: list[str] = []
        self.first = threading.Event()

    def open(self, instance: Instance, **how: Any) -> Tunnel:
        self.opened.append(how["remote_port"])
        self.first.set()
        return super().open(instance, **how)

    def close(self, instance_id: str) -> bool:
        self.closed.append(instance_id)
        return True


class Starting(HostThatAnswers):
    """An instance whose Jupyter is being started, and that is settled only once a tunnel is being opened."""

    def __init__(self, name: str, tunnels: Tunnels, end: dict[str, Any]) -> None:
        super().__init__(name)
        self._tunnels, self._end = tunnels, end

    def follow(self, _command: Sequence[str], **_how: Any) -> Iterator[str]:
        yield json.dumps(STARTING)
        assert self._tunnels.first.wait(20), "nobody opens a tunnel while Jupyter starts"
        yield json.dumps(self._end)


class StartingHosts(HostsThatAnswer):
    """Stands for `host.Hosts`."""

    def __init__(self, tunnels: Tunnels, end: dict[str, Any]) -> None:
        self._tunnels, self._end = tunnels, end

    def connect(self, _endpoint: Any, *, launch_id: str, name: str, **_how: Any) -> HostThatAnswers:
        del launch_id
        return Starting(name, self._tunnels, self._end)


@pytest.fixture
def tunnels(desk: Desk) -> Iterator[Tunnels]:
    """Return tunnels that note what is asked of them."""
    page, records = Page(), desk.bench.records
    places = (records.tunnel_folder, records.log_folder, lambda record: ["false", record])
    yield Tunnels(*places, since=datetime.now(UTC), port=page.port)
    page.close()


def arriving(desk: Desk, tunnels: Tunnels, end: dict[str, Any]) -> Instance:
    """Launch; provisioning ends as given."""
    bench = replace(desk.bench, hosts=StartingHosts(tunnels, end), tunnels=tunnels)  # type: ignore[arg-type]
    return launch(bench, desk.wish(), yes=True)


def test_the_tunnel_is_opened_before_the_instance_is_ready(desk: Desk, tunnels: Tunnels) -> None:
    """It leads to the port Jupyter was told to take, and to the one it took in the end."""
    arriving(desk, tunnels, READY)
    assert tunnels.opened == [8888, 8888]
    assert tunnels.closed == []


def test_an_instance_that_does_not_come_to_be_ready_keeps_no_tunnel(desk: Desk, tunnels: Tunnels) -> None:
    """What was opened ahead is closed with the failure."""
    with pytest.raises(ProvisioningFailed):
        arriving(desk, tunnels, FAILED)
    (box,) = desk.bench.cloud().instances()
    assert tunnels.closed == [box.instance_id]
