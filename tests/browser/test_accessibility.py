"""Keyboard and screen reader reach everything: axe finds nothing serious, in either theme."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.sidebar import Sidebar

pytestmark = pytest.mark.browser
AXE = Path(__file__).resolve().parents[2] / "labextension" / "check" / "node_modules" / "axe-core" / "axe.min.js"


def findings(page):
    """Return axe's serious and critical findings inside the panel and the status-bar item."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: cd labextension && jlpm run install:check")
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run({include: [['#awsgpu-panel'], ['.awsgpu-StatusItem']]})")
    return [
        (one["id"], node["html"][:200], node["failureSummary"][:300])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(open_lab, fresh, theme):
    """The form with its checks, then a card with its question."""
    fresh.wear(theme=theme)
    page = open_lab()
    assert page.locator("body").get_attribute("data-jp-theme-name") == theme
    sidebar = Sidebar(page).open()
    sidebar.launch_button()
    assert findings(page) == []
    sidebar.launch()
    sidebar.wait_for_button("Open Jupyter")
    sidebar.press("Terminate")
    assert findings(page) == []


def test_the_question_before_terminate_has_the_harmless_focus(open_lab):
    """Enter, pressed too soon, leaves the instance alone."""
    sidebar = Sidebar(open_lab()).open().launch()
    sidebar.wait_for_button("Open Jupyter")
    sidebar.press("Terminate")
    expect(sidebar.card().get_by_role("button", name="Leave it")).to_be_focused()
