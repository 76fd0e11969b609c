"""A head under real systemd: Dask by real pip, Jupyter with its panels, through a reboot, and all of it gone again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.model import Membership
from jupyter_awsgpu.remote import cluster, guest, jupyter
from jupyter_awsgpu.remote.user_data import GuestConfig
from tests.system.guest.vendor import Vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]
LAUNCH = "l-0123456789abcdef"
CONFIG = GuestConfig("gpu", LAUNCH, "ubuntu", environment="requirements.txt", engine="dask", nodes=2, version="1.2.3")
COMPUTE = """
import dask.array as da, dask.dataframe as dd, pandas as pd
from distributed import Client
with Client(timeout=60) as client:
    client.wait_for_workers(1, timeout=60)
    client.submit(lambda: __import__("attrs").__name__).result(timeout=60)
    frame = dd.from_pandas(pd.DataFrame({"x": range(100)}), npartitions=4)
    print(int((da.arange(1000, chunks=50) ** 2).sum().compute()), int(frame.x.sum().compute()), client.dashboard_link)
"""
RIGHT = "332833500 4950 /proxy/8787/status"


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    with Vendor(tmp_path / "vendor") as served:
        yield served


def test_a_head_from_nothing_to_a_client_and_through_a_reboot(machine: Callable[..., Any], vendor: Vendor) -> None:
    """Packages before it is told its part, services after, in the person's environment; a reboot needs nobody."""
    one = machine(config=CONFIG, prepare=vendor.with_engine)
    address = one.real.address
    with one.connect() as host:
        report = guest.follow_progress(host, lambda step: None, {"requirements.txt": "attrs>=22\n"})
        assert [step.phase for step in report.steps if step.key == "engine"] == ["done"]
        assert report.cluster is None
        part = Membership("dask", 0, 2, LAUNCH, address, address, cluster.make_secrets(LAUNCH))
        cluster.join(host, part)
        report = guest.follow_progress(host, lambda step: None)
        assert [step.key for step in report.steps[-2:]] == ["engine", "cluster"]
        assert (report.cluster.engine, report.cluster.node, report.cluster.nodes) == ("dask", 0, 2)
        server = jupyter.find_server(host)
    assert _client(one) == RIGHT
    for python in ("/opt/pytorch/bin/python", "/opt/awsgpu-env/bin/python"):
        assert one.real.run(python, "-m", "pip", "check").strip() == "No broken requirements found."
    panels = json.loads(_asked(one, server, "lab/api/settings/dask-labextension%3Aplugin"))
    assert panels["schema"]["properties"]["defaultURL"]["default"] == "proxy/8787"
    assert "Individual Task Stream" in json.loads(_asked(one, server, "proxy/8787/individual-plots.json"))
    assert json.loads(_asked(one, server, "dask/dashboard-check/http%3A%2F%2F127.0.0.1%3A8787"))["isActive"]
    assert one.real.run("stat", "-c", "%a %U", "/var/lib/awsgpu/cluster/key.pem").split() == ["600", "ubuntu"]

    one.real.run("shutdown", "-r", "now", check=False)
    one.real.until(lambda: one.real.boots == 2, 60, "it did not start again")
    one.real.wait_for_ssh()
    one.real.until(lambda: _client(one) == RIGHT, 120, "the cluster is not whole again")
    with one.connect() as host:
        report = guest.follow_progress(host, lambda step: None)
        assert [step.phase for step in report.steps if step.key == "engine"] == ["skipped"]
        one.real.until(lambda: cluster.show(host).present == (0,), 60, "the worker did not join")
        assert cluster.show(host, secrets=True).secrets == part.secrets
    _leave(one)


def _client(one: Any) -> str:
    """Return what a person's Python computes there, with no word of where the cluster is."""
    return str(
        one.real.run("su", "-", "ubuntu", "-c", f"/opt/awsgpu-env/bin/python -c '{COMPUTE}'", check=False)
    ).strip()


def _asked(one: Any, server: Any, what: str) -> str:
    """Return Jupyter's answer on the host, as the tunnel would have it."""
    header = f"Authorization: token {server.token}"
    return str(one.real.run("curl", "-s", "-f", "-L", "-H", header, f"http://127.0.0.1:{server.port}/{what}"))


def _leave(one: Any) -> None:
    """Another machine starts with this disk: no unit, key or setting of the cluster's is left."""
    identity = one.real.path("/var/lib/awsgpu/identity.json")
    identity.write_text(json.dumps({"instance_id": "i-0ddddddddddddddd1"}))
    one.real.run("awsgpu-guest", "boot")
    units = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "awsgpu-dask*", "awsgpu-cluster*")
    one.real.until(lambda: not one.real.run(*units).strip(), 60, "services of the cluster are left")
    found = "find /etc/systemd /etc/awsgpu /home /var/lib/awsgpu /var/tmp -name '*dask*' -o -name '*.pem'"
    left = one.real.run("sh", "-c", f"{found} | grep -v site-packages").split()
    assert [path for path in left if "/.config/dask" not in path] == []
    assert "awsgpu.yaml" not in one.real.run("ls", "/home/ubuntu/.config/dask", check=False)
