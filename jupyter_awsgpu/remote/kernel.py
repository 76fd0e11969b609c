"""One kernel on an instance, as a process is held: started, signalled, waited for.

The connection may break; the kernel goes on, and is attached to again. What it printed meanwhile is
lost: nothing on the instance keeps it yet.
"""

from __future__ import annotations

import json
import signal
import threading
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import AwsGpuError, InstanceGone, KernelFailed, SshUnreachable, WrongState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jupyter_awsgpu.host import Host
    from jupyter_awsgpu.host.streams import Dialogue
    from jupyter_awsgpu.remote.kernel_doors import Doors

AGAIN_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before each further attempt to reach the instance again; the last one repeats."""

KILL = 9
"""SIGKILL on the instance, whatever this machine's own numbers are."""

LOST = -1
"""The exit status of a kernel whose own nobody was there to read."""


class RemoteKernel:
    """A kernel behind `doors`. `reach` makes a verified connection to its instance, whenever one is needed."""

    def __init__(self, name: str, reach: Callable[[], Host], doors: Doors) -> None:
        self._name = name
        self._reach = reach
        self._doors = doors
        self._kernel: dict[str, Any] | None = None
        self._host: Host | None = None
        self._dialogue: Dialogue | None = None
        self._owed: int | None = None
        self._left = threading.Event()
        self._ended = threading.Event()
        self._said = threading.Lock()
        self.status: int | None = None

    def start(self, key: str) -> None:
        """Start the kernel with this message key and wait until it listens.

        Raises `KernelFailed` with its last words, and the errors of the way in.
        """
        lines = self._connect({"key": key})
        threading.Thread(target=self._mind, args=(lines,), name="kernel-minder", daemon=True).start()

    def signal(self, number: int) -> None:
        """Send a signal; one that ends the kernel is kept until the instance is reached again."""
        with self._said:
            try:
                if self._dialogue is None:
                    raise ConnectionError
                self._dialogue.say(str(number))
            except OSError:
                if number in (signal.SIGTERM, KILL):
                    self._owed = number
        if number == KILL and self._dialogue is None:
            self._end(-KILL)  # as far as this machine is concerned; the rest is owed

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit status, or None while the kernel runs, for all that is known."""
        self._ended.wait(timeout_s)
        return self.status

    def leave(self) -> None:
        """Let go of the connection. A kernel that runs goes on."""
        if self._owed is None:
            self._left.set()
        self._drop()

    @property
    def host(self) -> Host | None:
        """The connection in use, if one stands."""
        return self._host

    def _connect(self, request: dict[str, Any]) -> Iterator[str]:
        host = self._reach()
        try:
            program = files("jupyter_awsgpu.guest").joinpath("remote_kernel.py").read_text(encoding="utf-8")
            dialogue = host.talk(["python3", "-c", program])
            dialogue.say(json.dumps(request))
            lines = dialogue.lines()
            answer = json.loads(next(lines, "{}"))
        except (OSError, ValueError) as exc:
            host.close()
            raise KernelFailed(name=self._name, why=f"the connection broke ({exc})") from exc
        if "kernel" not in answer:
            why = answer.get("refused") or dialogue.last_words() or "it said nothing"
            host.close()
            raise KernelFailed(name=self._name, why=why)
        self._kernel = answer["kernel"]
        with self._said:
            self._host, self._dialogue = host, dialogue
        self._doors.lead(host, answer["kernel"]["connection"])
        return lines

    def _mind(self, lines: Iterator[str]) -> None:
        """Hear the kernel's end; when the connection breaks first, attach again (in a thread)."""
        while True:
            with suppress(OSError, ValueError):
                for line in lines:
                    document = json.loads(line)
                    if "exit" in document:
                        self._drop()
                        self._end(document["exit"])
                        return
            self._drop()
            again = self._attach()
            if again is None:
                self._end(LOST)
                return
            lines = again

    def _attach(self) -> Iterator[str] | None:
        attempt = 0
        while not self._left.wait(AGAIN_S[min(attempt, len(AGAIN_S) - 1)]):
            attempt += 1
            try:
                lines = self._connect({"kernel": self._kernel})
            except (SshUnreachable, KernelFailed):
                continue
            except (InstanceGone, WrongState):
                return None
            except AwsGpuError:  # a wrong host key, a key that is gone: trying again would not mend it
                return None
            if self._owed is not None:
                self.signal(self._owed)
            return lines
        return None

    def _end(self, status: int) -> None:
        if self.status is None:
            self.status = status
            self._ended.set()

    def _drop(self) -> None:
        with self._said:
            host, self._host, self._dialogue = self._host, None, None
        if host is not None:
            self._doors.shut()
            host.close()
