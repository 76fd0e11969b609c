"""Verbs on the simulated AWS without hosts: everything a launch decides before the first SSH contact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu import settings as configuration
from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.tunnel import Tunnels
from jupyter_awsgpu.verbs.wishes import wishes_from
from jupyter_awsgpu.verbs.workbench import Workbench
from tests.behaviour.cloud.account import Aws, new_clouds

if TYPE_CHECKING:
    from pathlib import Path

    from jupyter_awsgpu.model import Event, Wishes


@dataclass
class Desk:
    """A workbench, what it says, and the AWS it talks to."""

    bench: Workbench
    aws: Aws
    heard: list[Event]

    def wish(self, instance_type: str = "g4dn.xlarge", **options: Any) -> Wishes:
        """Return the wishes for a launch."""
        return wishes_from(self.bench.settings, instance_type, **options)


@pytest.fixture
def desk(aws: Aws, tmp_path: Path) -> Desk:
    """Return a workbench of a person who has launched nothing yet."""
    heard: list[Event] = []
    records = Records(tmp_path / "data")
    bench = Workbench(
        settings=configuration.load(
            {"demo": True, "region": "us-west-2", "data_dir": str(tmp_path / "data"), "local_port": 8889}
        ),
        clouds=new_clouds(aws, tmp_path / "cache"),
        records=records,
        hosts=Hosts(pins=records.pins, keys=records.keys),
        tunnels=Tunnels(records.tunnel_folder, records.log_folder, lambda record: ["false", record]),
        listener=heard.append,
    )
    return Desk(bench, aws, heard)
