"""The Jupyter server on the instance: found by its own record, asked through the tunnel."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import JupyterDown, RemoteCommandFailed
from jupyter_awsgpu.model import GUEST_COMMAND, JupyterServer
from jupyter_awsgpu.remote.text import clean, document

if TYPE_CHECKING:
    from jupyter_awsgpu.host import Host

ASK_TIMEOUT_S = 5.0
ASK_EVERY_S = 0.1
TOKEN_LIMIT = 256
HIGHEST_PORT = 65535


def find_server(host: Host) -> JupyterServer:
    """Return port and token as the server's own record on the instance has them. Raises JupyterDown."""
    try:
        found = document(host.run([GUEST_COMMAND, "jupyter", "--json"], sudo=True).stdout)
    except RemoteCommandFailed as exc:
        raise JupyterDown(name=exc.facts.get("name", "the instance"), log=exc.facts.get("output", "")) from exc
    port, token, pid = found.get("port"), found.get("token"), found.get("pid")
    if not isinstance(port, int) or not 0 < port <= HIGHEST_PORT or not isinstance(token, str):
        raise JupyterDown(log="its record is not one of a Jupyter server")
    return JupyterServer(
        port=port,
        token=clean(token, TOKEN_LIMIT),
        base_url=clean(found.get("base_url"), 200) or "/",
        root_dir=clean(found.get("root_dir"), 400),
        pid=pid if isinstance(pid, int) else None,
    )


def wait_until_answers(local_url: str, token: str, timeout_s: float) -> None:
    """Return once Jupyter answers through the tunnel. Raises JupyterDown after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not answers(local_url, token):
        if time.monotonic() > deadline:
            raise JupyterDown(log=f"nothing answers at {local_url} within {timeout_s:g} s")
        time.sleep(ASK_EVERY_S)


def answers(local_url: str, token: str) -> bool:
    """Whether Jupyter answers at `local_url` and takes the token (sent in a header, never in an address)."""
    import httpx

    headers = {"Authorization": f"token {token}"}
    try:
        # trust_env off: a proxy of the laptop's has no business on its own loopback.
        with httpx.Client(trust_env=False, timeout=ASK_TIMEOUT_S) as client:
            return client.get(f"{local_url.rstrip('/')}/api/status", headers=headers).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
