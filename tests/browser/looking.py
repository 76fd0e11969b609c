"""Looking at a page: a picture of a state kept, and axe's findings."""

import os
from pathlib import Path

import pytest

AXE = Path(__file__).resolve().parents[2] / "labextension" / "check" / "node_modules" / "axe-core" / "axe.min.js"
SHOWN = {"x": 0, "y": 0, "width": 640, "height": 980}


def keep(page, state, look):
    """Keep a picture of the sidebar under the state's name, where AWSGPU_TESTS_PICTURES=FOLDER wants them.

    The documents' are in docs/images.
    """
    folder = os.environ.get("AWSGPU_TESTS_PICTURES")
    if folder:
        page.wait_for_timeout(300)  # let a transition end: nothing hangs on it
        page.screenshot(path=str(Path(folder) / f"panel-{state}-{look}.png"), clip=SHOWN)


def findings(page):
    """Return axe's serious and critical findings inside the panel and the status-bar item."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: cd labextension && jlpm run install:check")
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run({include: [['#awsgpu-panel'], ['.awsgpu-StatusItem']]})")
    return [
        (one["id"], node["html"][:200], node["failureSummary"][:300])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
