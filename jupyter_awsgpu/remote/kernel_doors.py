"""A remote kernel's five channels on this machine: whoever connects here talks to the kernel.

What is said is handed on as it is, and so is what the kernel says. Three things are answered here, so
that an outage looks like a quiet kernel and not like a dead one: the heartbeat, what kind of kernel it
is, and a page's question for what it missed. Private unix sockets where there can be any, loopback
ports elsewhere; each message is signed with the kernel's key on either.
"""

from __future__ import annotations

import queue
import shutil
import socket
import tempfile
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jupyter_awsgpu.remote import kernel_messages as messages
from jupyter_awsgpu.remote.kernel_recalls import RECALL, SAVED, SETTLED_S, Recalls

if TYPE_CHECKING:
    from collections.abc import Callable

    import zmq

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")

LATE_BYTES_PER_S, LATE_MESSAGES_PER_S = 600_000, 500
"""How fast missed output is handed on: Jupyter's server drops what is beyond 1 MB or 1,000 messages a second."""

LOST_PAGE_S = 10.0
"""How long a kernel's end is kept from pages that are here, for others that may come back."""


class Said(NamedTuple):
    """A message of the kernel's with its number; `late` if it was kept while the connection was away."""

    number: int
    channel: str
    parts: list[bytes]
    late: bool


class Kernel(Protocol):
    """Who carries messages to and from the kernel; called in the doors' own thread."""

    def hand_over(self, channel: str, parts: list[bytes]) -> None:
        """Have a message reach the kernel."""

    def handed_on(self, numbers: list[int]) -> None:
        """Take note that these messages have been given to their clients."""

    def recall(self, question: str, asking: str) -> None:
        """Ask, for one page, what other pages' cells said that nobody has saved; a break loses the question."""

    def saved(self, causes: list[str]) -> None:
        """Take note that what these requests led to is in a notebook's file."""

    def ended(self, status: int) -> None:
        """Take note that the kernel ended, and that all it said has been handed on."""


