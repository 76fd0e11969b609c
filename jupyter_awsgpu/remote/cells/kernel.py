"""The kernel on an instance that one notebook's cells run in: started at the first, kept until the notebook ends."""

from __future__ import annotations

import base64
import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_awsgpu.errors import KernelFailed
from jupyter_awsgpu.remote.cells.parcel import There
from jupyter_awsgpu.remote.cells.wire import POLL_MS, Wire
from jupyter_awsgpu.remote.kernel import KILL, RemoteKernel
from jupyter_awsgpu.remote.kernel_doors import Doors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.remote.cells.parcel import Parcel

INTERRUPT = 2
READY_WITHIN_S = 60.0
INLINE = 256 * 1024
"""Bytes of values that travel inside a message; what is larger goes through a file of the kernel's."""

DRAIN_S = 15.0
"""How long the last messages of a cell may follow its reply."""


class Front(Protocol):
    """Whoever shows a cell's output and answers its questions."""

    def hear(self, kind: str, content: Mapping[str, Any]) -> None:
        """Show one message of the kernel's: a stream, a display, an error."""

    def answer(self, prompt: str, *, password: bool) -> str:
        """Ask the person."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a piece of code ended: its reply's content, and what its expression gave (None where it failed)."""

    reply: Mapping[str, Any]
    given: dict[str, Any] | None


class KernelGone(Exception):
    """The kernel has ended, and what it knew with it."""


class CellKernel:
    """A kernel on the instance `name`. `reach` makes a verified connection to it, whenever one is needed.

    One that has no work and no connection for `lease_s` seconds ends: its notebook has not come back.
    """

    def __init__(self, name: str, reach: Callable[[], Host], *, lease_s: float | None = None) -> None:
        self._name = name
        self._doors = Doors()
        self._kernel = RemoteKernel(name, reach, self._doors)
        key = secrets.token_hex(32)
        try:
            self._kernel.start(key, lease_s=lease_s)
            self._wire = Wire(self._doors.connection, key)
            self._hello = self._begin()
        except BaseException:
            self.close()
            raise
        self._files: Any = None
        self._files_of: Host | None = None
        self.moved = [0, 0]

    def _begin(self) -> dict[str, Any]:
        if not self._wire.listen(lambda: self.alive, READY_WITHIN_S):
            raise KernelFailed(name=self._name, why="it does not answer")
        import cloudpickle.cloudpickle as by_value

        program = files("jupyter_awsgpu.guest").joinpath("cells.py").read_text(encoding="utf-8")
        source = files(by_value.__package__ or "cloudpickle").joinpath("cloudpickle.py").read_text(encoding="utf-8")
        code = (
            "import sys, types\n_awsgpu = sys.modules['_awsgpu_cells'] = types.ModuleType('_awsgpu_cells')\n"
            f"exec(compile({program!r}, '<awsgpu>', 'exec'), _awsgpu.__dict__)\ndel _awsgpu, sys, types\n"
        )
        ran = self.run(code, None, silent=True, expression=_call("begin", source))
        if ran.given is None:
            raise KernelFailed(name=self._name, why=str(ran.reply.get("evalue", "it does not take our program")))
        return ran.given

    @property
    def alive(self) -> bool:
        """Whether the kernel runs, for all that is known."""
        return self._kernel.status is None

    @property
    def there(self) -> There:
        """The Python that the kernel is."""
        major, minor = self._hello["version"]
        return There(self._hello["python"], (major, minor), int(self._hello["protocol"]))

    @property
    def interpreter(self) -> str:
        """The path of the kernel's Python on the instance."""
        return str(self._hello["interpreter"])

    @property
    def arrow(self) -> bool:
        """Whether the instance has pyarrow."""
        return bool(self._hello["pyarrow"])

    @property
    def traffic(self) -> tuple[int, int]:
        """Bytes of messages and files so far: there, and back."""
        return self._wire.sent + self.moved[0], self._wire.received + self.moved[1]

    def interrupt(self) -> None:
        """Stop the cell, as the stop button does."""
        self._kernel.signal(INTERRUPT)

    def take(self, parcel: Parcel, count: int) -> dict[str, Any]:
        """Put a parcel's values into the kernel; the answer has `missing` modules, or why it `refused`."""
        head: dict[str, Any] = {**parcel.head, "count": count}
        text = None
        if parcel.size <= INLINE:
            text = base64.b64encode(b"".join(parcel.body)).decode()
        else:
            head["file"] = self._put(parcel.body)
        ran = self.run("", None, silent=True, expression=_call("take", json.dumps(head), text))
        return ran.given if ran.given is not None else {"refused": "the kernel did not take them"}

    def give(self, expression: str) -> dict[str, Any] | None:
        """Ask for results outside a cell."""
        return self.run("", None, silent=True, expression=expression).given

    def fetched(self, sent: Mapping[str, Any]) -> bytearray:
        """Return the bytes of results that were `sent`."""
        if "text" in sent:
            return bytearray(base64.b64decode(sent["text"]))
        with self._sftp().open(sent["file"], "rb") as file:
            size = sum(sent["lengths"])
            file.prefetch(size)
            found = bytearray(size)
            at = 0
            while at < size:
                piece = file.read(min(1 << 20, size - at))
                if not piece:
                    raise EOFError("the results arrived incomplete")
                found[at : at + len(piece)] = piece
                at += len(piece)
        self._sftp().remove(sent["file"])
        self.moved[1] += size
        return found

    def run(self, code: str, front: Front | None, *, silent: bool = False, expression: str = "''") -> Ran:
        """Run code to its end, its output shown by `front`.

        The stop button is passed on once; pressed again it leaves. Raises `KernelGone`.
        """
        request = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {"awsgpu": expression},
            "allow_stdin": front is not None,
            "stop_on_error": True,
        }
        pressed = False
        waiting = _Waiting(self, self._wire.send("shell", "execute_request", request), front)
        while not waiting.over:
            try:
                waiting.step()
            except KeyboardInterrupt:
                if pressed:
                    raise
                pressed = True
                self.interrupt()
        return Ran(waiting.reply, _given(waiting.reply))

    def close(self) -> None:
        """End the kernel."""
        with suppress(OSError):
            self._kernel.signal(KILL)
        self._kernel.leave()
        self._doors.close()
        wire = getattr(self, "_wire", None)
        if wire is not None:
            wire.close()

    @property
    def wire(self) -> Wire:
        """The channels, for whoever waits on them."""
        return self._wire

    @property
    def host(self) -> Host | None:
        """The connection in use, if one stands."""
        return self._kernel.host

    def _put(self, body: Sequence[Any]) -> str:
        path = f"{self._hello['folder']}/{secrets.token_hex(8)}"
        with self._sftp().open(path, "wb") as file:
            file.set_pipelined(True)
            for part in body:
                view = memoryview(part).cast("B")
                for at in range(0, view.nbytes, 1 << 20):
                    file.write(view[at : at + (1 << 20)])
                self.moved[0] += view.nbytes
        return path

    def _sftp(self) -> Any:
        host = self.host
        if host is None:
            raise KernelFailed(name=self._name, why="the connection is down")
        if self._files_of is not host:
            self._files, self._files_of = host.files(), host
        return self._files


