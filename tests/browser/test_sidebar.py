"""A person launches, uses, stops, starts and ends a GPU without typing a line."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.sidebar import Sidebar
from tests.browser.terminal import awsgpu

pytestmark = pytest.mark.browser


def test_a_gpu_from_the_first_click_to_the_last(open_lab, fresh):
    """Open, choose, see the price, launch, watch to the end, open Jupyter, stop, start, terminate."""
    page = open_lab()
    sidebar = Sidebar(page).open()
    sidebar.choose("GPU", "K80")
    sidebar.choose("Type", "p2.xlarge")
    expect(sidebar.launch_button()).to_have_text("Launch · $0.90/h")
    sidebar.launch()

    expect(sidebar.card()).to_contain_text(re.compile("launch (begins|under way)"))
    sidebar.wait_for_button("Open Jupyter")
    expect(sidebar.card()).to_contain_text("p2.xlarge · K80")
    expect(sidebar.card()).to_contain_text("SIMULATED")
    expect(page.locator(".awsgpu-StatusItem")).to_contain_text("1 running · $0.90/h")
    (instance,) = awsgpu("status")
    assert (instance["name"], instance["state"], instance["instance_type"]) == ("gpu", "running", "p2.xlarge")

    sidebar.press("Open Jupyter")
    remote = page.context.new_page()
    remote.goto(_opened(fresh))
    remote.wait_for_selector("#jp-main-dock-panel")
    assert f":{instance['local_port']}/" in remote.url
    remote.close()

    sidebar.press("Stop")
    sidebar.wait_for_button("Start")
    assert awsgpu("status")[0]["state"] == "stopped"

    sidebar.press("Start")
    sidebar.wait_for_button("Open Jupyter")

    sidebar.press("Terminate")
    expect(sidebar.card()).to_contain_text("deletes its disk")
    sidebar.press("Leave it")
    assert awsgpu("status")[0]["state"] == "running"
    sidebar.press("Terminate")
    sidebar.press("Terminate gpu")
    expect(sidebar.panel).to_contain_text("No instances yet", timeout=60_000)
    assert awsgpu("status") == []


def _opened(lab):
    deadline = time.monotonic() + 30
    while not lab.opened.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    address = lab.opened.read_text()
    lab.opened.unlink()
    assert address.startswith("file://")
    assert "token" not in address
    assert Path(address.removeprefix("file://")).stat().st_mode & 0o077 == 0
    return address


def test_a_reload_mid_launch_loses_nothing(open_lab):
    """The launch goes on, and the reloaded page shows it to its end."""
    page = open_lab()
    Sidebar(page).open().launch()
    expect(Sidebar(page).card()).to_contain_text("launch under way")
    page.reload()
    again = Sidebar(page).restored()
    expect(again.card()).to_contain_text(re.compile("launch|running"))
    again.wait_for_button("Open Jupyter")


def test_a_launch_outlives_the_panel_s_kernel(open_lab, fresh):
    """The kernel is killed mid-launch: the panel says so, comes back at a press, and the launch has gone on."""
    page = open_lab()
    sidebar = Sidebar(page).open().launch()
    expect(sidebar.card()).to_contain_text("launch under way")
    fresh.ask(f"api/kernels/{fresh.panel_kernel()}", "DELETE")
    page.get_by_role("button", name="Start it again").click()
    sidebar.wait_for_button("Open Jupyter")


def test_two_tabs_and_a_terminal_agree(open_lab):
    """What one tab launches shows in the other; what a terminal stops shows in both, within seconds."""
    one, other = Sidebar(open_lab()).open(), Sidebar(open_lab(workspace="other")).open()
    one.launch()
    expect(other.card()).to_contain_text("launch", timeout=4_000)
    other.wait_for_button("Open Jupyter")
    awsgpu("stop", "gpu")
    for sidebar in (one, other):
        expect(sidebar.card().get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=4_000)


def test_the_palette_opens_the_panel_and_asks(open_lab):
    """A verb of the palette is carried out in the panel."""
    page = open_lab()
    Sidebar(page).open()
    page.keyboard.press("Control+Shift+C")
    page.keyboard.type("List GPU Types")
    page.keyboard.press("Enter")
    expect(page.locator("#awsgpu-panel pre")).to_contain_text("g4dn.xlarge")
