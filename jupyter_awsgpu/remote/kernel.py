"""One kernel on an instance, as a process is held: started, signalled, waited for.

Beside the kernel a relay keeps what it says (`guest/kernel_relay`). The connection may break: the
kernel goes on, this end connects again, and both sides send what the other has not acknowledged, each
message once. A later process of this machine finds the kernel again by what `found` returns.
"""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError, KernelFailed, SshUnreachable
from jupyter_awsgpu.remote.kernel_doors import Said
from jupyter_awsgpu.remote.kernel_wire import Outbox, frame, frames
from jupyter_awsgpu.remote.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.host.streams import Dialogue
    from jupyter_awsgpu.remote.kernel_doors import Doors

AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before each further attempt to reach the instance again; the last one repeats."""

SIGN_OF_LIFE_S = 10.0
"""How often the relay hears from here; after a minute of silence it takes us for away."""

SENT_WITHIN_S = 2.0

KILL = 9
"""SIGKILL on the instance, whatever this machine's own numbers are."""

KEEP_BYTES = 256 * 1024 * 1024
"""How much output of a kernel is kept on the instance while nobody listens."""

LOST = -1
"""The exit status of a kernel that is gone, nobody knows how."""

PROGRAM = tuple(
    f"{name}.py" for name in ("__init__", "kernel_door", "kernel_kept", "kernel_process", "kernel_relay", "kernel_runs")
)

