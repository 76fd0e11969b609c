"""Instances as the verbs see them once they are running, without any: what SSH and Jupyter would answer."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any, Self

from jupyter_awsgpu.host import Result
from jupyter_awsgpu.model import Tunnel
from jupyter_awsgpu.tunnel import Tunnels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from jupyter_awsgpu.model import Instance

OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMPkccS+SKCuXI52hWq4A5ZzNU7i05ySyEFT1WWT0Vu7"
READY = {"phase": "ready", "steps": [], "version": "1.2.3", "python": "3.12", "idle_stop_in_s": 3600.0}


class HostThatAnswers:
    """Stands for `host.Host`: an instance that is set up."""

    host_key = OWN_KEY

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, command: Sequence[str], **_how: Any) -> Result:
        """Answer the guest's verbs; anything else succeeds without a word."""
        answers = {"status": READY, "hostkey": {"public": OWN_KEY}, "jupyter": {"port": 8888, "token": "t" * 48}}
        return Result(0, json.dumps(answers.get(command[1] if len(command) > 1 else "", {})).encode(), b"")

    def follow(self, _command: Sequence[str], **_how: Any) -> Iterator[str]:
        """Yield the one report there is."""
        yield json.dumps(READY)

    def again(self, accepting: tuple[str, ...]) -> Self:
        """Connect once more."""
        del accepting
        return self

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HostsThatAnswer:
    """Stands for `host.Hosts`: whoever is dialled answers."""

    def connect(self, _endpoint: Any, *, launch_id: str, name: str, **_how: Any) -> HostThatAnswers:
        """Return the host at once."""
        del launch_id
        return HostThatAnswers(name)


class TunnelsToOnePage(Tunnels):
    """Tunnels that all lead to one page on this machine, which answers as Jupyter's status does."""

    def __init__(self, *places: Any, since: datetime, port: int) -> None:
        super().__init__(*places)
        self._since, self._port = since, port

    def open(self, instance: Instance, **_how: Any) -> Tunnel:
        """Return the tunnel at once."""
        return Tunnel(instance.instance_id, instance.name, ((self._port, 8888),), 1, 0.0, "up", self._since)


class Page:
    """Answers every request with 200, until it is closed."""

    def __init__(self) -> None:
        class Ok(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ok)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
