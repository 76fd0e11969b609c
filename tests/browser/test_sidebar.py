"""A person launches, uses, stops, starts and ends a GPU without typing a line.

Three walks, each on one instance, in the three looks that the documents show: what takes long is the
launch, so each walk does with its instance whatever fits on the way.
"""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.looking import findings, keep
from tests.browser.sidebar import Sidebar
from tests.browser.terminal import awsgpu
from tests.local_jupyter import TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def test_a_gpu_from_the_first_click_to_the_last(open_lab, fresh):
    """Choose, see the price, launch; reload and kill the kernel on the way; open, stop, start, terminate."""
    page = open_lab(width=1180, height=980)
    sidebar = Sidebar(page).open().widen()
    sidebar.choose("GPU", "K80")
    sidebar.choose("Type", "p2.xlarge")
    expect(sidebar.launch_button()).to_have_text("Launch · $0.90/h")
    expect(sidebar.chosen("Region")).to_have_text("us-west-2 · $0.90/h")
    assert findings(page) == []
    keep(page, "choosing", "light-en")

    sidebar.launch()
    expect(sidebar.card()).to_contain_text("launch under way")
    expect(sidebar.card()).to_contain_text("✓")
    keep(page, "launching", "light-en")
    _reload_and_kill(page, fresh)
    sidebar.wait_for_button("Open Jupyter")

    for said in ("p2.xlarge · K80", "SIMULATED", "tunnel up"):
        expect(sidebar.card()).to_contain_text(said)
    expect(page.locator(".awsgpu-StatusItem")).to_contain_text("1 running · $0.90/h")
    (instance,) = awsgpu("status")
    assert (instance["name"], instance["state"], instance["instance_type"]) == ("gpu", "running", "p2.xlarge")
    keep(page, "running", "light-en")

    sidebar.press("Open Jupyter")
    _work_in_the_remote_jupyter(page, fresh, instance["local_port"])
    other = Sidebar(open_lab(workspace="other")).open()
    other.wait_for_button("Open Jupyter")
    awsgpu("stop", "gpu")  # in a terminal
    for one in (sidebar, other):
        one.wait_for_button("Start")
    sidebar.press("Start")
    expect(other.card()).to_contain_text(re.compile("start (begins|under way)"))
    sidebar.wait_for_button("Open Jupyter")
    _end(sidebar)


def _reload_and_kill(page, lab):
    """Neither a reload nor the death of the panel's kernel ends a launch."""
    page.reload()
    sidebar = Sidebar(page).restored()
    expect(sidebar.card()).to_contain_text(re.compile("launch|running"))
    lab.ask(f"api/kernels/{lab.panel_kernel()}", "DELETE")
    page.get_by_role("button", name="Start it again").click()


@pytest.mark.parametrize("late", ["kernels", "sessions"])
def test_the_death_of_the_panels_kernel_shows_whichever_list_tells_it(open_lab, fresh, late):
    """A page asks for the server's kernels and sessions in turn; either list alone brings the offer to start anew."""
    page = open_lab()
    Sidebar(page).open().launch_button()
    page.route(re.compile(rf"/api/{late}\?"), lambda _: None)  # left unanswered, until it is unrouted
    fresh.ask(f"api/kernels/{fresh.panel_kernel()}", "DELETE")
    again = page.get_by_role("button", name="Start it again")
    again.wait_for()
    page.unroute_all()
    again.click()
    Sidebar(page).launch_button()


def _work_in_the_remote_jupyter(page, lab, port):
    remote = page.context.new_page()
    remote.goto(_opened(lab))
    remote.wait_for_selector("#jp-main-dock-panel")
    assert f":{port}/" in remote.url
    remote.close()


def _opened(lab):
    """Return the address that the browser was given: a private file, without a token in its name."""
    deadline = time.monotonic() + 60
    while not lab.opened.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    address = lab.opened.read_text()
    lab.opened.unlink()
    assert address.startswith("file://")
    assert "token" not in address
    assert Path(address.removeprefix("file://")).stat().st_mode & 0o077 == 0
    return address


def _end(sidebar):
    """The question names what is lost; its harmless button has the focus, so Enter pressed too soon loses nothing."""
    sidebar.press("Terminate")
    expect(sidebar.card()).to_contain_text("deletes its disk")
    assert findings(sidebar.page) == []
    keep(sidebar.page, "terminating", "light-en")
    expect(sidebar.card().get_by_role("button", name="Leave it")).to_be_focused()
    sidebar.page.keyboard.press("Enter")
    assert awsgpu("status")[0]["state"] == "running"
    sidebar.press("Terminate")
    sidebar.press("Terminate gpu")
    expect(sidebar.panel).to_contain_text("No instances yet")
    assert awsgpu("status") == []


CELLS = (
    "import jupyter_awsgpu; jupyter_awsgpu.panel()",
    "%load_ext jupyter_awsgpu\n%awsgpu status",
    "%awsgpu kernel gpu",
    "import getpass, sys; print(getpass.getuser(), 'is here')",
)


@pytest.fixture
def notebook(fresh):
    """A notebook with the panel in its first cell, magics in the next two, and work in the last."""
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


