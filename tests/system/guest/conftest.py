"""Real hosts for the guest's tests: systemd, cloud-init and sshd, reached by our own verified SSH."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from jupyter_awsgpu.host import Host, Hosts, generate_host_key
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.records import Records
from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data
from tests.system import hosts, rootfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LAUNCH = "l-0123456789abcdef"


@dataclass
class Machine:
    """A real host, and the laptop's side of it."""

    real: hosts.RealHost
    records: Records
    key_file: Path
    config: GuestConfig

    def connect(self, timeout_s: float = 60) -> Host:
        """Open a verified connection, as `launch` does."""
        endpoint = Endpoint(self.real.instance_id, self.real.address, 22, "ubuntu", self.key_file)
        known = Hosts(pins=self.records.pins, keys=self.records.keys)
        return known.connect(endpoint, launch_id=LAUNCH, name="gpu", timeout_s=timeout_s, wait=True)


@pytest.fixture(scope="session")
def base_root() -> Path:
    """The cached root; where it cannot be had, these tests say why."""
    try:
        return rootfs.base()
    except rootfs.Unavailable as exc:
        pytest.skip(str(exc))


@pytest.fixture
def machine(base_root: Path, tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """A function that launches a host: `machine(config=…, prepare=…)`. All end with the test."""
    with _launching(tmp_path) as launch:
        yield launch


@pytest.fixture(scope="module")
def launching(base_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """The same for a module: its tests share what they launch."""
    with _launching(tmp_path_factory.mktemp("shared")) as launch:
        yield launch


@pytest.fixture(scope="module")
def ready(launching: Callable[..., Machine]) -> Machine:
    """A host that is ready, for the tests of a module that leave it so."""
    one = launching()
    with one.connect() as host:
        guest.follow_progress(host, lambda step: None)
    return one


@contextlib.contextmanager
def _launching(folder: Path) -> Iterator[Callable[..., Machine]]:
    made: list[hosts.RealHost] = []

    def launch(
        *,
        config: GuestConfig | None = None,
        prepare: Callable[[hosts.RealHost], None] | None = None,
        ssh_keys: bool = True,
    ) -> Machine:
        records = Records(folder / f"records{len(made)}")
        public = records.keys.public_line("test")
        first = generate_host_key()
        records.pins.write(LAUNCH, (first[1],))
        config = config or GuestConfig("gpu", LAUNCH, "ubuntu", price_per_hour=0.9, version="1.2.3")
        packed = user_data(config, first, "ubuntu") if ssh_keys else b"#cloud-config\n{}\n"
        real = hosts.RealHost(folder / f"host{len(made)}", packed, (public,), prepare=prepare)
        made.append(real)
        real.start()
        return Machine(real, records, records.keys.path("test"), config)

    try:
        yield launch
    finally:
        for real in made:
            real.destroy()
