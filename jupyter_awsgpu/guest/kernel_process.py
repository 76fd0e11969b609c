"""The kernel itself, to its relay: a process, and a client's end of its four channels on the same machine."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import signal
import subprocess
import time
import uuid

import zmq

DELIMITER = b"<IDS|MSG>"


class Kernel:
    """A kernel that its relay started."""

    def __init__(self, folder: str, argv: list) -> None:
        with open(os.path.join(folder, "kernel.json")) as stream:
            self.connection = json.load(stream)
        self._key = self.connection.pop("key").encode()
        self._log = os.path.join(folder, "kernel.log")
        self.session = "relay-" + uuid.uuid4().hex
        with open(self._log, "wb") as said:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        self.pid = self._process.pid
        context = zmq.Context()
        self.channels = {name: self._channel(context, name) for name in ("shell", "control", "stdin", "iopub")}

    def _channel(self, context, name: str):  # noqa: ANN001, ANN202 - zmq's own
        one = context.socket(zmq.SUB if name == "iopub" else zmq.DEALER)
        one.set_hwm(0)  # nothing is dropped here: what is too much is seen to where it is kept
        one.linger = 0
        if name == "iopub":
            one.subscribe(b"")
        else:
            one.identity = self.session.encode()  # the same on all: a kernel asks for input where it was asked to run
        form = "ipc://%s-%d" if self.connection["transport"] == "ipc" else "tcp://%s:%d"
        one.connect(form % (self.connection["ip"], self.connection[name + "_port"]))
        return one

    def ask(self) -> None:
        """Ask what it is: the answer, and word of it on iopub, show that it is ready."""
        self.send("shell", [b"relay", *self.message("kernel_info_request", b"{}", {})])

    def send(self, channel: str, parts: list) -> None:
        """Send a message as it is."""
        self.channels[channel].send_multipart(parts)

    def message(self, kind: str, parent: bytes, content: dict) -> list:
        """Return the parts of a message of the relay's own, from the delimiter on."""
        date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000000Z"
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": self.session}
        header.update(username="awsgpu", version="5.3", date=date)
        parts = [json.dumps(header).encode(), parent, b"{}", json.dumps(content).encode()]
        signature = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            signature.update(part)
        return [DELIMITER, signature.hexdigest().encode(), *parts]

    def signal(self, number: int) -> None:
        """Signal it and what it started."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it, and what it left running in its group."""
        self.signal(signal.SIGKILL)

    def status(self):  # noqa: ANN201 - "int | None" is not Python 3.8
        """Return the exit status, or None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """Return the last line of its log."""
        with open(self._log, errors="replace") as stream:
            words = stream.read().strip().splitlines() or ["it said nothing"]
        return words[-1][:300]
