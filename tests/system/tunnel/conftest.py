from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.system.tunnel.small_web import Web, get
from tests.system.tunnel.tunnel_case import ID, Bench, PrivateSshd


@pytest.fixture
def sshd(tmp_path):
    if os.name != "posix" or os.geteuid() != 0 or not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh"):
        pytest.skip("needs root and OpenSSH's server and client")
    server = PrivateSshd(tmp_path / "sshd")
    yield server
    server.thaw()
    server.kill()


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()


@pytest.fixture
def bench(tmp_path, sshd, web):
    bench = Bench(tmp_path, sshd.start(), web)
    yield bench
    bench.tunnels.close(ID)


@pytest.fixture
def ask():
    """GET over a connection of its own."""
    return get