NO_FRAME = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What reading raises where the other end does not keep to the frames: anybody may be there."""

_Frames = "Iterator[tuple[dict[str, Any], list[bytes]]]"


class RemoteKernel:
    """A kernel behind `doors`. `reach` makes a verified connection to its instance, whenever one is needed."""

    def __init__(self, name: str, reach: Callable[[], Host], doors: Doors) -> None:
        self._name = name
        self._reach = reach
        self._doors = doors
        self._outbox = Outbox()
        self._epoch = secrets.token_hex(8)
        self._last = 0
        self._kernel: dict[str, Any] | None = None
        self._host: Host | None = None
        self._dialogue: Dialogue | None = None
        self._owed = False
        self._resting = False
        self._left = threading.Event()
        self._ended = threading.Event()
        self._said = threading.Lock()
        self.status: int | None = None

    def start(
        self, key: str, *, environment: str = "", lease_s: float | None = None, keep_bytes: int = KEEP_BYTES
    ) -> None:
        """Start the kernel with this message key and wait until it answers.

        `environment` is the name of a kernel spec on the instance, its own Python where empty. A kernel
        that has no work and no connection for `lease_s` ends (0: never; None: as its machine stops when
        idle). What it says while nobody listens is kept up to `keep_bytes`. Raises `KernelFailed` with
        its last words, and the errors of the way in.
        """
        self._enter(key)
        self._doors.forget()
        program = {name: _text(name) for name in PROGRAM}
        request = {"key": key, "environment": environment, "lease_s": lease_s, "keep_bytes": keep_bytes}
        came = self._connect(request, json.dumps(program).encode())
        self._in_background(came)

    def resume(self, key: str, kernel: dict[str, Any]) -> None:
        """Be the kernel that `found` described to an earlier process; the way to it is opened in the background."""
        self._kernel = kernel
        self._enter(key)
        self._doors.anew = True
        self._in_background(None)

    def signal(self, number: int) -> None:
        """Send a signal; it is kept until the instance is reached.

        One that ends the kernel is waited for a moment: the caller may be about to end itself.
        """
        self._outbox.put({"signal": number})
        if number in (signal.SIGTERM, KILL):
            self._owed = True
            self._doors.dismiss()
            self._wait_until_sent()
        if number == KILL and self._dialogue is None:
            self.ended(-KILL)  # as far as this machine is concerned; the rest is owed

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit status, or None while the kernel runs, for all that is known."""
        self._ended.wait(timeout_s)
        return self.status

    def leave(self) -> None:
        """Let go of the connection. A kernel that runs goes on; what is to end it still arrives."""
        if self._outbox.empty() or not (self._owed or self._ended.is_set()):
            self._left.set()
            self._drop()

    def rest(self) -> None:
        """Let go of the connection for a later process, which gets what is not handed on yet, and nothing twice."""
        self._resting = True  # what the server says while it ends is not for a kernel that goes on
        self._doors.freeze()
        self._outbox.put({"rest": True})  # what was acknowledged before it has arrived with it
        self._wait_until_sent()
        self._left.set()
        self._drop()

    def _wait_until_sent(self) -> None:
        deadline = time.monotonic() + SENT_WITHIN_S
        while self._dialogue is not None and not self._outbox.empty() and time.monotonic() < deadline:
            time.sleep(0.005)

    @property
    def host(self) -> Host | None:
        """The connection in use, if one stands."""
        return self._host

    @property
    def found(self) -> dict[str, Any] | None:
        """How a later process finds the kernel again, once it runs; no secret."""
        return self._kernel

    # ── what the doors ask ──

    def hand_over(self, channel: str, parts: list[bytes]) -> None:
        """Have a message reach the kernel, once, whenever there is a way; a server that rests has none to send."""
        if not self._resting:
            self._outbox.put({"c": channel}, parts)

    def handed_on(self, numbers: list[int]) -> None:
        """Let the relay forget what has been given to its clients."""
        self._outbox.say({"ack": numbers})

    def recall(self, question: str, asking: str) -> None:
        """Ask, for one page, what other pages' cells said that nobody has saved; a break loses the question."""
        self._outbox.say({"recall": question, "by": asking})

    def saved(self, causes: list[str]) -> None:
        """Have the relay know which requests' output is in a notebook's file."""
        self._outbox.put({"saved": causes})

    def ended(self, status: int) -> None:
        """Take note of the kernel's end."""
        if self.status is None:
            self.status = status
            self._outbox.put({"rest": True})  # with its receipt the relay knows that nothing is left to tell
            self._ended.set()

    # ── the way ──

    def _enter(self, key: str) -> None:
        self._doors.key = key.encode()
        self._doors.kernel = self

    def _in_background(self, came: Iterator[tuple[dict[str, Any], list[bytes]]] | None) -> None:
        threading.Thread(target=self._mind, args=(came,), name="kernel-minder", daemon=True).start()

    def _connect(self, request: dict[str, Any], program: bytes = b"") -> Iterator[tuple[dict[str, Any], list[bytes]]]:
        """Open a way to the kernel's relay; return what comes over it from now on."""
        host = self._reach()
        try:
            dialogue = host.talk(["python3", "-c", _text("remote_kernel.py")])
            dialogue.send(frame({**request, "size": len(program)} if program else request) + program)
            hello = {"epoch": self._epoch, "last": self._last}
            dialogue.send(frame({"hello": hello}))
            came = frames(dialogue.receive)
            answer, _ = next(came, ({}, []))
        except (OSError, ValueError) as exc:
            host.close()
            raise KernelFailed(name=self._name, why=f"the connection broke ({exc})") from exc
        if "hello" not in answer:
            why = clean(answer.get("refused"), 300) or dialogue.last_words() or "it said nothing"
            host.close()
            raise _Refused(name=self._name, why=why) if "refused" in answer else KernelFailed(name=self._name, why=why)
        try:
            self._greeted(host, dialogue, answer["hello"])
        except NO_FRAME as exc:
            host.close()
            raise KernelFailed(name=self._name, why="what answers is not our program") from exc
        return came

    def _greeted(self, host: Host, dialogue: Dialogue, hello: dict[str, Any]) -> None:
        self._kernel = hello["kernel"]
        self._outbox.again(hello["got"])
        with self._said:
            if self._left.is_set():  # let go of while this way was being opened
                host.close()
                return
            self._host, self._dialogue = host, dialogue
        self._doors.attached(hello["info"], hello["running"])
        threading.Thread(target=self._send, args=(dialogue,), name="kernel-sender", daemon=True).start()

    def _send(self, dialogue: Dialogue) -> None:
        """Send what is put into the outbox while this is the way (in a thread)."""
        while self._dialogue is dialogue:
            data = self._outbox.take(SIGN_OF_LIFE_S)
            try:
                dialogue.send(data or frame({"alive": 1}))
            except OSError:
                return

    def _mind(self, came: Iterator[tuple[dict[str, Any], list[bytes]]] | None) -> None:
        """Hear the kernel until its end; when the connection breaks first, attach again (in a thread)."""
        while True:
            if came is not None:
                with suppress(OSError, *NO_FRAME):
                    for about, parts in came:
                        self._take(about, parts)
                self._drop()
            if self._left.is_set() or (self._ended.is_set() and (self._outbox.empty() or not self._owed)):
                return
            came = self._attach()
            if came is None:
                self.ended(LOST)
                return

    def _take(self, about: dict[str, Any], parts: list[bytes]) -> None:
        if "got" in about:
            self._outbox.acknowledged(about["got"])
            if self._ended.is_set() and self._outbox.empty():
                self._left.set()
                self._drop()
        elif "again" in about:
            self._doors.recalled(about["again"], about["cell"], about.get("number", 0), parts)
        elif "recalled" in about:
            self._doors.recalled(about["recalled"], None, 0, [])
        elif about.get("n", 0) > self._last:
            self._last = about["n"]
            exit_ = "exit" in about
            said = [str(about["exit"]).encode()] if exit_ else parts
            self._doors.deliver(Said(self._last, "exit" if exit_ else about["c"], said, bool(about.get("late"))))

    def _attach(self) -> Iterator[tuple[dict[str, Any], list[bytes]]] | None:
        attempt = 0
        while not self._left.wait(AGAIN_S[min(attempt, len(AGAIN_S) - 1)] if attempt else 0.0):
            attempt += 1
            try:
                return self._connect({"folder": (self._kernel or {}).get("folder", "")})
            except _Refused:  # the relay is gone, and with it the kernel
                return None
            except (SshUnreachable, KernelFailed):
                continue
            except AwsGpuError:  # InstanceGone, WrongState; a wrong host key: trying again would not mend it
                return None
        return None

    def _drop(self) -> None:
        with self._said:
            host, self._host, self._dialogue = self._host, None, None
        if host is not None:
            self._outbox.wake()
            host.close()


class _Refused(KernelFailed):
    """The instance answered, and there is no such kernel or it did not start."""


def _text(name: str) -> str:
    return files("jupyter_awsgpu.guest").joinpath(name).read_text(encoding="utf-8")
