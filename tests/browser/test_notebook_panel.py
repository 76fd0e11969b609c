"""The panel in a notebook's cell is the sidebar's panel; the magic beside it sees the same instances."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.sidebar import Sidebar

pytestmark = pytest.mark.browser

CELLS = ("import jupyter_awsgpu; jupyter_awsgpu.panel()", "%load_ext jupyter_awsgpu\n%awsgpu status")


@pytest.fixture
def notebook(fresh):
    """A notebook with the panel in its first cell and the magic in its second."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for i, text in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    document = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    path = fresh.home / "work" / "panel.ipynb"
    path.write_text(json.dumps(document))
    yield path.name
    path.unlink()


def test_a_cell_shows_the_panel_and_the_magic_agrees(open_lab, notebook):
    """Launched in the sidebar, seen in the cell's panel and by `%awsgpu status`."""
    page = open_lab()
    sidebar = Sidebar(page).open().launch()
    sidebar.wait_for_button("Open Jupyter")
    page.goto(page.url.split("?")[0].rstrip("/") + f"/tree/{notebook}")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    cells = page.locator(".jp-Notebook .jp-OutputArea-output")
    expect(cells.locator(".awsgpu-panel .awsgpu-card")).to_contain_text("running", timeout=60_000)
    expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_contain_text("g4dn.xlarge", timeout=60_000)


def test_the_real_aws_without_credentials_says_so(open_lab):
    """One switch away from the demo: what is missing is said, and the way out is text a person types."""
    sidebar = Sidebar(open_lab()).open()
    sidebar.launch_button()
    sidebar.panel.get_by_role("button", name="Real AWS").click()
    expect(sidebar.panel.locator(".awsgpu-refusal").first).to_contain_text("No ")
    expect(sidebar.panel.locator(".awsgpu-simulated")).to_have_count(0)
    expect(sidebar.panel.locator(".awsgpu-launch")).to_be_disabled()
