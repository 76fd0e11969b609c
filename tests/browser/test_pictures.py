"""The states a person meets, as pictures: light and dark, English and Chinese.

With AWSGPU_TESTS_PICTURES=FOLDER they are kept there (the docs' are in docs/images).
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.sidebar import Sidebar

pytestmark = pytest.mark.browser

LOOKS = [
    pytest.param("JupyterLab Light", "en", id="light-en"),
    pytest.param("JupyterLab Dark", "en", id="dark-en"),
    pytest.param("JupyterLab Light", "zh_CN", id="light-zh"),
]
WORDS = {
    "en": {"open": "Open Jupyter", "end": "Terminate", "log": "Log", "lost": "deletes its disk", "all": "every GPU"},
    "zh_CN": {"open": "打开 Jupyter", "end": "终止", "log": "日志", "lost": "永久删除", "all": "所有 GPU"},
}


@pytest.fixture
def keep(tmp_path, request):
    """Keep a picture of the whole window under the state's name."""
    folder = Path(os.environ.get("AWSGPU_TESTS_PICTURES") or tmp_path)
    look = request.node.callspec.id

    def take(page, state):
        page.wait_for_timeout(300)  # let a transition end: nothing hangs on it
        half = {"x": 0, "y": 0, "width": 640, "height": 980}
        page.screenshot(path=str(folder / f"panel-{state}-{look}.png"), clip=half)

    return take


@pytest.mark.parametrize(("theme", "locale"), LOOKS)
def test_every_state_can_be_looked_at(open_lab, fresh, keep, theme, locale):
    """Choosing, launching, running, the question before the end; the words are the language's own."""
    words = WORDS[locale]
    fresh.wear(theme=theme, locale=locale)
    page = open_lab(width=1180, height=980)
    sidebar = Sidebar(page).open()
    _widen(page)
    page.wait_for_selector("#awsgpu-panel .awsgpu-launch:enabled")
    expect(sidebar.panel).to_contain_text(words["all"])
    keep(page, "choosing")

    sidebar.panel.locator(".awsgpu-launch").click()
    expect(sidebar.card()).to_contain_text("✓")
    keep(page, "launching")
    sidebar.wait_for_button(words["open"])
    keep(page, "running")
    sidebar.press(words["end"])
    expect(sidebar.card()).to_contain_text(words["lost"])
    keep(page, "terminating")


def _widen(page):
    """Draw the sidebar's edge to the width a person gives it."""
    edge = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first.bounding_box()
    page.mouse.move(edge["x"] + 1, 400)
    page.mouse.down()
    page.mouse.move(400, 400, steps=4)
    page.mouse.up()


@pytest.mark.parametrize(("theme", "locale"), LOOKS[:1])
def test_a_refusal_can_be_looked_at(open_lab, keep, theme, locale):
    """No quota: ✗ with the sentence and its remedy."""
    page = open_lab(width=1180, height=980)
    sidebar = Sidebar(page).open()
    _widen(page)
    sidebar.launch_button()
    sidebar.choose("Region", "eu-west-1")
    expect(sidebar.panel).to_contain_text(re.compile("Your limit for running"))
    sidebar.panel.get_by_role("button", name="Do this").first.scroll_into_view_if_needed()
    keep(page, "refused")
