"""The sidebar as a person uses it: named by what is read on it, never by its structure."""

from __future__ import annotations

import re

from playwright.sync_api import TimeoutError  # noqa: A004 - Playwright names it so

TAB = '.jp-SideBar .lm-TabBar-tab[data-id="awsgpu-panel"]'
LAUNCH = re.compile(r"^Launch · \$")


class Sidebar:
    """The panel in one page."""

    def __init__(self, page):
        self.page = page
        self.panel = page.locator("#awsgpu-panel")

    def open(self):
        """Bring it forward."""
        if "lm-mod-current" not in (self.page.locator(TAB).get_attribute("class") or ""):
            self.page.click(TAB)
        self.panel.locator(".awsgpu-launch").wait_for()
        return self

    def restored(self):
        """Wait until a reloaded page has brought it forward by itself."""
        self.panel.locator(".awsgpu-launch").wait_for()
        return self

    def choose(self, field, label):
        """Choose the option of a list that begins with `label`."""
        box = self.panel.get_by_label(field, exact=True)
        option = box.locator("option", has_text=re.compile("^" + re.escape(label)))
        option.first.wait_for(state="attached")
        box.select_option(option.first.get_attribute("value") or option.first.inner_text())

    def chosen(self, field):
        """Return the option that a list shows."""
        return self.panel.get_by_label(field, exact=True).locator("option:checked")

    def launch_button(self):
        """Wait for the price on the button, and return it."""
        button = self.panel.get_by_role("button", name=LAUNCH)
        self.page.wait_for_selector("#awsgpu-panel .awsgpu-launch:enabled")
        return button

    def launch(self):
        """Press the button that carries the price."""
        self.launch_button().click()
        return self

    def widen(self):
        """Draw the sidebar's edge to the width a person gives it."""
        split = "#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)"
        edge = self.page.locator(split).first.bounding_box()
        self.page.mouse.move(edge["x"] + 1, 400)
        self.page.mouse.down()
        self.page.mouse.move(400, 400, steps=4)
        self.page.mouse.up()
        return self

    def card(self, name="gpu"):
        """Return the card of an instance."""
        return self.panel.locator(
            ".awsgpu-card", has=self.page.locator(".awsgpu-name", has_text=re.compile(rf"^\s*{name}\b"))
        )

    def press(self, label, name="gpu"):
        """Press a button of an instance's card."""
        self.card(name).get_by_role("button", name=label, exact=True).click()

    def wait_for_button(self, label, name="gpu", *, timeout_s=120):
        """Wait until the card offers an action: the state it fits has come."""
        try:
            self.card(name).get_by_role("button", name=label, exact=True).wait_for(timeout=timeout_s * 1000)
        except TimeoutError as exc:
            raise AssertionError(f"no button {label!r}; the panel reads:\n{self.panel.inner_text()}") from exc
