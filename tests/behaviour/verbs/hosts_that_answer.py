"""Instances as the verbs see them once they are running, without any: what SSH and Jupyter would answer."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from jupyter_awsgpu.host import Result
from jupyter_awsgpu.model import Tunnel
from jupyter_awsgpu.tunnel import Tunnels

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_awsgpu.model import Endpoint, Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMPkccS+SKCuXI52hWq4A5ZzNU7i05ySyEFT1WWT0Vu7"
VERSIONS = {"dask": "2026.1.1", "distributed": "2026.1.1"}
READY = {"phase": "ready", "steps": [], "version": "1.2.3", "python": "3.12", "idle_stop_in_s": 3600.0}


class HostThatAnswers:
    """Stands for `host.Host`: an instance that is set up, and knows its part of a cluster once it was told."""

    host_key = OWN_KEY

    def __init__(self, name: str, instance_id: str = "", told: dict[str, dict[str, Any]] | None = None) -> None:
        self.name = name
        self._id = instance_id
        self._told = {} if told is None else told

    def run(self, command: Sequence[str], stdin: bytes = b"", **_how: Any) -> Result:
        """Answer the guest's verbs; anything else succeeds without a word."""
        if list(command[1:3]) == ["cluster", "join"]:
            self._told[self._id] = json.loads(stdin)
        if list(command[1:3]) == ["cluster", "show"]:
            return self._show(self._told.get(self._id))
        answers = {"status": READY, "hostkey": {"public": OWN_KEY}, "jupyter": {"port": 8888, "token": "t" * 48}}
        return Result(0, json.dumps(answers.get(command[1] if len(command) > 1 else "", {})).encode(), b"")

    def _show(self, known: dict[str, Any] | None) -> Result:
        if known is None:
            return Result(1, b"", b"awsgpu-guest: there is no cluster here")
        present = [one["node"] for one in self._told.values() if one["cluster"] == known["cluster"]]
        said = known | {"versions": VERSIONS, "joined": len(present), "tasks": 0, "present": present}
        return Result(0, json.dumps(said).encode(), b"")

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
    """Stands for `host.Hosts`: whoever is dialled answers; what each was told, and under which pins, is kept."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any]] = {}
        self.pinned: dict[str, set[str]] = {}

    def connect(self, endpoint: Endpoint, *, launch_id: str, name: str, **_how: Any) -> HostThatAnswers:
        """Return the host at once."""
        self.pinned.setdefault(endpoint.instance_id, set()).add(launch_id)
        return HostThatAnswers(name, endpoint.instance_id, self.told)


class TunnelsToOnePage(Tunnels):
    """Tunnels that all lead to one page on this machine, which answers as Jupyter's status does."""

    def __init__(self, *places: Any, since: datetime, port: int) -> None:
        super().__init__(*places)
        self._since, self._port = since, port

        self._open: dict[str, Tunnel] = {}

    def open(self, instance: Instance, **how: Any) -> Tunnel:
        """Return the tunnel at once."""
        services = tuple((self._port + number, port) for number, port in enumerate(how.get("services", ()), 1))
        forwards = ((self._port, 8888), *how.get("forwards", ()), *services)
        self._open[instance.instance_id] = Tunnel(
            instance.instance_id, instance.name, forwards, 1, 0.0, "up", self._since
        )
        return self._open[instance.instance_id]

    def find(self, instance_id: str) -> Tunnel | None:
        """Return the tunnel that was opened."""
        return self._open.get(instance_id)

    def all(self) -> tuple[Tunnel, ...]:
        """Return those that were opened."""
        return tuple(self._open.values())

    def close(self, instance_id: str) -> bool:
        """Forget it."""
        return self._open.pop(instance_id, None) is not None


@contextmanager
def answering(bench: Workbench) -> Iterator[Workbench]:
    """Give the workbench with hosts that answer, though there are none, and tunnels that lead to a page here."""
    page, records = Page(), bench.records
    places = (records.tunnel_folder, records.log_folder, lambda record: ["false", record])
    tunnels = TunnelsToOnePage(*places, since=datetime.now(UTC), port=page.port)
    try:
        yield replace(bench, hosts=HostsThatAnswer(), tunnels=tunnels)  # type: ignore[arg-type]
    finally:
        page.close()


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
