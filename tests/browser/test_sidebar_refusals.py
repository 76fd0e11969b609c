"""What stands in the way is said before a launch, with a button that mends it; a slow AWS blocks nothing."""

import time
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from jupyter_awsgpu.demo import client
from tests.browser.looking import keep
from tests.browser.sidebar import Sidebar

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_every_refusal_is_one_sentence_with_its_remedy(open_lab, demo):
    """Quota, name, disk, a permission, an expired login, no credentials: said beneath the form, the button shut."""
    sidebar = Sidebar(open_lab(width=1180, height=980)).open().widen()
    sidebar.launch_button()
    _no_quota(sidebar)
    _wishes_that_do_not_fit(sidebar)
    _faults_of_aws(sidebar, demo)
    _no_credentials(sidebar, demo)


def _no_quota(sidebar):
    """In a region without quota the remedy is one press away."""
    sidebar.choose("Region", "eu-west-1")
    expect(sidebar.panel).to_contain_text("Your limit for running")
    _is_shut(sidebar)
    mend = sidebar.panel.get_by_role("button", name="Do this").first
    mend.scroll_into_view_if_needed()
    keep(sidebar.page, "refused", "light-en")
    mend.click()
    expect(sidebar.panel.locator("pre")).to_contain_text("eu-west-1")
    sidebar.choose("Region", "us-west-2")
    sidebar.launch_button()


def _wishes_that_do_not_fit(sidebar):
    """The sentence of the terminal, while one types."""
    for field, value, sentence, good in (
        ("Name", "no spaces", "cannot be a name", "gpu"),
        ("Disk, GB", "10", "is smaller than the image", "0"),
    ):
        box = sidebar.panel.get_by_label(field, exact=True)
        box.fill(value)
        box.press("Tab")
        expect(sidebar.panel).to_contain_text(sentence)
        _is_shut(sidebar)
        box.fill(good)
        box.press("Tab")
        expect(sidebar.panel).not_to_contain_text(sentence)
        sidebar.launch_button()


def _faults_of_aws(sidebar, demo):
    """What AWS answers the preflight with shows as ✗ with its words; nothing is launched."""
    with _fault(demo, "RunInstances", "UnauthorizedOperation"):
        _ask_again(sidebar, "asked")
        expect(sidebar.panel.locator(".awsgpu-bad").first).to_be_visible()
        expect(sidebar.panel).to_contain_text("may not ec2:RunInstances")
        _is_shut(sidebar)
    _ask_again(sidebar, "again")
    sidebar.launch_button()


def _no_credentials(sidebar, demo):
    """One switch away: what is missing is said, and nothing claims to be simulated; an expired login is, too."""
    sidebar.panel.get_by_role("button", name="Real AWS").click()
    expect(sidebar.panel.locator(".awsgpu-refusal").first).to_contain_text("No ")
    expect(sidebar.panel.locator(".awsgpu-simulated")).to_have_count(0)
    _is_shut(sidebar)
    with _fault(demo, "GetCallerIdentity", "ExpiredToken"):
        sidebar.panel.get_by_role("button", name="SIMULATED").click()
        expect(sidebar.panel).to_contain_text("Your AWS login has expired")


@contextmanager
def _fault(demo, operation, code):
    """Let the simulated AWS answer an operation with an error for a while."""
    fault = {"operation": operation, "code": code, "message": "You are not authorized.", "times": 50}
    client.ask(demo, "faults", fault)
    try:
        yield
    finally:
        client.ask(demo, "reset", {})


def _ask_again(sidebar, name):
    """Choose something else: the preflight asks anew."""
    box = sidebar.panel.get_by_label("Name", exact=True)
    box.fill(name)
    box.press("Tab")


def _is_shut(sidebar):
    expect(sidebar.panel.locator(".awsgpu-launch")).to_be_disabled()


def test_a_slow_aws_blocks_nothing(open_lab, demo):
    """With eight seconds a call the panel is there at once and choices stay answerable; the menu asks in it."""
    client.ask(demo, "settings", {"latency_ms": 8000})
    page = open_lab()
    sidebar = Sidebar(page).open()
    pressed = time.monotonic()
    _ask_again(sidebar, "slow")
    page.evaluate("1")
    assert time.monotonic() - pressed < 7  # one call of AWS would take longer
    expect(sidebar.launch_button()).to_be_enabled()
    client.ask(demo, "settings", {"latency_ms": 0})

    page.get_by_role("menuitem", name="AWS GPU").click()
    page.get_by_role("menuitem", name="List GPU Types and Prices").click()
    expect(page.locator("#awsgpu-panel pre")).to_contain_text("g4dn.xlarge")