class Doors:
    """The local ends. `connection` is their part of a Jupyter connection file.

    `unix` chooses the kind of socket; by default private unix sockets where this system can have them.
    """

    def __init__(self, *, unix: bool = True) -> None:
        import zmq

        self.key = b""
        self.info: dict[str, Any] | None = None
        self.running: dict[str, Any] | None = None
        self.kernel: Kernel | None = None
        self.anew = False
        """Whether pages may be waiting here that an earlier process of this machine talked to."""
        self._context = zmq.Context()
        self._folder = Path(tempfile.mkdtemp(prefix="awsgpu-"))  # only its owner may enter
        self._sockets, self.connection = self._bind(unix)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._bell, self._rope = socket.socketpair()
        self._rope.setblocking(False)
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="kernel-doors", daemon=True)
        self._queue: deque[Said] = deque()
        self._held: dict[str, list[Said]] = {}
        self._here: dict[str, float] = {}
        self._asked: dict[tuple[str, bytes], list[bytes]] = {}
        self._done: list[int] = []
        self._frozen = False
        self._exit: int | None = None
        self._recalls = Recalls()
        self._dismissed = False
        self._allowance = (time.monotonic(), float(LATE_BYTES_PER_S), float(LATE_MESSAGES_PER_S))
        self._thread.start()

    # ── sockets ──

    def _bind(self, unix: bool) -> tuple[dict[str, zmq.Socket[bytes]], dict[str, Any]]:
        import zmq

        if unix and zmq.has("ipc"):
            with suppress(OSError, zmq.ZMQError):  # a path too long, no symbolic links, no such sockets: ports then
                sockets = {}
                for number, name in enumerate(CHANNELS, start=1):
                    sockets[name] = self._socket(name)
                    sockets[name].bind(f"ipc://{self._folder}/{number}")
                    (self._folder / f"s-{number}").symlink_to(f"{number}")
                numbers = {f"{name}_port": number for number, name in enumerate(CHANNELS, start=1)}
                return sockets, {"transport": "ipc", "ip": f"{self._folder}/s", **numbers}
        sockets = {name: self._socket(name) for name in CHANNELS}
        ports = {f"{name}_port": one.bind_to_random_port("tcp://127.0.0.1") for name, one in sockets.items()}
        return sockets, {"transport": "tcp", "ip": "127.0.0.1", **ports}

    def _socket(self, name: str) -> zmq.Socket[bytes]:
        import zmq

        one: zmq.Socket[bytes] = self._context.socket(zmq.XPUB if name == "iopub" else zmq.ROUTER)
        one.set_hwm(0)  # nothing is dropped here
        one.linger = 500
        if name != "iopub":
            one.router_handover = True  # a page that connects again has the name it had
        return one

    def show(self) -> None:
        """Have the sockets where `connection` says: Jupyter removes those names whenever a kernel ends."""
        if self.connection["transport"] == "ipc":
            for number in range(1, len(CHANNELS) + 1):
                with suppress(FileExistsError):
                    (self._folder / f"s-{number}").symlink_to(f"{number}")

    def close(self) -> None:
        """Close for good, and take the sockets away."""
        self._work.put(None)
        self._ring()
        self._thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ── called from any thread ──

    def deliver(self, said: Said) -> None:
        """Hand on a message of the kernel's, in its turn."""
        self._do(lambda: self._queue.append(said))

    def attached(self, info: dict[str, Any], running: dict[str, Any] | None) -> None:
        """Have the kernel there: what it is, and the header of the request that it is at."""
        self._do(lambda: self._attached(info, running))

    def forget(self) -> None:
        """Have no kernel there; another will come."""
        self._do(self._forget)

    def freeze(self) -> None:
        """Hand nothing on any more; returns once that holds."""
        held = threading.Event()
        self._do(lambda: setattr(self, "_frozen", True))
        self._do(held.set)
        held.wait(5)

    def dismiss(self) -> None:
        """Expect the kernel's end: somebody here asked for it."""
        self._do(lambda: setattr(self, "_dismissed", True))

    def recalled(self, question: str, cell: str | None, number: int, parts: list[bytes]) -> None:
        """One message of the answer to a page's question, or (`cell` is None) its end."""
        self._do(lambda: self._recalled(question, cell, number, parts))

    def _do(self, work: Callable[[], None]) -> None:
        self._work.put(work)
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # it has rung, and nobody has listened yet; or it is closed
            self._rope.send(b".")

    # ── the doors' own thread ──

    def _serve(self) -> None:
        import zmq

        poller = zmq.Poller()
        for one in self._sockets.values():
            poller.register(one, zmq.POLLIN)
        poller.register(self._bell.fileno(), zmq.POLLIN)
        wait_ms: int | None = None
        open_ = True
        while open_:
            ready = dict(poller.poll(wait_ms))
            if self._bell.fileno() in ready:
                with suppress(OSError):
                    self._bell.recv(4096)
            for name, one in self._sockets.items():
                if one in ready:
                    self._receive(name, one)
            open_ = self._work_off()
            wait_ms = self._hand_on()
        self._bell.close()
        self._rope.close()
        self._context.destroy(linger=500)

    def _work_off(self) -> bool:
        with suppress(queue.Empty):
            while True:
                work = self._work.get_nowait()
                if work is None:
                    return False
                work()
        return True

    def _receive(self, name: str, one: zmq.Socket[bytes]) -> None:
        import zmq

        with suppress(zmq.Again):
            while True:
                parts = one.recv_multipart(zmq.NOBLOCK)
                if name == "hb":
                    one.send_multipart(parts)
                elif name != "iopub" and messages.genuine(self.key, parts):  # iopub only tells who listens
                    self._hear(name, parts)

    def _hear(self, name: str, parts: list[bytes]) -> None:
        header = messages.header_of(parts)
        session = str(header.get("session", ""))
        if parts[0] == session.encode():  # a client's own socket, not one of its server's for a question
            self._here.setdefault(session, time.monotonic())
        kind = header.get("msg_type")
        if kind == "kernel_info_request":
            self._asked[name, parts[0]] = parts
            self._answer()
        elif kind == f"{RECALL}_request":
            self._recalls.take(name, parts)
        elif kind == f"{SAVED}_request":
            self._saved(name, parts)
        elif self.kernel is not None:
            self._dismissed = self._dismissed or kind == "shutdown_request"
            if kind == "execute_request":
                self._recalls.begun(parts)
            self.kernel.hand_over(name, parts)

    def _answer(self) -> None:
        """Say what kind of kernel it is to all who asked: a busy one, or one out of reach, would not for long."""
        if self.info is None:
            return
        asked, self._asked = self._asked, {}
        for (name, identity), parts in asked.items():
            header = messages.header_of(parts)
            self._say_status(header, "busy")
            self._sockets[name].send_multipart(
                [identity, *messages.message(self.key, "kernel_info_reply", header, self.info)]
            )
            self._say_status(header, "idle")  # the question is over: pages wait for that before they ask anything else
        if asked and self.running:
            self._say_status(self.running, "busy")

    def _say_status(self, parent: dict[str, Any], state: str) -> None:
        status = messages.message(self.key, "status", parent, {"execution_state": state})
        self._sockets["iopub"].send_multipart([b"status", *status])

    def _attached(self, info: dict[str, Any], running: dict[str, Any] | None) -> None:
        self.info, self.running = info, running
        if self.anew and running:
            self._say_status(running, "busy")  # the server that asks has not heard it begin
        self._answer()
        self._recalls.again()

    def _forget(self) -> None:
        self.info = self.running = None
        self._dismissed = False
        self._recalls.another()
        self._queue.clear()
        self._held.clear()

    # ── what the kernel says ──

    def _hand_on(self) -> int | None:
        """Hand on what may be; return how many milliseconds from now there may be more, if ever by itself."""
        if self._frozen:
            return None
        wait_s = self._ask(self._let_in())
        while self._queue:
            said = self._queue[0]
            session = str(messages.parent_of(said.parts).get("session", ""))
            if self.anew and session and said.channel != "exit" and not self._settled(session):
                self._held.setdefault(session, []).append(self._queue.popleft())
                if session in self._here:
                    wait_s = SETTLED_S
                continue
            if said.channel == "exit" and self._has_more_to_say():
                wait_s = SETTLED_S
                break
            pause_s = self._pause(said)
            if pause_s > 0:
                wait_s = pause_s if wait_s is None else min(wait_s, pause_s)
                break
            self._send(self._queue.popleft())
        if self._done and self.kernel is not None:
            done, self._done = self._done, []
            self.kernel.handed_on(done)
        if self._exit is not None and self.kernel is not None:
            status, self._exit = self._exit, None
            self.kernel.ended(status)
        return None if wait_s is None else int(wait_s * 1000) + 1

    def _settled(self, session: str) -> bool:
        came = self._here.get(session)
        return came is not None and time.monotonic() >= came + SETTLED_S

    def _let_in(self) -> float | None:
        """Give their turn to the messages of pages that are there again."""
        wait_s = None
        for session in [one for one in self._held if one in self._here]:
            if self._settled(session):
                self._queue.extendleft(reversed(self._held.pop(session)))
            else:
                wait_s = SETTLED_S
        return wait_s

    def _pause(self, said: Said) -> float:
        if not said.late or said.channel != "iopub":
            return 0.0
        now, (then, bytes_, count) = time.monotonic(), self._allowance
        bytes_ = min(LATE_BYTES_PER_S, bytes_ + (now - then) * LATE_BYTES_PER_S)
        count = min(LATE_MESSAGES_PER_S, count + (now - then) * LATE_MESSAGES_PER_S)
        self._allowance = now, bytes_, count
        if bytes_ < 0 or count < 1:
            return max(-bytes_ / LATE_BYTES_PER_S, 1 / LATE_MESSAGES_PER_S)
        self._allowance = now, bytes_ - sum(map(len, said.parts)), count - 1
        return 0.0

    def _send(self, said: Said) -> None:
        if said.channel == "iopub":
            self._follow(said.parts)
        if said.channel in self._sockets:
            self._sockets[said.channel].send_multipart(said.parts)
        elif said.channel == "exit":
            self._exit = int(said.parts[0])
        self._done.append(said.number)

    def _follow(self, parts: list[bytes]) -> None:
        if parts[0].endswith(b"status") or messages.header_of(parts).get("msg_type") == "status":
            parent = messages.parent_of(parts)
            if parent.get("msg_type") == "execute_request":
                self.running = parent if messages.content_of(parts).get("execution_state") == "busy" else None

    # ── pages opened anew ──

    def _ask(self, wait_s: float | None) -> float | None:
        """Ask the relay what pages want to know, once they are sure to hear what is said from then on."""
        if self.info is None or self.kernel is None:
            return wait_s
        for question, session in self._recalls.due():
            self.kernel.recall(question, session)
        return SETTLED_S if self._recalls.waiting else wait_s

    def _has_more_to_say(self) -> bool:
        """Whether the kernel's end must wait: for what pages, those to come among them, have to be told before."""
        if self._dismissed:
            return False
        late = time.monotonic() - LOST_PAGE_S
        return not self._recalls.ask_last() or (bool(self._held) and not any(late > one for one in self._here.values()))

    def _recalled(self, question: str, cell: str | None, number: int, parts: list[bytes]) -> None:
        if cell is not None:
            self._recalls.tell(question, cell, number, parts)
            return
        asked = self._recalls.told(question)
        if asked is None:
            return
        self._done += [one for one, session in asked.numbers.items() if one and session not in self._here]
        for session in [one for one in self._held if one not in self._here]:  # the answer has them
            self._drop(self._held.pop(session))
        self.anew = bool(self._held)  # what follows is for the page that asked
        self._reply(RECALL, asked.channel, asked.request, {"messages": asked.found})

    def _drop(self, held: list[Said]) -> None:
        """Let go of what waits for a page that is not coming; that its cells began and ended is for all to know."""
        for said in held:
            if said.channel == "iopub" and messages.header_of(said.parts).get("msg_type") == "status":
                self._send(said)
            else:
                self._done.append(said.number)

    def _saved(self, name: str, parts: list[bytes]) -> None:
        causes = [str(one) for one in messages.content_of(parts).get("ended", [])]
        self._recalls.saved(causes)
        if self.kernel is not None:
            self.kernel.saved(causes)
        self._reply(SAVED, name, parts, {})

    def _reply(self, kind: str, channel: str, request: list[bytes], content: dict[str, Any]) -> None:
        answer = messages.message(self.key, f"{kind}_reply", messages.header_of(request), content)
        self._sockets[channel].send_multipart([request[0], *answer])
