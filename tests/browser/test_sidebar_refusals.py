"""What stands in the way is said before a launch, with a button that mends it; a slow AWS blocks nothing."""

import time

import pytest
from playwright.sync_api import expect

from jupyter_awsgpu.demo import client
from tests.browser.sidebar import Sidebar

pytestmark = pytest.mark.browser


def test_a_quota_of_nothing_is_seen_and_can_be_asked_for(open_lab):
    """In a region without quota the button stays shut, and the remedy is one press away."""
    sidebar = Sidebar(open_lab()).open()
    sidebar.launch_button()
    sidebar.choose("Region", "eu-west-1")
    expect(sidebar.panel).to_contain_text("Your limit for running")
    expect(sidebar.panel.locator(".awsgpu-launch")).to_be_disabled()
    sidebar.panel.get_by_role("button", name="Do this").first.click()
    expect(sidebar.panel.locator("pre")).to_contain_text("eu-west-1")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("Name", "no spaces", "cannot be a name"),
        ("Disk, GB", "10", "is smaller than the image"),
    ],
)
def test_a_wish_that_does_not_fit_says_why(open_lab, field, value, sentence):
    """The sentence of the terminal, beneath the form, while one types."""
    sidebar = Sidebar(open_lab()).open()
    sidebar.launch_button()
    box = sidebar.panel.get_by_label(field, exact=True)
    box.fill(value)
    box.press("Tab")
    expect(sidebar.panel).to_contain_text(sentence)
    expect(sidebar.panel.locator(".awsgpu-launch")).to_be_disabled()


@pytest.mark.parametrize(
    ("operation", "code", "sentence"),
    [
        ("RunInstances", "UnauthorizedOperation", "Permissions"),
        ("GetCallerIdentity", "ExpiredToken", "Your AWS login has expired"),
    ],
)
def test_a_refusal_of_aws_is_one_sentence(open_lab, demo, operation, code, sentence):
    """A fault that AWS answers the preflight with shows as ✗ with its words; nothing is launched."""
    fault = {"operation": operation, "code": code, "message": "You are not authorized.", "times": 50}
    client.ask(demo, "faults", fault)
    try:
        sidebar = Sidebar(open_lab()).open()
        expect(sidebar.panel.locator(".awsgpu-bad").first).to_be_visible()
        expect(sidebar.panel).to_contain_text(sentence)
        expect(sidebar.panel.locator(".awsgpu-launch")).to_be_disabled()
    finally:
        client.ask(demo, "reset", {})


def test_a_slow_aws_blocks_nothing(open_lab, demo):
    """With two seconds a call the panel is there at once, and choices stay answerable."""
    client.ask(demo, "settings", {"latency_ms": 2000})
    page = open_lab()
    began = time.monotonic()
    sidebar = Sidebar(page).open()
    assert time.monotonic() - began < 4
    pressed = time.monotonic()
    sidebar.panel.get_by_label("Name", exact=True).fill("slow")
    sidebar.panel.get_by_label("Name", exact=True).press("Tab")
    assert time.monotonic() - pressed < 1
    expect(sidebar.launch_button()).to_be_enabled(timeout=60_000)


def test_the_first_look_is_quick(open_lab):
    """A cold kernel shows the panel within two seconds (four are allowed to a busy machine)."""
    page = open_lab()
    began = time.monotonic()
    Sidebar(page).open()
    assert time.monotonic() - began < 4
