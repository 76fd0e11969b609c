"""The process of the simulated AWS: one HTTP endpoint on loopback, its hosts, its end.

It survives its launcher, ignores SIGHUP, and takes its hosts with it when told to go.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import shutil
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil

from jupyter_awsgpu.demo.client import RECORD, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug.serving import BaseWSGIServer

    from jupyter_awsgpu.demo.aws.world import Fleet, World

log = logging.getLogger(__name__)


def serve(state_dir: Path, fleet: Fleet) -> int:
    """Run until told to end, with `fleet` standing for the instances; return the exit status."""
    from jupyter_awsgpu.demo.aws.app import build
    from jupyter_awsgpu.demo.aws.machines import machines
    from jupyter_awsgpu.demo.aws.world import World

    ended = threading.Event()
    world = World(
        state_dir=state_dir,
        fleet=fleet,
        access_key_id="AKIADEMO" + secrets.token_hex(6).upper(),
        secret_access_key="SIMULATED/" + secrets.token_urlsafe(24),
    )
    _heed_signals(ended)
    server = _listen(build(world, ended.set))
    machines(world)
    threading.Thread(target=server.serve_forever, name="endpoint", daemon=True).start()
    _announce(world, server.port)
    ended.wait()
    _go(world, server)
    return 0


def choose_fleet(*, hosts: bool = True) -> Fleet:
    """Return the demo's own hosts, or with `hosts` False a fleet that boots nothing."""
    if not hosts:
        from jupyter_awsgpu.demo.aws.no_hosts import NoHosts

        return NoHosts()
    from jupyter_awsgpu.demo.hosts import HostFleet

    return HostFleet()


def _listen(application: Any) -> BaseWSGIServer:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        """Answer at once, and leave the call log to the gate."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Leave it to the gate's log of calls."""

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002, ARG002 - werkzeug's names
            log.info(message, *args)

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    return server


def _announce(world: World, port: int) -> None:
    record = {
        "schema": 1,
        "endpoint": f"http://127.0.0.1:{port}",
        "access_key_id": world.access_key_id,
        "secret_access_key": world.secret_access_key,
        "pid": os.getpid(),
        "pid_started": psutil.Process().create_time(),
    }
    write_private(world.state_dir / RECORD, json.dumps(record))
    log.info("SIMULATED AWS at %s", record["endpoint"])


def _go(world: World, server: BaseWSGIServer) -> None:
    """Take the record away, then the hosts, then the endpoint."""
    from jupyter_awsgpu.demo.aws.machines import machines

    (world.state_dir / RECORD).unlink(missing_ok=True)
    world.timetable.clear()
    try:
        world.fleet.close()  # ends all hosts at once
        machines(world).clear()  # and their disks, one after the other
    except Exception:
        log.exception("Not every host ended cleanly")  # the process must end all the same
    server.server_close()  # its threads are daemons and end with the process


def _heed_signals(ended: threading.Event) -> None:
    def end(_number: int, _frame: object) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the terminal it was started from may close


def prepare(state_dir: Path) -> None:
    """Make the folder private, drop what a killed predecessor left there, and set up the log."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in ("hosts", "images"):
        shutil.rmtree(state_dir / left, ignore_errors=True)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.Formatter.converter = time.gmtime
