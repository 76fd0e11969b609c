"""`awsgpu` in a process of its own without the second that its imports take: forked from an interpreter that has them.

What runs is the command as typed: `main` of `__main__`, with its own arguments, environment, folder, stdin, stdout,
stderr and end. Tests whose subject is the start itself begin a new interpreter (`tests/behaviour/surfaces`).
Where processes cannot be forked, each command begins a new interpreter, too.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AWSGPU = "jupyter_awsgpu.__main__"
ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "boto3",
    "encodings.idna",
    "filelock",
    "httpx",
    "importlib.resources.readers",
    "logging.config",
    "paramiko",
    "traitlets.config",
    "jupyter_awsgpu.cloud.images",
    "jupyter_awsgpu.cloud.instances",
    "jupyter_awsgpu.cloud.keys",
    "jupyter_awsgpu.cloud.launching",
    "jupyter_awsgpu.cloud.leftovers",
    "jupyter_awsgpu.cloud.lifecycle",
    "jupyter_awsgpu.cloud.network",
    "jupyter_awsgpu.cloud.prices",
    "jupyter_awsgpu.cloud.quotas",
    "jupyter_awsgpu.cloud.request",
    "jupyter_awsgpu.cloud.storage",
    "jupyter_awsgpu.cloud.types",
    "jupyter_awsgpu.demo.client",
    "jupyter_awsgpu.host",
    "jupyter_awsgpu.records",
    "jupyter_awsgpu.surfaces.answers",
    "jupyter_awsgpu.surfaces.cli",
    "jupyter_awsgpu.surfaces.configuration",
    "jupyter_awsgpu.surfaces.display",
    "jupyter_awsgpu.surfaces.documents",
    "jupyter_awsgpu.surfaces.python",
    "jupyter_awsgpu.tunnel",
    "jupyter_awsgpu.verbs.arrival",
    "jupyter_awsgpu.verbs.cleanup",
    "jupyter_awsgpu.verbs.connect",
    "jupyter_awsgpu.verbs.cost",
    "jupyter_awsgpu.verbs.launch",
    "jupyter_awsgpu.verbs.ssh",
    "jupyter_awsgpu.verbs.start",
    "jupyter_awsgpu.verbs.status",
    "jupyter_awsgpu.verbs.stop",
    "jupyter_awsgpu.verbs.terminate",
    "jupyter_awsgpu.wiring",
)
"""What is imported before the forks; importing begins no thread and opens nothing."""

SERVICES = ("ec2", "sts", "service-quotas")
"""Whose models botocore has read before the forks: those that nearly every verb asks."""

LONGEST_REQUEST = 1 << 17
END_S = 20.0
ALL: WeakSet[Interpreter] = WeakSet()


def close_all() -> None:
    """Let every warm interpreter of this process end; one that is needed again begins anew."""
    for one in list(ALL):
        one.close()


class Interpreter:
    """One warm interpreter with the `jupyter_awsgpu` of a folder, begun when first needed."""

    def __init__(self, code: Path = ROOT) -> None:
        self._code = code
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        ALL.add(self)

    def run(
        self, words: Sequence[str], *, environment: Mapping[str, str], timeout_s: float, module: str = AWSGPU
    ) -> subprocess.CompletedProcess[str]:
        """Run a module's `main`, `awsgpu` itself if none is named, with these words; its stdin is empty."""
        command, folder = ["awsgpu", *words], str(Path.cwd())
        if not hasattr(os, "fork"):
            return self._anew(["-m", module, *words], environment, timeout_s)
        request = {"words": command, "environment": dict(environment), "folder": folder, "module": module}
        pipes = [os.pipe() for _ in range(3)]
        try:
            with self._lock:
                socket.send_fds(self._opened(), [json.dumps(request).encode()], [end for _, end in pipes])
        finally:
            for _, end in pipes:
                os.close(end)
        out, err, status = _read_all([begin for begin, _ in pipes], timeout_s, command)
        return subprocess.CompletedProcess(command, int(status), out.decode(), err.decode())

    def close(self) -> None:
        """Let it end, and see it end."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait(timeout=END_S)
            self._line = self._process = None

    def _anew(
        self, words: list[str], environment: Mapping[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            env={**environment, **self._path()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
            check=False,
        )

    def _path(self) -> dict[str, str]:
        return {"PYTHONPATH": os.pathsep.join([str(self._code), str(ROOT)])}

    def _opened(self) -> socket.socket:
        if self._line is None:
            self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LONGEST_REQUEST)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.warm", str(theirs.fileno())],
                    cwd=self._code,
                    env={**os.environ, **self._path()},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )
        return self._line


def _read_all(ends: list[int], timeout_s: float, command: list[str]) -> list[bytes]:
    """Read all pipes to their ends."""
    found = dict.fromkeys(ends, b"")
    left = set(ends)
    try:
        while left:
            ready, _, _ = select.select(list(left), [], [], timeout_s)
            if not ready:
                raise subprocess.TimeoutExpired(command, timeout_s, b"".join(found.values()))
            for end in ready:
                part = os.read(end, 1 << 16)
                found[end] += part
                if not part:
                    left.discard(end)
    finally:
        for end in ends:
            os.close(end)
    return [found[end] for end in ends]


# ── the warm interpreter itself ──────────────────────────────────────────────────────────────


def serve(number: int) -> str:
    """Fork for every request and tell each one's end; return, in a child, the module it is to be."""
    line = socket.socket(fileno=number)
    woken, wake = socket.socketpair()
    for one in (woken, wake):
        one.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end us
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([line, woken], [], [])
        if woken in ready:
            woken.recv(1 << 12)
        _tell_ended(running)
        if line not in ready:
            continue
        request, ends, _, _ = socket.recv_fds(line, LONGEST_REQUEST, 3)
        if not request:
            os._exit(0)
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            for one in (line, woken, wake):
                one.close()
            asked = json.loads(request)
            _become(asked, ends, list(running.values()))
            return str(asked["module"])
        running[child] = ends[2]
        for end in ends[:2]:
            os.close(end)


def _tell_ended(running: dict[int, int]) -> None:
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if child == 0:
            return
        end = running.pop(child)
        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(end)


def _become(request: dict[str, Any], ends: list[int], others: list[int]) -> None:
    """Be the command: its words, environment, folder and streams."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, end in enumerate(ends[:2], start=1):
        os.dup2(end, number)
    for end in (*ends, *others):
        os.close(end)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = request["words"]


def main() -> None:
    """Import the rooms, then fork; each child goes on here as the module it is to be."""
    for room in ROOMS:
        import_module(room)
    _read_ahead()
    gc.freeze()  # what is imported stays shared
    module = serve(int(sys.argv[1]))
    status: object = 1
    try:
        import_module(module).main()
        status = 0
    except SystemExit as exc:
        status = exc.code
    except BaseException:
        traceback.print_exc()
    _end(status)


def _read_ahead() -> None:
    """Read and pack once what each command would anew: 4 MB of botocore's JSON, and the guest's first part."""
    import boto3
    from botocore.loaders import JSONFileLoader

    from jupyter_awsgpu.remote.packed import packed_first

    read = functools.cache(JSONFileLoader().load_file)
    JSONFileLoader.load_file = lambda _self, path: read(path)  # type: ignore[method-assign, assignment]
    make: Any = boto3.Session("nobody", "nothing", region_name="us-west-2").client
    for service in SERVICES:
        make(service)
    packed_first()


def _end(status: object) -> NoReturn:
    """End as an interpreter does, threads first, but leave the taking apart of a thousand modules out."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status if isinstance(status, int) else int(bool(status)))


if __name__ == "__main__":
    main()
