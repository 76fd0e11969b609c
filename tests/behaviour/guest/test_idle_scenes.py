"""Scenes on a real Jupyter server with real kernels and processes: which is work, and which is not."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_awsgpu.remote import guest, jupyter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.model import JupyterServer


class Scene:
    """A server with one kernel, and what a person does on it."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.server: JupyterServer = jupyter.find_server(host)
        self.kernel = self._ask("POST", "api/kernels", {"name": "python3"})["id"]
        self.started: list[subprocess.Popen[bytes]] = []
        self._socket: Any = None

    def execute(self, code: str) -> None:
        """Run a cell, as a front end does, and leave its channel open."""
        import websocket

        url = f"ws://127.0.0.1:{self.server.port}/api/kernels/{self.kernel}/channels"
        self._socket = self._socket or websocket.create_connection(
            url, header=[f"Authorization: token {self.server.token}"], timeout=30
        )
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "username": "",
            "session": "s",
            "version": "5.3",
        }
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True}
        self._socket.send(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )

    def command(self, *argv: str) -> None:
        """Start a process of the person's."""
        self.started.append(subprocess.Popen(argv, env=self.host.environment, stdout=subprocess.DEVNULL))

    def verdict(self, over_s: float = 4.0) -> str | None:
        """Return why it is busy, looking twice some seconds apart, as two ticks of the watchdog do."""
        self.host.run(["awsgpu-guest", "tick"])
        time.sleep(over_s)
        self.host.run(["awsgpu-guest", "tick"])
        found: dict[str, Any] = json.loads(self.host.path("/var/lib/awsgpu/report.json").read_text())
        return found["busy_because"]

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail("the scene did not come about")
            time.sleep(0.05)

    def state(self) -> str:
        return str(self._ask("GET", f"api/kernels/{self.kernel}")["execution_state"])

    def waits(self) -> bool:
        return any(self.host.path("/run/awsgpu/waiting").iterdir())

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        if self._socket:
            self._socket.close()

    def _ask(self, method: str, what: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.server.port}/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.server.token}"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own loopback
            return json.load(answer)


@pytest.fixture
def scene(booted: Any) -> Iterator[Scene]:
    # IPython reads the machine's own /etc/ipython: here the user's start-up folder leads to the host's.
    profile = booted.path("/home/ubuntu/.ipython/profile_default")
    profile.mkdir(parents=True)
    (profile / "startup").symlink_to(booted.path("/etc/ipython/startup"))
    guest.follow_progress(booted, lambda step: None)
    made = Scene(booted)
    made.execute("1")
    made.wait_for(lambda: made.state() == "idle")
    yield made
    made.end()


@pytest.mark.parametrize("code", ["import time; time.sleep(9999)", "while True: pass"])
def test_a_cell_that_runs_is_work(scene: Scene, code: str) -> None:
    """Sleeping or looping, with a tab open or not: only the cap ends it."""
    scene.execute(code)
    scene.wait_for(lambda: scene.state() == "busy")
    assert scene.verdict(1.5) == "a kernel is executing"


@pytest.mark.parametrize("code", ["input('go on? ')", "import pdb; pdb.set_trace()"])
def test_a_kernel_that_waits_for_its_user_is_not_work(scene: Scene, code: str) -> None:
    """`input()` and a debugger's prompt keep a kernel busy, and nobody works."""
    scene.execute(code)
    scene.wait_for(scene.waits)
    assert scene.state() == "busy"
    reason = scene.verdict()
    assert reason is None or "kernel" not in reason


def test_the_waiting_ends_with_the_answer(scene: Scene) -> None:
    """Once answered, the same cell counts as work again."""
    scene.execute("input(); import time; time.sleep(9999)")
    scene.wait_for(scene.waits)
    scene._socket.send(
        json.dumps(
            {
                "header": {"msg_id": "r", "msg_type": "input_reply", "username": "", "session": "s", "version": "5.3"},
                "parent_header": {},
                "metadata": {},
                "content": {"value": "yes"},
                "channel": "stdin",
            }
        )
    )
    scene.wait_for(lambda: not scene.waits())
    assert scene.verdict(1.5) == "a kernel is executing"