class _Waiting:
    """One request under way: over when its reply and its last output are there."""

    def __init__(self, kernel: CellKernel, asked: str, front: Front | None) -> None:
        self._kernel = kernel
        self._asked = asked
        self._front = front
        self._idle = False
        self._until: float | None = None
        self.reply: Mapping[str, Any] = {}

    @property
    def over(self) -> bool:
        return bool(self.reply) and (self._idle or (self._until is not None and time.monotonic() > self._until))

    def step(self) -> None:
        heard = self._kernel.wire.receive(POLL_MS)
        for channel, message in heard:
            self._take(channel, message)
        if not heard and not self.over:
            self._look()

    def _take(self, channel: str, message: Mapping[str, Any]) -> None:
        parent = message["parent_header"].get("msg_id")
        kind, content = message["msg_type"], message["content"]
        if parent != self._asked:
            return
        if channel == "shell":
            self.reply = content
            self._until = time.monotonic() + DRAIN_S
        elif channel == "stdin" and kind == "input_request" and self._front is not None:
            value = self._front.answer(content["prompt"], password=content["password"])
            self._kernel.wire.send("stdin", "input_reply", {"value": value})
        elif kind == "status":
            self._idle = self._idle or content["execution_state"] == "idle"
        elif self._front is not None:
            self._front.hear(kind, content)

    def _look(self) -> None:
        """See, when nothing came for a while, whether the kernel is still there; an outage is no end."""
        if not self._kernel.alive:
            raise KernelGone("it ended by itself")


def _call(function: str, *arguments: object) -> str:
    """Return the expression that calls a function of `guest/cells.py` inside the kernel."""
    words = ", ".join(repr(one) for one in arguments)
    return f"__import__('_awsgpu_cells').{function}({words})"


def giving(names: Sequence[str], *, unpickle: bool, arrow: bool) -> str:
    """Return the expression that hands over a cell's results and how busy the GPU was."""
    return _call("give", list(names), unpickle, arrow)


def _given(reply: Mapping[str, Any]) -> dict[str, Any] | None:
    found = reply.get("user_expressions", {}).get("awsgpu", {})
    if found.get("status") != "ok":
        return None
    given = found["data"].get("application/json")
    return given if isinstance(given, dict) else None
