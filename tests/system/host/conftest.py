from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from jupyter_awsgpu.host import Hosts
from jupyter_awsgpu.model import Endpoint
from jupyter_awsgpu.records import KeyStore, Pins
from tests.system.host.private_sshd import LAUNCH, SSHD, PrivateSshd


@pytest.fixture
def sshd(tmp_path):
    if os.geteuid() != 0 or not Path(SSHD).exists() or not shutil.which("ssh"):
        pytest.skip("needs root and OpenSSH's server and client")
    server = PrivateSshd(tmp_path / "sshd")
    yield server
    server.thaw()
    server.kill()


@pytest.fixture
def pins(tmp_path, sshd):
    pins = Pins(tmp_path / "pins")
    pins.write(LAUNCH, (sshd.host_keys["ecdsa"],))
    return pins


@pytest.fixture
def hosts(tmp_path, pins):
    return Hosts(pins=pins, keys=KeyStore(tmp_path / "keys"))


@pytest.fixture
def endpoint(sshd):
    return Endpoint("i-0123456789abcdef0", sshd.address, sshd.port, sshd.user, sshd.client_key)


@pytest.fixture
def connect(hosts, endpoint):
    """Connect to the private sshd; whatever is opened is closed."""
    opened = []

    def connect(target=endpoint, **options):
        opened.append(hosts.connect(target, launch_id=LAUNCH, name="gpu", **options))
        return opened[-1]

    yield connect
    for host in opened:
        host.close()
