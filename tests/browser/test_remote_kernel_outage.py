"""A notebook whose kernel is on an instance: the link is cut, the server here restarts, nothing is missing."""

import json
import os
import re
import sys
import time
from contextlib import suppress

import pytest
from playwright.sync_api import expect

from jupyter_awsgpu.demo import client
from tests.browser.terminal import awsgpu
from tests.local_jupyter import TOKEN

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

FULL = os.environ.get("AWSGPU_TESTS_FULL") == "1"
CUT_S = 30 if FULL else 6
LINES = CUT_S
CELLS = tuple(
    f"import time\nfor i in range({LINES}):\n    print('{name}', i, flush=True)\n    time.sleep(1)\n'{name} is done'"
    for name in ("first", "second")
)
TITLE = "Python 3 · gpu (p2.xlarge, SIMULATED)"
PATIENCE_MS = 120_000


class Page:
    """One notebook in a browser."""

    def __init__(self, context, lab, name, *, plain=False):
        self.lab = lab
        self.where = "notebooks" if plain else "lab/tree"  # Notebook 7, or JupyterLab
        self.file = lab.home / "work" / name
        cells = [
            {"cell_type": "code", "id": f"c{i}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
            for i, text in enumerate(CELLS)
        ]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
        self.file.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        message = self.page.locator(".jp-Dialog", has_text="Server Connection Error")
        self.page.add_locator_handler(message, self._close)
        self.page.on("dialog", lambda dialog: dialog.accept())  # leave unsaved
        self.open()

    def open(self):
        """Open the notebook in the browser, anew."""
        self.page.goto(f"{self.lab.url}/{self.where}/{self.file.name}?token={TOKEN}&reset")
        self.cell(1).wait_for()

    def _close(self, message):
        message.get_by_role("checkbox").check()
        message.get_by_role("button", name="Close").click()

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def pick(self, title):
        """Choose the kernel as a person does: by its name at the notebook's top right."""
        self.is_idle("Python 3 (ipykernel)")
        self.page.locator(".jp-KernelName").click()
        self.page.locator(".jp-Dialog select").select_option(label=title)
        self.page.locator(".jp-Dialog").get_by_role("button", name="Select").click()
        self.is_idle(title)

    def is_idle(self, title):
        """Wait until the notebook has this kernel, at rest."""
        expect(self.page.locator(".jp-KernelName")).to_contain_text(title, timeout=PATIENCE_MS)
        at_rest = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        at_rest.first.wait_for(state="attached")

    def run_all(self):
        """Run both cells, one after the other."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def shows(self, number, text):
        expect(self.cell(number).locator(".jp-OutputArea")).to_contain_text(text, timeout=PATIENCE_MS)

    def comes_to(self, number, text):
        """Wait for a cell's end; where JupyterLab has given its connection up, ask for it again, as a person would.

        It tries seven times, at random moments, and not at all where the server said goodbye.
        """
        seen = self.cell(number).locator(".jp-OutputArea", has_text=text)
        given_up = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=disconnected]")
        seen.or_(given_up).first.wait_for(state="attached")
        if given_up.count():
            self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
            self.page.get_by_role("menuitem", name="Reconnect to Kernel").click()
        self.shows(number, text)

    def follow_sockets(self):
        """Open it anew, with its connections in reach."""
        self.sockets = []
        self.page.route_web_socket(
            re.compile("/channels"), lambda here: self.sockets.append((here, here.connect_to_server()))
        )
        self.open()
        self.is_idle(TITLE)

    def dismiss(self):
        """Have its connections end as by a server that says goodbye: JupyterLab itself tries none again."""
        for here, there in self.sockets:
            there.close()
            here.close(code=1001)
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=disconnected]").first.wait_for(state="attached")

    def close(self):
        """Close the tab, unsaved."""
        self.page.goto("about:blank")

    def is_as(self, wanted):
        """Wait for both cells' end; what is saved then is what it would be, had nothing happened."""
        self.page.bring_to_front()  # Chromium draws what is looked at
        self.comes_to(0, "first is done")
        self.comes_to(1, "second is done")
        self.is_idle(TITLE)
        assert self.saved() == wanted, self.file.name

    def saved(self):
        """Save, and return what the file then holds."""
        before = self.file.stat().st_mtime_ns
        self.page.get_by_role("button", name="Save and create checkpoint").click()
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            assert time.monotonic() < deadline, "it was not saved"
            self.page.wait_for_timeout(50)
            with suppress(ValueError):  # half written
                if self.file.stat().st_mtime_ns != before:
                    return json.loads(self.file.read_text())


def restart(lab):
    """End the server as Ctrl-C does, and start it as it was."""
    lab.process.terminate()
    lab.process.wait(60)
    lab.start(AWSGPU_DEMO="1", BROWSER=f"{sys.executable} {lab.home / 'opener.py'} %s")


@pytest.fixture
def instance(fresh):
    return awsgpu("launch", "p2.xlarge", "--yes", "--no-open")["instance_id"]


@pytest.fixture
def notebook(fresh, chromium, instance):
    """Open notebooks with both cells, their kernel picked."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    opened = []

    def open_(name, **how):
        opened.append(Page(context, fresh, name, **how))
        opened[-1].pick(TITLE)
        return opened[-1]

    yield open_
    context.close()
    fresh.forget_panel()  # every session, and with them the kernels
    for one in opened:
        one.file.unlink()


def test_outages_restarts_and_closed_pages_leave_no_trace(demo, fresh, instance, notebook):
    """What nobody could hear is saved as from an uncut run: by a page that stayed open, and by pages opened anew.

    One of them is Notebook 7's, one the server said goodbye to.
    """
    left = notebook("left.ipynb", plain=True)
    left.run_all()
    left.shows(0, "first 1")
    left.close()
    left.open()  # while its cells run

    uncut, dismissed = notebook("uncut.ipynb"), notebook("dismissed.ipynb")
    dismissed.follow_sockets()
    for one in (uncut, dismissed):
        one.run_all()
        one.shows(0, "first 1")
    dismissed.dismiss()
    uncut.shows(1, "second is done")
    wanted = uncut.saved()
    left.is_as(wanted)
    dismissed.shows(1, "second is done")  # connected again by nobody's hand
    dismissed.is_as(wanted)

    cut, anew = notebook("cut.ipynb"), notebook("anew.ipynb")
    for one in (anew, cut):
        one.run_all()
        one.shows(0, "first 1")
    anew.close()
    client.ask(demo, "cut", {"instance_id": instance, "seconds": CUT_S})
    restart(fresh)
    anew.open()
    for one in (cut, anew):
        one.is_as(wanted)
    for one in (left, anew):  # what is in the file comes from there
        one.open()
        one.is_as(wanted)
