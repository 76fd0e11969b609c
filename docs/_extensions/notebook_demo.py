"""Each notebook page is executed on a simulated AWS of its own, which ends with the build."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo import client

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Before a notebook is read, point it at its own folder; after the build, end what ran there."""
    app.connect("source-read", own_aws)
    app.connect("build-finished", end_all)
    os.environ |= {"AWSGPU_DEMO": "1", "AWSGPU_OPEN_BROWSER": "false"}
    return {"parallel_read_safe": False}


def folder(app: Sphinx) -> Path:
    """Return where the notebooks' simulated AWSs keep their state."""
    return Path(app.outdir).parent / "demo"


def own_aws(app: Sphinx, name: str, _source: list[str]) -> None:
    """Give the kernel of page `name` a data folder of its own."""
    if name.startswith("notebooks/"):
        os.environ["AWSGPU_DATA_DIR"] = str(folder(app) / name.removeprefix("notebooks/").replace("/", "-"))


def end_all(app: Sphinx, _exception: Exception | None) -> None:
    """End every simulated AWS a notebook started, whether or not the build succeeded."""
    for data in folder(app).glob("*"):
        client.down(data / "demo" / "aws")
