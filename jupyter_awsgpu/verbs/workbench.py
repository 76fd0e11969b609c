"""What every verb works with: one value that wiring builds and surfaces hand over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import NoRegion

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.cloud import Cloud, Clouds
    from jupyter_awsgpu.host import Hosts
    from jupyter_awsgpu.model import Event, Instance, JupyterServer
    from jupyter_awsgpu.records import Operation, Records
    from jupyter_awsgpu.settings import AWSGPU
    from jupyter_awsgpu.tunnel import Tunnels

REFERENCE_REGION = "us-east-1"
"""Where to look as long as nobody has named a region: AWS's largest, with its lowest prices."""


@dataclass(frozen=True)
class Workbench:
    """The rooms, opened for one person with one set of settings.

    `listener` hears every event of every operation; `now` is the wall clock, in seconds. `mention` is told,
    once a day, of instances that have run for long; None where nobody would read it.
    """

    settings: AWSGPU
    clouds: Clouds
    records: Records
    hosts: Hosts
    tunnels: Tunnels
    listener: Callable[[Event], None] | None = None
    now: Callable[[], float] = time.time
    mention: Callable[[tuple[Instance, ...]], None] | None = None
    servers: dict[str, JupyterServer] = field(default_factory=dict, repr=False, compare=False)
    """The Jupyter found on the way to an instance, by its id: for the one question for its token that may follow."""

    @property
    def demo(self) -> bool:
        """Whether the AWS at the other end is the simulated one."""
        return bool(self.settings.demo)

    def cloud(self, region: str | None = None) -> Cloud:
        """Return the cloud in `region`, or in the one that settings and profile name."""
        return self.clouds.here(region)

    def somewhere(self, region: str | None = None) -> Cloud:
        """Return the same, or the reference region's where none is set: enough to look and compare."""
        try:
            return self.cloud(region)
        except NoRegion:
            return self.cloud(REFERENCE_REGION)

    def hear(self, operation: Operation, step: str, text: str) -> None:
        """Say something outside a step."""
        operation.emit(step, "said", text)
