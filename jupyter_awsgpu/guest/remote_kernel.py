"""A kernel for a notebook on another machine: started here, signalled from there, its end reported.

This text travels over SSH and is run by any Python from 3.8 on, so it imports nothing of ours. The
request and the kernel's key come as a line on stdin, signals as further lines; what happened goes out
as JSON lines on stdout. The kernel has a session of its own: when the connection breaks, this program
ends and the kernel goes on, and the next connection attaches to it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
PATH_LIMIT = 107  # bytes in the address of a unix socket on Linux
READY_WITHIN_S = 120.0
POLL_S = 0.1


class Refused(Exception):
    """The kernel could not be started; the text says why."""


def root(path: str) -> str:
    """Return a path of this system, or of the simulated one."""
    return os.path.join(os.environ.get("AWSGPU_ROOT") or "/", path.lstrip("/"))


def interpreter() -> str:
    """Return the Python that the instance was set up with, or the one that runs this."""
    try:
        with open(root("/var/lib/awsgpu/python.json")) as stream:
            return json.load(stream)["path"]
    except (OSError, ValueError, KeyError):
        return sys.executable


def environment(python: str) -> dict:
    """Return what a kernel finds: this login's variables, the interpreter and CUDA first."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("JPY_", "SSH_"))}
    cuda = root("/usr/local/cuda")
    folders = [os.path.dirname(python), *([cuda + "/bin"] if os.path.isdir(cuda + "/bin") else [])]
    found["PATH"] = os.pathsep.join([*folders, found.get("PATH") or os.defpath])
    if os.path.isdir(cuda + "/lib64"):
        found["LD_LIBRARY_PATH"] = cuda + "/lib64"
    return found


def addresses(folder: str) -> dict:
    """Return where the kernel will listen: private sockets, or loopback ports where their path is too long."""
    prefix = os.path.join(folder, "s")
    if len(os.fsencode(prefix + "-5")) <= PATH_LIMIT:
        ports = dict(zip(CHANNELS, range(1, 6)))
        return {"transport": "ipc", "ip": prefix, **{name + "_port": port for name, port in ports.items()}}
    taken = [socket.socket() for _ in CHANNELS]
    for one in taken:
        one.bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in zip(CHANNELS, taken)}
    for one in taken:
        one.close()
    return {"transport": "tcp", "ip": "127.0.0.1", **{name + "_port": port for name, port in ports.items()}}


def listening(connection: dict) -> bool:
    """Whether all five channels are there to connect to."""
    ports = [connection[name + "_port"] for name in CHANNELS]
    if connection["transport"] == "ipc":
        return all(os.path.exists("%s-%d" % (connection["ip"], port)) for port in ports)
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return False
    return True


def birth(pid: int) -> str:
    """Return when a process began, in the system's own words: a number may be another process's later."""
    asked = subprocess.run(["ps", "-o", "lstart=,stat=", "-p", str(pid)], stdout=subprocess.PIPE, check=False)
    words = asked.stdout.decode(errors="replace").split()
    return "" if not words or words[-1].startswith("Z") else " ".join(words[:-1])


class Started:
    """A kernel that this program started."""

    def __init__(self, key: str) -> None:
        home = os.path.expanduser("~")
        self.folder = os.path.join(home, ".awsgpu", "kernels", os.urandom(4).hex())
        os.makedirs(self.folder, mode=0o700)
        os.chmod(os.path.dirname(self.folder), 0o700)
        self.connection = addresses(self.folder)
        file, log = (os.path.join(self.folder, name) for name in ("kernel.json", "kernel.log"))
        with open(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
            json.dump({**self.connection, "key": key, "signature_scheme": "hmac-sha256"}, stream)
        python = interpreter()
        with open(log, "wb") as said:
            self._process = subprocess.Popen(
                [python, "-m", "ipykernel_launcher", "-f", file],
                cwd=home,
                env=environment(python),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._wait_until_it_listens(log)

    def _wait_until_it_listens(self, log: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not listening(self.connection):
            if self.status() is not None or time.monotonic() > deadline:
                with open(log, errors="replace") as stream:
                    words = stream.read().strip().splitlines() or ["it said nothing"]
                stop(self.pid, signal.SIGKILL)
                shutil.rmtree(self.folder, ignore_errors=True)
                raise Refused(words[-1][:300])
            time.sleep(0.02)

    def status(self):  # noqa: ANN201 - "int | None" is not Python 3.8
        """Return the exit status, or None while it runs."""
        return self._process.poll()


class Attached:
    """A kernel that an earlier connection started."""

    def __init__(self, kernel: dict) -> None:
        self.pid, self.born, self.folder = kernel["pid"], kernel["born"], kernel["folder"]
        self.connection = kernel["connection"]

    def status(self):  # noqa: ANN201 - "int | None" is not Python 3.8
        """Return -1 once it has ended (its status was its parent's to read), or None while it runs."""
        return None if birth(self.pid) == self.born else -1


def stop(pid: int, number: int) -> None:
    """Signal the kernel and what it started."""
    with contextlib.suppress(OSError):
        os.killpg(pid, number)


def obey(pid: int) -> None:
    """Pass signals on until the connection ends; then this program ends, and the kernel does not."""
    for line in sys.stdin:
        if line.strip().isdigit():
            stop(pid, int(line))
    os._exit(0)


def say(document: dict) -> None:
    """Write one JSON line."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Start or attach, report, pass signals on, report the end."""
    request = json.loads(sys.stdin.readline())
    try:
        kernel = Attached(request["kernel"]) if "kernel" in request else Started(request["key"])
    except (Refused, OSError) as exc:
        say({"refused": str(exc)})
        return 1
    born = birth(kernel.pid)
    say({"kernel": {"pid": kernel.pid, "born": born, "folder": kernel.folder, "connection": kernel.connection}})
    threading.Thread(target=obey, args=(kernel.pid,), daemon=True).start()
    pause = POLL_S if isinstance(kernel, Started) else 1.0
    while kernel.status() is None:
        time.sleep(pause)
    stop(kernel.pid, signal.SIGKILL)  # what the kernel left running in its group
    shutil.rmtree(kernel.folder, ignore_errors=True)
    say({"exit": kernel.status()})
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
