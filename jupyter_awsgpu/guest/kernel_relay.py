"""Beside a kernel on another machine: it goes on, and what it says is kept, while nobody can hear it.

The relay starts the kernel, holds its channels as a client on the same machine, and numbers what comes
from them. What the laptop has not acknowledged is kept in a file, up to a bound; when a connection
comes back, it is sent in order. It runs in the kernel's own Python, which has pyzmq, and travels there
with its neighbours. The messages are the kernel's, signed by it, and are passed on as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time

import zmq

from .kernel_door import Door, write
from .kernel_kept import Kept
from .kernel_process import DELIMITER, Kernel
from .kernel_runs import Run, Runs

WORK = ("execute_request", "comm_open", "comm_msg", "comm_close")
OUTPUT = ("stream", "display_data", "update_display_data", "execute_result", "comm_msg", "clear_output")
KEEP_BYTES = 256 * 1024 * 1024
AHEAD = 1024 * 1024  # bytes that wait for the line beside the file
READY_WITHIN_S = 120.0
TICK_MS = 200
GRACE_S = 5.0  # between asking a kernel to end and ending it
AFTER_END_S = 600.0  # how long the news of a kernel's end is kept at least
CUT = "\n[awsgpu: %d messages (%.1f MB) are missing here: beyond %.0f MB nothing is kept for a notebook that is away]\n"


class Relay:
    """The kernel's keeper. One thread; everything happens in `turn`."""

    def __init__(self, folder: str, request: dict) -> None:
        self.folder = folder
        self.limit = int(request.get("keep_bytes") or KEEP_BYTES)
        self.lease_s = request.get("lease_s")
        self.kept = Kept(os.path.join(folder, "kept"))
        self.runs = Runs(self.kept)
        self.working: dict = {}  # message id -> header, while the kernel is at it
        self.cut: dict = {}  # message id -> [header, messages, bytes] that were not kept
        self.waiting = False  # for its user
        self.info: dict = {}
        self.heard_iopub = self.ready = False
        self.epoch, self.got, self.hello = "", 0, None
        self.away_since = self.idle_since = self.born_at = time.monotonic()
        self.told = None  # type: ignore[var-annotated]
        self.since = time.time()
        self.status = None  # type: ignore[var-annotated]
        self.refused = ""
        self.ended_at = self.asked_to_end_at = 0.0
        self.dismissed = False  # by the laptop, which need not be told
        self.kernel = Kernel(folder, request["argv"])
        self.poller = zmq.Poller()
        for channel in self.kernel.channels.values():
            self.poller.register(channel, zmq.POLLIN)
        self.door = Door(folder, bool(request.get("unix")), self.poller)

    # ── what the kernel says ──

    def hear(self, channel: str, parts: list) -> None:
        """Keep a message of the kernel's, and learn from it what the kernel does."""
        at = parts.index(DELIMITER)
        header, parent = json.loads(parts[at + 2]), json.loads(parts[at + 3])
        kind, cause = header.get("msg_type", ""), parent.get("msg_id", "")
        if parent.get("session") == self.kernel.session:
            self.heard_iopub = self.heard_iopub or channel == "iopub"
            if kind == "kernel_info_reply":
                self.info = json.loads(parts[at + 5])
            return
        if kind == "status":
            self._follow(json.loads(parts[at + 5])["execution_state"], cause, parent)
        if kind == "input_request":
            self.waiting = True
        if channel == "iopub" and self._too_much(kind, cause, parts, at):
            return
        if cause in self.cut and kind == "status" and cause not in self.working:
            self.mark(cause)
        self.keep(channel, parts, cause, kind in OUTPUT)
        if kind == "execute_reply":
            self.runs.done(cause)

    def _follow(self, state: str, cause: str, parent: dict) -> None:
        if state == "busy" and parent.get("msg_type") in WORK:
            self.working[cause] = parent
        elif state == "idle" and self.working.pop(cause, None) and not self.working:
            self.idle_since = time.monotonic()

    def _too_much(self, kind: str, cause: str, parts: list, at: int) -> bool:
        size = sum(len(part) for part in parts)
        over = self.kept.bytes + size - self.limit // 2
        if over > 0:
            self.runs.make_room(over + self.limit // 8)  # not for each message anew
        if kind not in OUTPUT or self.kept.bytes + size <= self.limit:
            return False
        counted = self.cut.setdefault(cause, [parts[at + 3], 0, 0])
        counted[1] += 1
        counted[2] += size
        return True

    def mark(self, cause: str) -> None:
        """Say, where they are missing, how many messages were not kept."""
        parent, count, size = self.cut.pop(cause)
        self.keep("iopub", self._mark(parent, count, size), cause, True)

    def _mark(self, parent: bytes, count: int, size: int) -> list:
        content = {"name": "stderr", "text": CUT % (count, size / 1e6, self.limit / 1e6)}
        return [b"stream.stderr", *self.kernel.message("stream", parent, content)]

    def _waits(self, parent: bytes) -> list:
        """Say whose cell a run will be that has said nothing yet: a page can then follow it."""
        return [b"status", *self.kernel.message("status", parent, {"execution_state": "busy"})]

    def keep(self, channel: str, parts: list, cause: str, output: bool) -> None:
        """Give a message its number, for the laptop."""
        self.runs.add(cause, self.kept.add({"c": channel}, parts, cause), output)

    # ── what the laptop says ──

    def obey(self, about: dict, parts: list) -> None:
        """Do what one frame of the laptop asks."""
        if "hello" in about:
            self.hello = about["hello"]
        elif "ack" in about:
            for number in about["ack"]:
                self.runs.arrived(number)
        elif "recall" in about:
            self._recall(about["recall"], about["by"])
        elif about.get("n", 0) > self.got:
            self.got = about["n"]
            if "signal" in about:
                self.dismissed = self.dismissed or about["signal"] in (signal.SIGTERM, signal.SIGKILL)
                self.signal(about["signal"])
            elif "saved" in about:
                self.runs.saved(about["saved"])
            elif "c" in about:
                self._forward(about["c"], parts)
            self.say({"got": self.got})

    def _greet(self) -> None:
        """Answer a new connection, once there is something to say about the kernel."""
        hello, self.hello, link = self.hello, None, self.door.link
        fresh = hello["epoch"] != self.epoch
        if fresh:
            self.epoch, self.got = hello["epoch"], 0
        running = list(self.working.values())
        kernel = {"folder": self.folder, "pid": self.kernel.pid, "connection": self.kernel.connection}
        said = {"kernel": kernel, "info": self.info, "running": running[-1] if running else None, "got": self.got}
        self.say({"refused": self.refused} if self.refused else {"hello": said})
        for cause in list(self.cut):
            self.mark(cause)
        link.next = 1 if fresh else hello["last"] + 1
        link.backlog = self.kept.last
        link.greeted = True

    def signal(self, number: int) -> None:
        """Signal the kernel; one that was asked to end and does not is ended."""
        if number in (signal.SIGTERM, signal.SIGKILL) and not self.asked_to_end_at:
            self.asked_to_end_at = time.monotonic()
        self.waiting = False
        self.kernel.signal(number)

    def _forward(self, channel: str, parts: list) -> None:
        at = parts.index(DELIMITER)
        header = json.loads(parts[at + 2])
        if header.get("msg_type") == "execute_request":
            cell = json.loads(parts[at + 4]).get("cellId") or ""
            self.runs.begin(header["msg_id"], Run(cell, header.get("session", ""), parts[at + 2]))
        if header.get("msg_type") == "input_reply":
            self.waiting = False
        self.kernel.send(channel, parts)

    def _recall(self, question: str, asking: str) -> None:
        """Send a page again, from the beginning, what other pages' cells said and nobody has saved."""
        for run, one in self.runs.told(asking):
            about = {"again": question, "cell": run.cell}
            if one is None and run.lost[0]:
                self.say(about, self._mark(run.header, *run.lost[:2]))
            elif one is None:
                self.say(about, self._waits(run.header))
            elif one.about["c"] == "iopub":
                self.say(dict(about, number=one.about["n"]), self.kept.parts(one))
        self.say({"recalled": question})

    def say(self, about: dict, parts: list = ()) -> None:  # type: ignore[assignment]
        """Send something that is not kept."""
        if self.door.link is not None:
            self.door.link.say(about, parts)

    # ── time ──

    def serve(self) -> None:
        """Keep the kernel until it has ended and the laptop knows."""
        asked_at = 0.0
        while not (self.ready or self.refused):
            self.turn()
            now = time.monotonic()
            self.ready = bool(self.info) and self.heard_iopub
            if not self.ready and (self.status is not None or now > self.born_at + READY_WITHIN_S):
                self.refused = self.kernel.last_words()
            elif now > asked_at + TICK_MS / 1000:
                asked_at = now
                self.kernel.ask()
        last = time.monotonic() + GRACE_S
        while not (self.refused and (self.told_refusal() or time.monotonic() > last)) and not self.over():
            self.turn()

    def told_refusal(self) -> bool:
        """Whether the laptop has heard why the kernel did not start."""
        link = self.door.link
        return link is not None and link.greeted and not link.going

    def over(self) -> bool:
        """Whether the kernel has ended and nobody needs to be told any more."""
        if self.status is None or self.refused:
            return False
        told = all(one.acked for one in self.kept.messages.values() if "exit" in one.about)
        late = time.monotonic() > self.ended_at + (GRACE_S if self.dismissed else max(self.lease_s or 0, AFTER_END_S))
        return told or (self.door.link is None and late)

    def turn(self) -> None:
        """Wait for something, and do what follows."""
        ready = dict(self.poller.poll(TICK_MS))
        for name, channel in self.kernel.channels.items():
            if channel in ready:
                self._drain(name, channel)
        linked = self.door.link
        for guest, about, parts in self.door.turn(ready):
            if guest is self.door.link:
                self.obey(about, parts)
        if linked is not None and self.door.link is None:
            self.away_since = time.monotonic()
        self._watch()
        if self.hello is not None and self.door.link is not None and (self.ready or self.refused):
            self._greet()
        self._pump()
        self._tell()

    def _drain(self, name: str, channel) -> None:  # noqa: ANN001 - zmq's own
        with contextlib.suppress(zmq.Again):
            for _ in range(200):
                self.hear(name, channel.recv_multipart(zmq.NOBLOCK))

    def _watch(self) -> None:
        """See whether the kernel lives, and whether its lease is over."""
        now = time.monotonic()
        if self.status is not None:
            return
        if self.kernel.status() is not None:
            time.sleep(0.1)  # its last words
            for name, channel in self.kernel.channels.items():
                self._drain(name, channel)
            self.kernel.kill()
            self.status, self.ended_at = self.kernel.status(), now
            self.working.clear()
            self.kept.add({"exit": self.status}, [], "")
        elif self.asked_to_end_at:
            if now > self.asked_to_end_at + GRACE_S:
                self.kernel.kill()
        elif self.lease_s and self.door.link is None and not self.working and now > self.lease_s + self._quiet_since():
            self.signal(signal.SIGTERM)

    def _quiet_since(self) -> float:
        return max(self.away_since, self.idle_since)

    def _pump(self) -> None:
        link = self.door.link
        while link is not None and link.greeted and len(link.going) < AHEAD and link.next <= self.kept.last:
            one = self.kept.messages.get(link.next)
            if one is not None and not one.acked:
                about = dict(one.about, late=1) if link.next <= link.backlog else one.about
                link.say(about, self.kept.parts(one))
            link.next += 1
        self.door.flush()

    def _tell(self) -> None:
        """Keep status.json true: who judges whether this machine is idle reads it."""
        state = "busy" if self.working and not self.waiting else "idle"
        told = (state, self.waiting, self.door.link is not None)
        if told == self.told:
            return
        if self.told is None or self.told[0] != state:
            self.since = time.time()
        self.told = told
        document = {"execution_state": state, "since": self.since, "waiting": self.waiting, "attached": told[2]}
        document.update(pid=self.kernel.pid, relay=os.getpid())
        write(os.path.join(self.folder, "status.json"), document)


def main(folder: str) -> int:
    """Keep one kernel."""
    with open(os.path.join(folder, "relay.json")) as stream:
        request = json.load(stream)
    os.unlink(os.path.join(folder, "relay.json"))
    relay = Relay(folder, request)
    try:
        relay.serve()
    finally:
        relay.kernel.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return 0
