"""A Dask client in the notebook that is open here, for a cluster at the other end of the tunnel.

`distributed` is imported when a client is wanted, and only then: it is an extra.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import ClusterDown
from jupyter_awsgpu.verbs.dask import require_alike

if TYPE_CHECKING:
    from jupyter_awsgpu.model import DaskWay

WITHIN_S = 30
"""How long the scheduler may take to answer through the tunnel."""


def versions_here() -> dict[str, str]:
    """Return the versions of what a client and its cluster must agree in, without importing it."""
    found = {}
    for package in ("dask", "distributed"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def client_of(way: DaskWay) -> Any:
    """Return a `distributed.Client` of the cluster; everything it gathers comes by the scheduler.

    Raises `ExtraMissing` and `DaskDiffers` before anything is connected, `ClusterDown` where nobody answers.
    """
    require_alike(way, versions_here())
    import dask
    import distributed

    client: Any = distributed.Client
    security_of: Any = distributed.Security

    dask.config.set({"distributed.dashboard.link": way.dashboard})  # the client's picture shows a link that leads there
    pair = way.secrets
    security = security_of(
        tls_ca_file=pair and pair.ca,
        tls_client_cert=pair and pair.cert,
        tls_client_key=pair and pair.key,
        require_encryption=True,
    )
    # The workers' addresses are the cluster's own: nothing here leads to them but the scheduler.
    try:
        return client(way.scheduler, security=security, direct_to_workers=False, timeout=WITHIN_S)
    except OSError as exc:
        raise ClusterDown(name=way.name) from exc
