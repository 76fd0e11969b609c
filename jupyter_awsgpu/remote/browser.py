"""Opening the browser without the token in any command line: through a file only its owner can read."""

from __future__ import annotations

import html
import json
import os
import time
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STALE_AFTER_S = 3600.0

PAGE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<title>JupyterLab</title>
<script>window.location.replace({script});</script>
<p><a rel="noreferrer" href="{link}">Open JupyterLab</a></p>
"""

PROXY_MISSING = (
    "Your JupyterLab runs on another machine ({hub}), so {url} is not reachable from your browser. "
    "Install jupyter-server-proxy there: pip install jupyter-server-proxy"
)


def open_with_token(
    local_url: str, token: str, folder: Path, *, opener: Callable[[str], bool] = webbrowser.open
) -> Path:
    """Write a redirect page (0600, in a 0700 folder), open it, and return its path.

    The browser's command line shows the file's address only. Older pages are removed.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    _remove_stale(folder)
    address = f"{local_url.rstrip('/')}/lab?token={quote(token, safe='')}"
    path = folder / f"open-{os.getpid()}-{time.time_ns()}.html"
    # </script> cannot end the script early: "/" is escaped inside the JSON text.
    text = PAGE.format(script=json.dumps(address).replace("/", "\\/"), link=html.escape(address, quote=True))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as page:
        page.write(text)
    opener(path.as_uri())
    return path


def _remove_stale(folder: Path) -> None:
    for page in folder.glob("open-*.html"):
        with suppress(FileNotFoundError, PermissionError):  # another `open` was quicker; Windows, and a browser has it
            if time.time() - page.stat().st_mtime > STALE_AFTER_S:
                page.unlink()


def reachable_link(local_url: str, environ: Mapping[str, str], *, proxy_installed: bool) -> tuple[str, str | None]:
    """Return (link for the person's browser, hint or None).

    On a Hub the browser is elsewhere: the link goes through jupyter-server-proxy if that is there,
    else the hint says what to do.
    """
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if not prefix:
        return local_url, None
    if not proxy_installed:
        hub = environ.get("JUPYTERHUB_PUBLIC_HUB_URL") or "a JupyterHub"
        return local_url, PROXY_MISSING.format(hub=hub, url=local_url)
    port = local_url.rstrip("/").rpartition(":")[2]
    return f"{prefix.rstrip('/')}/proxy/{port}/", None
