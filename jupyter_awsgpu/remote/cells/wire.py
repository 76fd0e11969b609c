"""A kernel's five channels as one caller uses them: a request goes out, its messages come in, bytes are counted.

A plain poll in the caller's thread: the stop button reaches it, and a round trip costs no event loop.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

POLL_MS = 500
"""How often a silent wait looks whether the kernel still lives."""

SUBSCRIBE_S = 0.05
"""Pause between questions to a kernel whose output is not heard yet."""


class Wire:
    """Channels to one kernel, addressed by a connection file's fields and its key."""

    def __init__(self, connection: Mapping[str, Any], key: str) -> None:
        import zmq
        from jupyter_client.session import Session

        self._zmq = zmq
        self._context = zmq.Context()
        self._session = Session(key=key.encode(), signature_scheme="hmac-sha256", username="awsgpu")
        kinds = {"shell": zmq.DEALER, "iopub": zmq.SUB, "stdin": zmq.DEALER}
        self._sockets = {name: self._open(name, kind, connection) for name, kind in kinds.items()}
        self._poller = zmq.Poller()
        for one in self._sockets.values():
            self._poller.register(one, zmq.POLLIN)
        self.sent = 0
        self.received = 0

    def _open(self, name: str, kind: int, connection: Mapping[str, Any]) -> Any:
        made: Any = self._context.socket(kind)
        made.linger = 0
        if kind == self._zmq.SUB:
            made.setsockopt(self._zmq.SUBSCRIBE, b"")
        else:
            made.setsockopt(self._zmq.IDENTITY, self._session.bsession)
        port = connection[f"{name}_port"]
        ipc = connection["transport"] == "ipc"
        made.connect(f"ipc://{connection['ip']}-{port}" if ipc else f"tcp://{connection['ip']}:{port}")
        return made

    def send(self, channel: str, kind: str, content: dict[str, Any]) -> str:
        """Send a message; return its id."""
        message: Any = self._session.msg(kind, content)
        parts = self._session.serialize(message)
        self.sent += sum(map(len, parts))
        self._sockets[channel].send_multipart(parts)
        identity: str = message["header"]["msg_id"]
        return identity

    def receive(self, timeout_ms: int = POLL_MS) -> list[tuple[str, dict[str, Any]]]:
        """Return the messages that are there, with their channels; none after `timeout_ms` of silence."""
        found = []
        for socket, _ in self._poller.poll(timeout_ms):
            channel = next(name for name, one in self._sockets.items() if one is socket)
            parts = socket.recv_multipart(self._zmq.NOBLOCK)
            self.received += sum(map(len, parts))
            _, parts = self._session.feed_identities(parts)
            found.append((channel, self._session.deserialize(parts)))
        return found

    def listen(self, alive: Callable[[], bool], within_s: float) -> bool:
        """Ask until the kernel's output is heard (a subscription takes a moment); say whether it is."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and alive():
            asked = self.send("shell", "kernel_info_request", {})
            heard = answered = False
            until = time.monotonic() + 1.0
            while time.monotonic() < until and not (heard and answered):
                for channel, message in self.receive(50):
                    mine = message["parent_header"].get("msg_id") == asked
                    heard = heard or channel == "iopub"
                    answered = answered or (channel == "shell" and mine)
                if answered and not heard:
                    time.sleep(SUBSCRIBE_S)
                    break
            if heard and answered:
                return True
        return False

    def close(self) -> None:
        """Close the channels."""
        for one in self._sockets.values():
            one.close(0)
        self._context.term()
