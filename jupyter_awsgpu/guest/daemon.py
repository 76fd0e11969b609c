"""The supervisor's daemon: one process that keeps what is wanted running."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import time

from . import accounts, paths, processes
from .supervisor import running_file, wanted_file

TICK_S = 0.5
STEADY_AFTER_S = 30.0
LONGEST_PAUSE_S = 30.0
STOP_WITHIN_S = 10.0


def supervise() -> int:
    """Be the daemon, unless another one is: until SIGTERM, which also ends what it started."""
    os.makedirs(paths.run(), exist_ok=True)
    with open(paths.run("supervisor.lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        paths.write_json(paths.run("supervisor.json"), processes.mark(os.getpid()))
        _Daemon().live()
    return 0


class _Daemon:
    """The loop: read what is wanted, compare with what runs, act."""

    def __init__(self) -> None:
        self.ending = False
        self.kept: dict = {}
        self.wake, writer = os.pipe()
        for end in (self.wake, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._end)
        for number in (signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def _end(self, *_: object) -> None:
        self.ending = True

    def live(self) -> None:
        """Go round until told to end; any signal (an order, a child's death) starts a round at once."""
        while not self.ending:
            for name in _names():
                spec = paths.read_json(wanted_file(name), {})
                if spec:
                    self.kept.setdefault(name, _Kept(name)).tend(spec)
            if select.select([self.wake], [], [], TICK_S)[0]:
                os.read(self.wake, 512)
        for kept in self.kept.values():
            kept.end()


def _names() -> list:
    try:
        found = os.listdir(paths.state("services"))
    except OSError:
        return []
    return sorted(name[: -len(".json")] for name in found if name.endswith(".json"))


class _Kept:
    """One service under the daemon's eyes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.child: "subprocess.Popen | None" = None
        self.record: dict = paths.read_json(running_file(name), {})  # what an earlier daemon started
        self.turn = self.record.get("turn")
        self.status: "int | None" = None
        self.pause = 0.0
        self.not_before = 0.0
        self.since = 0.0

    def tend(self, spec: dict) -> None:
        """Bring what runs in line with what is wanted; what somebody asks for waits for no pause after quick deaths."""
        running = self._running()
        if running and (not spec["up"] or spec["turn"] != self.turn):
            self.end()
            running = False
        if not spec["up"]:
            self.since = 0.0
        asked = spec["turn"] != self.turn
        if not spec["up"] or running or (time.monotonic() < self.not_before and not asked):
            return
        if asked or self._comes_back(spec):
            self._start(spec)

    def _running(self) -> bool:
        if self.child is None:
            return processes.alive(self.record)
        status = self.child.poll()
        if status is None:
            return True
        self.child, self.status = None, status
        self._rest()
        return False

    def _rest(self) -> None:
        """Wait a little longer after each quick death."""
        lived = time.monotonic() - self.since
        self.pause = 1.0 if lived > STEADY_AFTER_S else min(LONGEST_PAUSE_S, max(1.0, self.pause * 2))
        self.not_before = time.monotonic() + self.pause

    def _comes_back(self, spec: dict) -> bool:
        """Whether it is to run (again) though nobody just asked."""
        if spec["every"] or spec["restart"] == "always" or self.since == 0:
            return True
        return self.status is not None and self.status < 0

    def _start(self, spec: dict) -> None:
        if self.turn is None and spec["every"]:
            self.turn, self.since = spec["turn"], time.monotonic()
            self.not_before = time.monotonic() + spec["every"]
            return
        path = paths.log(self.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        cwd = spec["cwd"] if os.path.isdir(spec["cwd"]) else "/"
        with open(path, "ab") as log:
            try:
                self.child = subprocess.Popen(
                    spec["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=accounts.environment(spec["user"], **spec["env"]),
                    preexec_fn=accounts.becoming(spec["user"]),
                    start_new_session=True,
                    cwd=cwd,
                )
            except OSError as exc:
                log.write(("%s: %s\n" % (self.name, exc)).encode())
                self.turn, self.since = spec["turn"], 0.0  # tried again, but not at every tick
                self._rest()
                return
        self.turn, self.since = spec["turn"], time.monotonic()
        self.not_before = self.since + (spec["every"] or 0)
        self.record = dict(processes.mark(self.child.pid), turn=self.turn)
        paths.write_json(running_file(self.name), self.record)

    def end(self) -> None:
        """Ask it to end, then insist, with everything it started."""
        pid = self.record.get("pid", 0)
        for number, seconds in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, 2.0)):
            deadline = time.monotonic() + seconds
            if not self._running():
                break
            _signal_group(pid, number)
            while self._running() and time.monotonic() < deadline:
                time.sleep(0.05)
        _signal_group(pid, signal.SIGKILL)
        self.not_before = 0.0
        self.record = {}
        paths.remove(running_file(self.name))


def _signal_group(pid: int, number: int) -> None:
    if pid:
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            return
