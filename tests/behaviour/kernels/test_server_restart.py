"""A real Jupyter server ends and another begins, with a kernel on an instance: what their pages can hear of it."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager

import httpx

from tests import local_jupyter
from tests.ports import free_port

PATIENCE_S = 60.0


class Server:
    """One Jupyter server, and a page's connection to it, which is kept open."""

    def __init__(self, folder):
        self.log = folder / "server.log"
        port = free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*local_jupyter.command("jupyter_server", port), f"--ServerApp.root_dir={folder}"],
                env={**os.environ, "AWSGPU_DEMO": "1", "JUPYTER_PREFER_ENV_PATH": "1"},  # this Python's own kernel
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.page = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/",
            headers={"Authorization": f"token {local_jupyter.TOKEN}"},
            timeout=PATIENCE_S,
            trust_env=False,
        )

    def first_kernels(self):
        """Ask until it answers; return the ids of the kernels in its first answer."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.kernels(self.page.get("kernels"))
            except httpx.TransportError:
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.05)

    def kernels(self, answer):
        answer.raise_for_status()
        return [one["id"] for one in answer.json()]

    def start_kernel(self, name):
        answer = self.page.post("kernels", json={"name": name})
        answer.raise_for_status()
        return answer.json()["id"]

    def answers_to_its_end(self):
        """Have it end, asking all the while; return the answers."""
        self.process.terminate()
        answers = []
        try:
            while True:
                answers += [self.page.get("kernels"), self.page.get("sessions")]
        except httpx.TransportError:
            self.process.wait(PATIENCE_S)
            return answers

    def close(self):
        self.page.close()
        self.process.terminate()
        self.process.wait(PATIENCE_S)


@contextmanager
def serving(folder):
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


def test_no_page_hears_that_a_kernel_on_an_instance_is_gone(spec, tmp_path):
    """The server that ends refuses to answer rather than list none, and the next one's first answer has it again."""
    with serving(tmp_path) as first:
        assert first.first_kernels() == []
        first.start_kernel("python3")  # one that takes its time to end
        kernel = first.start_kernel(spec)
        heard = first.answers_to_its_end()
    lists = [first.kernels(one) for one in heard if one.url.path.endswith("kernels") and one.status_code != 503]
    assert {one.status_code for one in heard} in ({503}, {200, 503})
    assert all(kernel in one for one in lists)
    with serving(tmp_path) as second:
        assert second.first_kernels() == [kernel]
        second.page.delete(f"kernels/{kernel}").raise_for_status()
