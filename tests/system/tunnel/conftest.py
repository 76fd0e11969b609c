from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.tunnel.namespace import Namespace
from tests.system.tunnel.small_web import Web, get
from tests.system.tunnel.tunnel_case import HERE, ID, Bench, PrivateSshd


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


@pytest.fixture
def namespace():
    if not shutil.which("ip") or not shutil.which("iptables"):
        pytest.skip("needs iproute2 and iptables")
    try:
        space = Namespace()
    except subprocess.CalledProcessError as exc:
        pytest.skip(f"no network namespace to be had: {exc.stderr.decode().strip()}")
    yield space
    space.remove()


@pytest.fixture
def distant(tmp_path, namespace):
    """An instance in the namespace, its web server on the namespace's own loopback."""
    sshd = PrivateSshd(
        tmp_path / "sshd", address=namespace.there, port=2222, prefix=("ip", "netns", "exec", namespace.name)
    )
    argv = ["ip", "netns", "exec", namespace.name, sys.executable, str(HERE.parents[1] / "bench" / "web_process.py")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as web:
        port = int(web.stdout.readline())
        sshd.start()
        bench = Bench(tmp_path, sshd, type("Port", (), {"port": port}))
        yield bench
        bench.tunnels.close(bench.instance.instance_id)
        sshd.kill()
        web.kill()
