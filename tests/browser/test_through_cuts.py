"""A day at a notebook through the tunnel: the link is cut ten times, and the page is never reloaded."""

import json
import os
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.local_jupyter import TOKEN
from tests.system.host.private_sshd import PrivateSshd
from tests.system.tunnel.tunnel_case import ID, Bench

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CELLS = (
    "import itertools, os; turns = itertools.count(1)",
    "print(f'answer {next(turns)} of kernel {os.getpid()}.')",
    "# so that the one above is not the last: running that would add another",
)
PATIENCE_S = 120
"""For a busy machine, and for JupyterLab, which may pause half a minute between two attempts of its own."""


# ── the cuts: inside, the link is down (or about to break); at the end, what was cut is back ─


@contextmanager
def sessions_killed(bench):
    """The connection's own process on the instance dies; sshd itself answers at once."""
    bench.sshd.kill_sessions()
    yield


@contextmanager
def peer_killed(bench):
    """Everything of sshd is killed, and comes back."""
    bench.sshd.kill()
    yield
    bench.sshd.start()


@contextmanager
def sshd_restarted(bench):
    """Sshd is told to end, says goodbye, and has started anew before the page knows."""
    bench.sshd.end(signal.SIGTERM)
    bench.sshd.start()
    yield


@contextmanager
def peer_refuses(bench):
    """Nobody listens for a while: the tunnel dials in vain and asks AWS, which knows no better."""
    asked = bench.times_located()
    bench.sshd.kill()
    _until(lambda: bench.times_located() > asked, "AWS was asked")
    yield
    bench.sshd.start()


@contextmanager
def peer_stalls(bench):
    """Nothing moves for two seconds; nothing is lost either."""
    bench.sshd.freeze()
    yield
    time.sleep(2)  # the stall itself
    bench.sshd.thaw()


@contextmanager
def peer_frozen(bench):
    """Nothing moves until the tunnel counts the link as lost."""
    bench.sshd.freeze()
    bench.wait_for("lost", PATIENCE_S)
    yield
    bench.sshd.thaw()


@contextmanager
def tunnel_stalls(bench):
    """The tunnel's process stands still for two seconds, as when the laptop dozes."""
    process = bench.process()
    process.suspend()
    try:
        yield
        time.sleep(2)  # the stall itself
    finally:
        process.resume()


@contextmanager
def tunnel_killed(bench):
    """The tunnel's own process is killed; its guard starts it again, and holds the port meanwhile."""
    bench.process().kill()
    yield


@contextmanager
def address_changed(bench):
    """The instance answers elsewhere, as after a stop and a start."""
    bench.move_sshd("127.0.0.3")
    yield


CUTS = (
    sessions_killed,
    peer_killed,
    tunnel_killed,
    peer_stalls,
    sshd_restarted,
    peer_refuses,
    tunnel_stalls,
    peer_frozen,
    address_changed,
    peer_killed,
)
UNNOTICED = (peer_stalls, tunnel_stalls)
"""Cuts after which the page's connections go on."""


# ── the page ─────────────────────────────────────────────────────────────────────────────────


class Notebook:
    """A notebook in one page, as a person uses it; what the page does on the wire is noted."""

    def __init__(self, page, lab, url, name):
        self.page, self.lab, self.name = page, lab, name
        self.loads = 0
        self.sockets = []
        self.turn = 0
        self.kernel = ""
        page.on("request", self._requested)
        page.on("websocket", lambda socket: self.sockets.append(socket))  # noqa: PLW0108 - a built-in cannot be marked
        page.add_locator_handler(page.locator(".jp-Dialog", has_text="Server Connection Error"), self._close)
        page.goto(f"{url}/lab/tree/{name}?token={TOKEN}&reset")
        page.evaluate("window.sameAsEver = 'never reloaded'")
        self._cell(1).wait_for()
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        self._run(0)

    def _requested(self, request):
        if request.is_navigation_request() and request.frame == self.page.main_frame:
            self.loads += 1

    def _close(self, message):
        """Close JupyterLab's own message that the server was not reached, for good."""
        message.get_by_role("checkbox").check()
        message.get_by_role("button", name="Close").click()

    def _cell(self, number):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def run(self):
        """Run the cell that counts."""
        self.turn += 1
        self._run(1)

    def _run(self, number):
        self._cell(number).locator(".jp-InputArea-prompt").click()
        self.page.get_by_role("button", name="Run this cell and advance").click()

    def answer(self):
        """Wait for this run's output, which no other run gives; return the kernel's process."""
        output = self._cell(1).locator(".jp-OutputArea-output")
        expect(output).to_contain_text(f"answer {self.turn} of kernel", timeout=PATIENCE_S * 1000)
        return output.inner_text().split()[-1]

    def kernel_socket(self):
        """Return the page's present connection to the notebook's kernel."""
        if not self.kernel:
            found = [one for one in self.lab.ask("api/sessions") if one["path"] == self.name]
            self.kernel = found[0]["kernel"]["id"]
        return [one for one in self.sockets if f"/api/kernels/{self.kernel}/channels" in one.url][-1]

    def wait_until_closed(self, socket, cut, log):
        """Wait until the page has noticed that its connection broke."""
        try:
            _until(socket.is_closed, f"the page noticed: {cut}", self.page.wait_for_timeout)
        except AssertionError as exc:
            exc.add_note(log())
            raise


def _until(condition, what, sleep_ms=lambda ms: time.sleep(ms / 1000)):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        sleep_ms(50)


@pytest.fixture
def bench(tmp_path, lab):
    """A real sshd, JupyterLab behind it, and our tunnel between."""
    if os.name != "posix" or os.geteuid() != 0 or not Path("/usr/sbin/sshd").exists() or not shutil.which("ssh-keygen"):
        pytest.skip("needs root and OpenSSH's server")
    sshd = PrivateSshd(tmp_path / "sshd").start()
    bench = Bench(tmp_path, sshd, lab)
    yield bench
    sshd.thaw()
    bench.tunnels.close(ID)
    sshd.kill()


@pytest.fixture
def notebook(bench, lab, chromium):
    """The notebook, opened through the tunnel."""
    lab.wear()
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for i, text in enumerate(CELLS)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = lab.home / "work" / "cuts.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    port = bench.open().local_port
    bench.wait_for("up", PATIENCE_S)
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    yield Notebook(page, lab, f"http://127.0.0.1:{port}", path.name)
    context.close()
    lab.forget_panel()  # and every other session
    path.unlink()


def test_a_notebook_works_through_ten_cuts(bench, notebook):
    """What is run while the link is down is answered once it is back: each run once, by the same kernel."""
    notebook.run()
    kernel = notebook.answer()
    for cut in CUTS:
        socket = notebook.kernel_socket()
        with cut(bench):
            if cut not in UNNOTICED:
                notebook.wait_until_closed(socket, cut.__name__, bench.log)
            notebook.run()
        assert notebook.answer() == kernel, cut.__name__
    assert notebook.turn == len(CUTS) + 1
    assert notebook.loads == 1
    assert notebook.page.evaluate("window.sameAsEver") == "never reloaded"
