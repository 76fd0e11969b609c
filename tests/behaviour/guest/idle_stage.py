"""The stage of the idle scenes: one instance in a folder with its real Jupyter, and what people do on it."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.behaviour.guest.conftest import FolderHost

WITHIN_S = 90.0
"""How long a scene may take to come about, on a machine that has much else to do."""

LOOKS_APART_S = 1.2


class Server:
    """A Jupyter server, asked as a front end asks it."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token = port, token

    def ask(self, method: str, what: str, body: object = None) -> Any:
        """Return the JSON answer to one request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own loopback
            return json.loads(answer.read() or b"null")

    def socket(self, what: str) -> Any:
        """Open a websocket."""
        import websocket

        url = f"ws://127.0.0.1:{self.port}/{what}"
        return websocket.create_connection(url, header=[f"Authorization: token {self.token}"], timeout=60)


class Kernel:
    """A kernel of a server's, with a front end's channel to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.id = server.ask("POST", "api/kernels", {"name": "python3"})["id"]
        self.channel = server.socket(f"api/kernels/{self.id}/channels")
        self.sequence = 0

    def send(self, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
        """Send one message; return its id."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "username": "", "session": "s", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel}
        self.channel.send(json.dumps(message))
        return number

    def execute(self, code: str) -> str:
        """Run a cell, and do not wait for it."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True}
        return self.send("execute_request", content)

    def hear(self, matches: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first message that matches."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            message: dict[str, Any] = json.loads(self.channel.recv())
            if matches(message):
                return message
        raise AssertionError("the kernel said no such thing")

    def run(self, code: str) -> None:
        """Run a cell to its end."""
        number = self.execute(code)
        self.hear(
            lambda one: (
                one["parent_header"].get("msg_id") == number
                and one["msg_type"] == "status"
                and one["content"]["execution_state"] == "idle"
            )
        )

    def debug(self, command: str, **arguments: Any) -> None:
        """Ask the kernel's debugger, and wait for its answer."""
        self.sequence += 1
        content = {"type": "request", "seq": self.sequence, "command": command, "arguments": arguments}
        number = self.send("debug_request", content, "control")
        self.hear(lambda one: one["parent_header"].get("msg_id") == number and one["msg_type"] == "debug_reply")

    def state(self) -> str:
        """Return what the server calls it."""
        return str(self.server.ask("GET", f"api/kernels/{self.id}")["execution_state"])

    def end(self) -> None:
        """Kill it, whatever it does."""
        self.channel.close()
        with suppress(OSError, urllib.error.HTTPError):
            self.server.ask("DELETE", f"api/kernels/{self.id}")


class Stage:
    """The instance, and everything begun on it, ended with the scene."""

    def __init__(self, host: FolderHost, server: Server) -> None:
        self.host, self.server = host, server
        self.ends: list[Callable[[], object]] = []

    def later(self, end: Callable[[], object]) -> None:
        """Have something ended with the scene."""
        self.ends.append(end)

    def clear(self, keep: int = 0) -> None:
        """End what was begun, the latest first; leave the first `keep`."""
        while len(self.ends) > keep:
            self.ends.pop()()

    def kernel(self, server: Server | None = None) -> Kernel:
        """Start a kernel that has run a first cell."""
        made = Kernel(server or self.server)
        self.later(made.end)
        made.run("1")
        return made

    def process(self, *argv: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a process of a person's, in a session of its own."""
        child = subprocess.Popen(
            argv,
            env={**self.host.environment, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def end() -> None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

        self.later(end)
        return child

    def python(self, code: str, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a Python program of a person's."""
        return self.process(sys.executable, "-c", code, *words, **env)

    def terminal(self, line: str) -> None:
        """Type a line into a new terminal of Jupyter's."""
        name = self.server.ask("POST", "api/terminals")["name"]
        channel = self.server.socket(f"terminals/websocket/{name}")
        self.later(lambda: (channel.close(), self.server.ask("DELETE", f"api/terminals/{name}")))
        channel.send(json.dumps(["stdin", line + "\r"]))

    def stand_in(self, name: str, script: str) -> None:
        """Put a program into the instance's PATH."""
        path = self.host.path(f"/usr/local/bin/{name}")
        path.write_text("#!/bin/sh\n" + script + "\n")
        path.chmod(0o755)
        self.later(lambda: path.unlink(missing_ok=True))

    def guest(self, expression: str) -> None:
        """Evaluate Python with the guest's `services` on the instance."""
        code = f"import sys; sys.path.insert(0, sys.argv[1]); from guest import services; {expression}"
        self.host.run([sys.executable, "-c", code, str(self.host.path("/opt/awsgpu"))])

    def waiting(self) -> int:
        """Return how many kernels say that they wait."""
        return len(list(self.host.path("/run/awsgpu/kernels/waiting").iterdir()))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come about")
            time.sleep(0.1)

    def look(self) -> str | None:
        """Return why the watchdog calls it busy since its last look."""
        self.host.run(["awsgpu-guest", "tick"])
        found: dict[str, Any] = json.loads(self.host.path("/var/lib/awsgpu/report.json").read_text())
        return found["busy_because"]

    def verdict(self, busy: bool) -> str | None:
        """Return the watchdog's reason once two looks in a row say what is expected; fail if they never do.

        An instant of a machine says nothing (a server that just started is busy): what lasts counts.
        """
        deadline = time.monotonic() + WITHIN_S
        self.look()
        in_a_row, seen = 0, []
        while in_a_row < 2:
            if time.monotonic() > deadline:
                pytest.fail(f"expected {'busy' if busy else 'idle'}, and the looks said {seen[-10:]}")
            time.sleep(LOOKS_APART_S)  # a look is a rate: it needs a while between two
            seen.append(self.look())
            in_a_row = in_a_row + 1 if bool(seen[-1]) is busy else 0
        return seen[-1]


def slow_server(rate: int) -> tuple[str, Callable[[], None]]:
    """Serve an endless file at `rate` bytes a second; return its address and its end."""
    over = threading.Event()

    class Endless(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while not over.wait(0.1):
                    self.wfile.write(os.urandom(rate // 10))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def end() -> None:
        over.set()
        made.shutdown()
        made.server_close()

    return f"http://127.0.0.1:{made.server_port}/file", end
