"""A Jupyter server of the test's own on this machine: how it is begun."""

from __future__ import annotations

import sys

TOKEN = "a-token-for-tests"


def command(module: str, port: int) -> list[str]:
    """Return the command that starts `jupyter_server` or `jupyterlab` on a port, asking for `TOKEN`."""
    listening = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    return [sys.executable, "-m", module, *listening, f"--IdentityProvider.token={TOKEN}", "--allow-root"]
