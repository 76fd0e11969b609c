"""A real JupyterLab in a real Chromium, on the simulated AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest
from playwright import sync_api

from tests import local_jupyter
from tests.browser.terminal import awsgpu
from tests.local_jupyter import TOKEN
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "jupyter_awsgpu" / "labextension"
PATIENCE_S = 90
"""For a machine that does several things at once; whatever is waited for tells when it is there."""

sync_api.expect.set_options(timeout=PATIENCE_S * 1000)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
OPENER = """import sys, pathlib
pathlib.Path({seen!r}).write_text(sys.argv[1])
"""


class Lab:
    """A JupyterLab server of the test's own."""

    def __init__(self, home, opened):
        self.home = home
        self.opened = opened
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self, **environment):
        """Start it and wait until it answers."""
        own = {"JUPYTER_PREFER_ENV_PATH": "0"}  # the labextension that `lab` laid out, not what pip installed earlier
        work = self.home / "work"
        work.mkdir(exist_ok=True)
        with (self.home / "lab.log").open("ab") as log:
            self.process = subprocess.Popen(
                local_jupyter.command("jupyterlab", self.port),
                cwd=work,
                env={**os.environ, **own, **environment},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                self.ask("api/status")
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                return
        pytest.fail("JupyterLab did not start:\n" + (self.home / "lab.log").read_text())

    def ask(self, path, method="GET", body=None):
        """Ask the server's REST interface."""
        headers = {"Authorization": f"token {TOKEN}"}
        answer = httpx.request(
            method, f"{self.url}/{path}", headers=headers, json=body, timeout=PATIENCE_S, trust_env=False
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def wear(self, *, theme="JupyterLab Light", locale="en"):
        """Set the theme and the language, as a person does in the settings."""
        for plugin, raw in (
            ("@jupyterlab/apputils-extension:themes", {"theme": theme}),
            ("@jupyterlab/translation-extension:plugin", {"locale": locale}),
            ("@jupyterlab/apputils-extension:notification", {"fetchNews": "false", "checkForUpdates": False}),
        ):
            self.ask(f"lab/api/settings/{plugin}", "PUT", {"raw": json.dumps(raw)})

    def panel_kernel(self):
        """Return the panel's hidden kernel, if there is one."""
        found = [one for one in self.ask("api/sessions") if one["path"] == "awsgpu-panel"]
        return found[0]["kernel"]["id"] if found else None

    def forget_panel(self):
        """End the panel's kernel and session."""
        for one in self.ask("api/sessions"):
            self.ask(f"api/sessions/{one['id']}", "DELETE")

    def end(self):
        """End the server with its kernels."""
        self.forget_panel()
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        for one in psutil.wait_procs(family, timeout=5)[1]:
            one.kill()


@pytest.fixture(scope="session")
def lab(home, demo, tmp_path_factory):
    """JupyterLab with the labextension as it was built, working on the simulated AWS."""
    assert (BUILT / "package.json").is_file(), "build the labextension first: cd labextension && jlpm build"
    own = home / "jupyter" / "data" / "labextensions"
    own.mkdir(parents=True, exist_ok=True)
    shutil.copytree(BUILT, own / "jupyter-awsgpu", dirs_exist_ok=True)
    opened = home / "opened"
    opener = home / "opener.py"
    opener.write_text(OPENER.format(seen=str(opened)))
    server = Lab(home, opened)
    server.start(AWSGPU_DEMO="1", BROWSER=f"{sys.executable} {opener} %s")
    yield server
    server.end()


@pytest.fixture(scope="module")
def chromium():
    """Debian's Chromium, driven by Playwright: for a file, since its event loop runs in the tests' own thread."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def fresh(lab, demo):
    """A simulated AWS without instances or faults, and no panel's kernel from the test before."""
    lab.wear()
    yield lab
    from jupyter_awsgpu.demo import client

    client.ask(demo, "settings", {"latency_ms": 0})
    lab.forget_panel()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:  # what a test left under way is let finish, then ended
        alive = [one for one in awsgpu("status") if one["state"] not in ("terminated", "shutting-down")]
        if not alive:
            return
        for one in alive:
            awsgpu("terminate", one["name"], "--yes", check=False)
    pytest.fail("an instance would not go")


@pytest.fixture
def open_lab(fresh, chromium):
    """Open JupyterLab in a browser context of its own; mistakes of ours on the page fail the test."""
    contexts, mistakes = [], []

    def heard(message):
        if message.type == "error" and "awsgpu" in message.text:
            mistakes.append(message.text)

    def open_(*, width=1280, height=1000, workspace="tests", path=""):
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        page.on("console", heard)
        page.goto(f"{fresh.url}/lab/workspaces/{workspace}/{path}?token={TOKEN}&reset")
        page.wait_for_selector(TAB)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert mistakes == []


TAB = '.jp-SideBar .lm-TabBar-tab[data-id="awsgpu-panel"]'
