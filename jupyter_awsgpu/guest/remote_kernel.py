"""A kernel for a notebook on another machine: its relay is started here, or found again.

This text travels over SSH and is run by any Python from 3.8 on, so it imports nothing of ours. A JSON
line on stdin says which kernel is wanted; from then on this program only carries bytes between the
connection and the relay (`kernel_relay`), which holds the kernel. When the connection breaks, this
program ends; relay and kernel go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
PATH_LIMIT = 107  # bytes in the address of a unix socket on Linux
RELAY_WITHIN_S = 60.0
CHUNK = 256 * 1024
RELAY = "import sys; sys.path.insert(0, sys.argv[1]); from guest.kernel_relay import main; main(sys.argv[2])"


class Refused(Exception):
    """The kernel could not be started or found; the text says why."""


def root(path: str) -> str:
    """Return a path of this system, or of the simulated one."""
    return os.path.join(os.environ.get("AWSGPU_ROOT") or "/", path.lstrip("/"))


def read_json(path: str) -> dict:
    """Return the document in a file, or nothing."""
    try:
        with open(path) as stream:
            found = json.load(stream)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def spec_of(environment: str) -> dict:
    """Return the kernel spec of an environment on this machine; `Refused` if it is not there."""
    found = read_json(root("/usr/local/share/jupyter/kernels/%s/kernel.json" % os.path.basename(environment)))
    if not found.get("argv"):
        raise Refused("there is no environment %r" % environment)
    return found


def command(environment: str, file: str) -> list:
    """Return what starts the kernel: of the Python this machine was set up with, or of an environment."""
    if environment:
        return [part.replace("{connection_file}", file) for part in spec_of(environment)["argv"]]
    python = read_json(root("/var/lib/awsgpu/python.json")).get("path") or sys.executable
    return [python, "-m", "ipykernel_launcher", "-f", file]


def variables(python: str) -> dict:
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
    if unix_fits(prefix + "-5"):
        ports = dict(zip(CHANNELS, range(1, 6)))
        return {"transport": "ipc", "ip": prefix, **{name + "_port": port for name, port in ports.items()}}
    taken = [socket.socket() for _ in CHANNELS]
    for one in taken:
        one.bind(("127.0.0.1", 0))
    ports = {name: one.getsockname()[1] for name, one in zip(CHANNELS, taken)}
    for one in taken:
        one.close()
    return {"transport": "tcp", "ip": "127.0.0.1", **{name + "_port": port for name, port in ports.items()}}


def unix_fits(path: str) -> bool:
    """Whether a unix socket can have this path here."""
    return hasattr(socket, "AF_UNIX") and len(os.fsencode(path)) <= PATH_LIMIT


def private(path: str, text: str) -> None:
    """Write a file that only its owner reads."""
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


def lease(asked: "float | None") -> "float | None":
    """Return after how many seconds without a notebook and without work a kernel ends; the machine's idle stop."""
    if asked is not None:
        return asked
    minutes = read_json(root("/run/awsgpu/kernels/lease.json")).get("idle_stop_minutes", 60)
    return minutes * 60 if minutes else None


def start(request: dict) -> tuple:
    """Start a relay, which starts the kernel; return their folder and the relay's process."""
    home = os.path.expanduser("~")
    folder = os.path.join(home, ".awsgpu", "kernels", os.urandom(4).hex())
    os.makedirs(folder, mode=0o700)
    os.chmod(os.path.dirname(folder), 0o700)
    file, program = (os.path.join(folder, name) for name in ("kernel.json", "program"))
    connection = addresses(folder)
    try:
        argv = command(request.get("environment") or "", file)
    except Refused:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    private(file, json.dumps({**connection, "key": request["key"], "signature_scheme": "hmac-sha256"}))
    os.makedirs(os.path.join(program, "guest"))
    for name, text in request.pop("program").items():
        private(os.path.join(program, "guest", name), text)
    private(
        os.path.join(folder, "relay.json"),
        json.dumps({**request, "argv": argv, "unix": unix_fits(file), "lease_s": lease(request.get("lease_s"))}),
    )
    with open(os.path.join(folder, "relay.log"), "wb") as said:
        process = subprocess.Popen(
            [argv[0], "-c", RELAY, program, folder],
            cwd=home,
            env=variables(argv[0]),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    return folder, process


def reach(folder: str, process=None) -> socket.socket:  # noqa: ANN001 - "Popen | None" is not Python 3.8
    """Return a connection to the relay in a folder; `Refused` if there is none."""
    deadline = time.monotonic() + RELAY_WITHIN_S
    while os.path.isdir(folder):
        door = read_json(os.path.join(folder, "door.json"))
        if door:
            reached = socket.socket(socket.AF_UNIX if "path" in door else socket.AF_INET)
            try:
                reached.connect(door.get("path") or ("127.0.0.1", door["port"]))
            except OSError:
                reached.close()
                raise Refused("the kernel has ended") from None
            reached.sendall(door["secret"].encode() + b"\n")
            return reached
        if process is not None and process.poll() is not None:
            with open(os.path.join(folder, "relay.log"), errors="replace") as stream:
                words = stream.read().strip().splitlines() or ["it said nothing"]
            shutil.rmtree(folder, ignore_errors=True)
            raise Refused(words[-1][:300])
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    raise Refused("the kernel has ended")


def carry(source: int, write) -> None:  # noqa: ANN001 - takes bytes
    """Copy what comes until it ends."""
    with contextlib.suppress(OSError):
        while True:
            piece = os.read(source, CHUNK)
            if not piece:
                return
            write(piece)


def main() -> int:
    """Find or start the relay, then carry bytes both ways until either end is closed."""
    line = b""
    while not line.endswith(b"\n"):  # unbuffered: what follows the line is the relay's
        piece = os.read(0, 1)
        if not piece:
            return 1
        line += piece
    request = json.loads(line)
    try:
        if "size" in request:  # the relay's program follows
            text = b""
            while len(text) < request["size"]:
                piece = os.read(0, request["size"] - len(text))
                if not piece:
                    return 1
                text += piece
            request["program"] = json.loads(text)
        relay = reach(request["folder"]) if "folder" in request else reach(*start(request))
    except (Refused, OSError) as exc:
        sys.stdout.write(json.dumps({"refused": str(exc)}) + "\n")
        return 1

    def inward() -> None:
        carry(0, relay.sendall)
        with contextlib.suppress(OSError):
            relay.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=inward, daemon=True).start()

    def outward(piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            left = left[os.write(1, left) :]

    carry(relay.fileno(), outward)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