def test_a_notebook_sees_the_same_and_moves_to_the_instance(open_lab, fresh, notebook):
    """In the dark: the cell's panel and the magic agree with the sidebar; button and magic move the notebook there."""
    fresh.wear(theme="JupyterLab Dark")
    page = open_lab(width=1180, height=980, path=f"tree/{notebook}")
    assert page.locator("body").get_attribute("data-jp-theme-name") == "JupyterLab Dark"
    sidebar = Sidebar(page).open().widen()
    sidebar.launch_button()
    keep(page, "choosing", "dark-en")
    sidebar.launch()
    expect(sidebar.card()).to_contain_text("✓")
    keep(page, "launching", "dark-en")
    sidebar.wait_for_button("Open Jupyter")
    assert findings(page) == []
    keep(page, "running", "dark-en")

    _works_on(page, "Python 3 (ipykernel)")
    _run_until(page, 0, "g4dn.xlarge · T4")
    _run_until(page, 1, "g4dn.xlarge")

    sidebar.press("Use this notebook here")
    _is_on_the_instance(page)
    _change_back(page)
    _run_until(page, 1, "g4dn.xlarge")
    _run_until(page, 2, "In the kernel picker")
    _is_on_the_instance(page)
    sidebar.press("Terminate")
    expect(sidebar.card()).to_contain_text("deletes its disk")
    assert findings(page) == []
    keep(page, "terminating", "dark-en")


def _cell(page, number):
    return page.locator(".jp-Notebook .jp-Cell").nth(number)


def _run_until(page, number, said):
    """Run a cell and wait for its answer; a press while the kernel is being changed is lost, so press again then."""
    output = _cell(page, number).locator(".jp-OutputArea-child")
    output.evaluate_all("outputs => outputs.forEach(one => one.dataset.earlier = 'yes')")
    fresh = _cell(page, number).locator(".jp-OutputArea-child:not([data-earlier])", has_text=said)
    deadline = time.monotonic() + 120
    while True:
        _cell(page, number).locator(".jp-InputArea-prompt").click()
        page.keyboard.press("Control+Enter")
        try:
            expect(fresh.first).to_be_attached(timeout=15_000)
        except AssertionError:
            assert time.monotonic() < deadline, f"{said!r} is not in {output.all_inner_texts()!r:.500}"
        else:
            return


def _works_on(page, kernel):
    """Wait until a kernel is there and idle, by the status bar: a narrow notebook's toolbar hides what has no room."""
    expect(page.locator("#jp-bottom-panel").get_by_role("button", name=f"{kernel} | Idle")).to_be_visible()


def _is_on_the_instance(page):
    _works_on(page, "gpu (g4dn.xlarge, SIMULATED)")
    _run_until(page, 3, "ubuntu is here")


def _change_back(page):
    """Choose the local kernel again, in the picker that the kernel's name in the status bar opens."""
    page.locator("#jp-bottom-panel").get_by_role("button", name="gpu (g4dn.xlarge, SIMULATED) | Idle").click()
    page.locator(".jp-Dialog select").select_option(label="Python 3 (ipykernel)")
    page.locator(".jp-Dialog button.jp-mod-accept").click()
    _works_on(page, "Python 3 (ipykernel)")


def test_notebook_7_has_the_plain_panel(fresh, chromium, notebook):
    """In Notebook 7 a cell shows the panel, ready to launch; every plugin of ours finds what it needs there."""
    page = chromium.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{fresh.url}/notebooks/{notebook}?token={TOKEN}")
    _cell(page, 0).wait_for()
    expect(page.locator(".jp-Notebook-ExecutionIndicator").first).to_have_attribute("data-status", "idle")
    _run_until(page, 0, "Launch · $")
    page.wait_for_selector(".jp-OutputArea .awsgpu-launch:enabled")
    page.close()
    assert [line for line in said if "awsgpu" in line] == []


ENGLISH = re.compile(
    r"\b(?:asking|waiting|verifying|opening|reading|running|free|needed|launch|the|is|and)\b", re.IGNORECASE
)
"""Words that would be a sentence nobody translated."""


def test_a_chinese_panel_speaks_chinese_throughout(open_lab, fresh):
    """Form, checks, steps, states and the question before the end: no English sentence is left."""
    fresh.wear(locale="zh_CN")
    page = open_lab(width=1180, height=980)
    sidebar = Sidebar(page).open().widen()
    page.wait_for_selector("#awsgpu-panel .awsgpu-launch:enabled")
    expect(sidebar.panel).to_contain_text("所有 GPU")
    assert _english(sidebar) == []
    keep(page, "choosing", "light-zh")

    sidebar.panel.locator(".awsgpu-launch").click()
    expect(sidebar.card()).to_contain_text("✓")
    assert _english(sidebar) == []
    keep(page, "launching", "light-zh")
    sidebar.wait_for_button("打开 Jupyter")
    assert _english(sidebar) == []
    keep(page, "running", "light-zh")
    sidebar.press("终止")
    expect(sidebar.card()).to_contain_text("永久删除")
    keep(page, "terminating", "light-zh")


def _english(sidebar):
    """Return the panel's lines that hold words of English sentences."""
    return [line for line in sidebar.panel.inner_text().splitlines() if ENGLISH.search(line)]
