"""What the simulated AWS is made of: settings, faults, timetable, the machines and their fleet.

One `World` a process. Its lock is held while an AWS call or a timed change runs, because moto's
stores are plain dictionaries; nothing slow (a host's boot, injected latency) happens under it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from jupyter_awsgpu.demo.aws.faults import Faults
from jupyter_awsgpu.demo.aws.timetable import Timetable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

ACCOUNT = "123456789012"
"""The account everything belongs to: the number AWS's own documents use."""


@dataclass
class Settings:
    """What one may set while the simulated AWS runs; delays in seconds, latency in milliseconds.

    `staleness_s`: for how long a new instance is unknown to every call but RunInstances.
    `terminated_s`: how long a terminated instance stays visible (AWS: about an hour).
    `modify_pause_s`: how long a volume rests between two changes (AWS: six hours).
    `clock_s`: how far AWS's clock is ahead of this machine's: more than five minutes refuse every request.
    `page`: instances in a page where nobody says how many (EC2 API reference: at most 1000).
    `free_plan`: refuse every type that is not in the free tier, as AWS's Free plan does.
    """

    latency_ms: float = 0.0
    pending_s: float = 0.3
    stopping_s: float = 0.3
    staleness_s: float = 0.0
    terminated_s: float = 3600.0
    quota_approval_s: float = 2.0
    image_s: float = 1.0
    volume_s: float = 0.2
    modify_pause_s: float = 21600.0
    clock_s: float = 0.0
    page: int = 1000
    free_plan: bool = False

    def change(self, wishes: dict[str, Any]) -> None:
        """Take over new values. Raises `ValueError` for an unknown name or a value of another kind."""
        known = {one.name: type(getattr(self, one.name)) for one in fields(self)}
        for name, value in wishes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; there are: {', '.join(known)}")
            if isinstance(value, bool) != (known[name] is bool) or not isinstance(value, bool | int | float):
                raise ValueError(f"{name} takes a {known[name].__name__}")
            if value < 0:
                raise ValueError(f"{name} cannot be negative")
        for name, value in wishes.items():
            setattr(self, name, known[name](value))


class Fleet(Protocol):
    """What stands for the instances; `demo.hosts.HostFleet` is the real one."""

    on_shutdown: Callable[[str], None] | None

    def boot(self, spec: Any) -> Any:
        """Boot the host; return its `HostAddress`."""

    def private_address(self, spec: Any) -> str:
        """Return where other hosts of its VPC reach the host."""

    def stop(self, instance_id: str) -> None:
        """Shut the host down and keep its disk."""

    def terminate(self, instance_id: str) -> None:
        """Shut the host down and delete its disk."""

    def reboot(self, instance_id: str) -> None:
        """Shut the host down and boot it again at the same address."""

    def console(self, instance_id: str) -> str:
        """Return what the host printed on its console since it booted."""

    def set_busy(self, instance_id: str, percent: int) -> None:
        """Make the sham GPU show this load."""

    def set_tags(self, instance_id: str, tags: dict[str, str]) -> None:
        """Tell the host's metadata service of changed tags."""

    def interrupt(self, instance_id: str, action: str, time: str) -> None:
        """Let the host's metadata service announce a spot interruption."""

    def cut(self, instance_id: str, seconds: float) -> None:
        """Cut the host's SSH connections, and refuse new ones for so long."""

    def make_image(self, folder: Path, image_folder: Path) -> None:
        """Copy an instance's disk into an image's folder."""

    def attach(self, folder: Path, volume_folder: Path) -> None:
        """Show the files of a data volume to the host whose folder this is."""

    def detach(self, folder: Path, volume_folder: Path) -> None:
        """Take the files of a data volume back from the host."""

    def files_of(self, volume_folder: Path, instance_id: str | None) -> Path | None:
        """Return where the files of a data volume lie now, None where there are none."""

    def close(self) -> None:
        """Terminate every host."""


@dataclass
class World:
    """Everything beside moto's own stores."""

    state_dir: Path
    fleet: Fleet
    access_key_id: str
    secret_access_key: str
    settings: Settings = field(default_factory=Settings)
    faults: Faults = field(default_factory=Faults)
    timetable: Timetable = field(default_factory=Timetable)
    lock: threading.RLock = field(default_factory=threading.RLock)
    books: dict[str, Any] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def book(self, name: str, kind: Callable[[], T]) -> T:
        """Return a subject's own store, made on first use and thrown away by a reset."""
        with self.lock:
            if name not in self.books:
                self.books[name] = kind()
            kept: T = self.books[name]
        return kept

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run `action` under the lock after `delay_s`, unless a reset comes first."""

        def run() -> None:
            with self.lock:
                action()

        self.timetable.at(delay_s, run)
