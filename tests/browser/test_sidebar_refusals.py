"""What stands in the way is said before a launch, with a button that mends it; a slow AWS blocks nothing."""

import json
import shutil
import sys
import time
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import (
    TimeoutError,  # noqa: A004 - Playwright names it so
    expect,
)

from jupyter_awsgpu.demo import client
from tests.browser.looking import findings, keep
from tests.browser.sidebar import TAB, Sidebar
from tests.first_day import first_day

FREE_PLAN = "Your account is on the AWS Free plan"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_every_refusal_is_one_sentence_with_its_remedy(open_lab, demo):
    """Quota, name, disk, plan, permission, expired login, no credentials: said beneath the form, the button shut."""
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
    assert findings(sidebar.page) == []
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
        ("Disk, GB", "10", "is smaller than the image", ""),
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
    client.ask(demo, "settings", {"free_plan": True})
    try:
        _ask_until(sidebar, "free", lambda: expect(sidebar.panel).to_contain_text(FREE_PLAN, timeout=5_000))
        _is_shut(sidebar)
    finally:
        client.ask(demo, "settings", {"free_plan": False})
    _opens_again(sidebar)


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
        first_day(demo)


def _ask_again(sidebar, name):
    """Choose something else: the preflight asks anew."""
    box = sidebar.panel.get_by_label("Name", exact=True)
    box.fill(name)
    box.press("Tab")


def _opens_again(sidebar):
    opened = "#awsgpu-panel .awsgpu-launch:enabled"
    _ask_until(sidebar, "again", lambda: sidebar.page.wait_for_selector(opened, timeout=5_000))


def _ask_until(sidebar, name, seen):
    """Ask until the answer is new: what AWS says of the account serves for two seconds."""
    for attempt in range(20):
        _ask_again(sidebar, f"{name}{attempt}")
        with suppress(TimeoutError, AssertionError):
            seen()
            return
    seen()


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


def test_a_kernel_without_the_python_side_says_so_and_offers_the_mend(open_lab, fresh):
    """The panel's kernel has another Python than Jupyter's, without this package: said, with a button that installs."""
    bare = fresh.home / "jupyter" / "data" / "kernels" / "bare" / "kernel.json"
    bare.parent.mkdir(parents=True)
    start = "import sys; sys.modules['jupyter_awsgpu'] = None; from ipykernel.kernelapp import main; sys.exit(main())"
    argv = [sys.executable, "-c", start, "-f", "{connection_file}"]
    bare.write_text(json.dumps({"argv": argv, "display_name": "Bare", "language": "python"}))
    fresh.ask("lab/api/settings/jupyter-awsgpu:kernel", "PUT", {"raw": json.dumps({"kernelName": "bare"})})
    try:
        page = open_lab()
        page.click(TAB)
        panel = page.locator("#awsgpu-panel")
        expect(panel).to_contain_text("The kernel’s Python lacks a package")
        expect(panel.get_by_role("button", name="Install jupyter-awsgpu there")).to_be_visible()
        assert findings(page) == []
    finally:
        fresh.ask("lab/api/settings/jupyter-awsgpu:kernel", "PUT", {"raw": "{}"})
        shutil.rmtree(bare.parent)
