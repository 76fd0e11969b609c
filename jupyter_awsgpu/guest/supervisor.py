"""Services without systemd: one small daemon that starts, watches, restarts and times them.

What is wanted lies in /var/lib/awsgpu/services/NAME.json (it outlives a reboot), what runs in
/run/awsgpu/services/NAME.json. A command writes what is wanted and wakes the daemon by SIGHUP; a
daemon that was killed is started again by the next command, and takes over what still runs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from . import accounts, paths, processes

STOP_WITHIN_S = 12.0


class Supervisor:
    """The backend for a host without systemd: the same words as `Systemd`."""

    starts_at_early_boot = True

    def install_boot(self, argv: list) -> None:
        """Nothing: whoever starts this host calls the guest itself."""

    def install(self, service) -> bool:  # noqa: ANN001 - services.Service
        """Record what is wanted, without starting it; return whether it changed."""
        path = wanted_file(service.name)
        before = paths.read_json(path, {})
        spec = dict(service._asdict(), up=before.get("up", False), turn=before.get("turn", 0))
        if spec == before:
            return False
        paths.write_json(path, spec, 0o600)
        return True

    def start(self, name: str) -> None:
        """Start it if it does not run."""
        self._order(name, up=True)

    def restart(self, name: str) -> None:
        """Stop it if it runs and start it."""
        self._order(name, up=True, again=True)

    def stop(self, name: str) -> None:
        """Stop it and keep it from coming back; returns when it has ended."""
        if paths.read_json(wanted_file(name), {}):
            self._order(name, up=False)
            deadline = time.monotonic() + STOP_WITHIN_S
            while self.pid(name) and time.monotonic() < deadline:
                time.sleep(0.05)

    def remove(self, name: str) -> None:
        """Stop it and keep nothing of it."""
        self.stop(name)
        paths.remove(wanted_file(name))

    def running(self, name: str) -> bool:
        """Whether it runs (for a timed one: whether it is being timed)."""
        spec = paths.read_json(wanted_file(name), {})
        if spec.get("every"):
            return bool(spec.get("up")) and daemon_pid() != 0
        return self.pid(name) != 0

    def pid(self, name: str) -> int:
        """Return the main process, or 0."""
        record = paths.read_json(running_file(name), {})
        return record["pid"] if processes.alive(record) else 0

    def _order(self, name: str, *, up: bool, again: bool = False) -> None:
        spec = paths.read_json(wanted_file(name), {})
        if not spec:
            return
        ended = spec["up"] and spec["restart"] == "abnormal" and not self.pid(name)
        paths.write_json(wanted_file(name), dict(spec, up=up, turn=spec["turn"] + (again or (up and ended))), 0o600)
        pid = daemon_pid()
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)
        elif up:
            start_daemon()


def wanted_file(name: str) -> str:
    """Return where it is said what is wanted of a service."""
    return paths.state("services", name + ".json")


def running_file(name: str) -> str:
    """Return where it is said what runs of a service."""
    return paths.run("services", name + ".json")


def daemon_pid() -> int:
    """Return the daemon's process, or 0."""
    record = paths.read_json(paths.run("supervisor.json"), {})
    return record["pid"] if processes.alive(record) else 0


def start_daemon() -> None:
    """Start the daemon on its own: it outlives the command that needed it."""
    os.makedirs(paths.run(), exist_ok=True)
    os.makedirs(os.path.dirname(paths.log("supervisor")), exist_ok=True)
    with open(paths.log("supervisor"), "ab") as log:
        subprocess.Popen(
            ["/bin/sh", "-c", '"$@" & exit 0', "sh", sys.executable, "-sE", paths.program("main.py"), "supervise"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=accounts.environment(None),
            cwd="/",
            start_new_session=True,
        ).wait()
