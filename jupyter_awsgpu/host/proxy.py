"""A connection through a jump host or proxy command, as the person's own ~/.ssh/config has it.

OpenSSH itself reads that file and makes the connection, so ProxyJump, ProxyCommand, Match, agents and
hardware keys work as they do in a terminal. The instance is verified by us all the same: what comes
through is only a pipe.
"""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from jupyter_awsgpu.host.refusals import ProxyFailed

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Endpoint

CONFIG = "config"
"""The `via` that means: whatever ~/.ssh/config says for the instance's id."""

_CHUNK = 64 * 1024


class ProxyPipe:
    """A child process whose standard streams are the connection."""

    def __init__(self, argv: list[str]) -> None:
        self.socket, theirs = socket.socketpair()
        self._errors = _Tail()
        streams = subprocess.PIPE if os.name == "nt" else theirs.fileno()
        try:
            self._process = subprocess.Popen(argv, stdin=streams, stdout=streams, stderr=subprocess.PIPE, bufsize=0)
        except OSError as exc:
            self.socket.close()
            theirs.close()
            raise ProxyFailed(f"{argv[0]}: {exc.strerror}") from exc
        _start(self._errors.read, self._process.stderr)
        if os.name == "nt":  # a child there cannot have a socket for a standard stream
            _start(_pump_in, theirs, self._process.stdin)
            _start(_pump_out, self._process.stdout, theirs)
        else:
            theirs.close()

    def last_words(self) -> str:
        """Return the last line the child printed as an error, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
            return self._errors.last_line()
        return ""

    def close(self) -> None:
        """End the child."""
        with suppress(OSError):
            self.socket.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def open_proxy(endpoint: Endpoint) -> ProxyPipe:
    """Start the way `endpoint.via` names; raise `ProxyFailed` if it cannot be started."""
    if endpoint.via == CONFIG:
        return ProxyPipe(_from_config(endpoint))
    return ProxyPipe(_jump(endpoint.via or "", endpoint))


def _jump(via: str, endpoint: Endpoint) -> list[str]:
    if via.startswith("-"):
        raise ProxyFailed(f"{via} is not a host")
    return [*_ssh(), "-o", "BatchMode=yes", "-W", f"{_bracketed(endpoint.address)}:{endpoint.port}", via]


def _ssh() -> list[str]:
    """Return the OpenSSH client (and the configuration it is to read, where the environment names one)."""
    config = os.environ.get("AWSGPU_SSH_CONFIG")
    return ["ssh", "-F", config] if config else ["ssh"]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _from_config(endpoint: Endpoint) -> list[str]:
    settings = _resolved(endpoint)
    if jump := settings.get("proxyjump"):
        *before, last = jump.split(",")
        through = ["-J", ",".join(before)] if before else []
        jumped = _jump(last, endpoint)
        return [*jumped[:-1], *through, last]
    if command := settings.get("proxycommand"):
        return _shell(expand(command, endpoint, settings))
    raise ProxyFailed(f"~/.ssh/config has neither ProxyJump nor ProxyCommand for {endpoint.instance_id}")


def _resolved(endpoint: Endpoint) -> dict[str, str]:
    """Ask OpenSSH what its configuration says for the instance's id."""
    asked = [*_ssh(), "-G", "-p", str(endpoint.port), "-l", endpoint.user, endpoint.instance_id]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as exc:
        raise ProxyFailed(f"ssh: {exc.strerror}") from exc
    if answer.returncode != 0:
        raise ProxyFailed(answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else "ssh -G failed")
    return dict(line.split(" ", 1) for line in answer.stdout.splitlines() if " " in line)


def expand(command: str, endpoint: Endpoint, settings: dict[str, str]) -> str:
    """Fill the tokens of ssh_config's ProxyCommand (%h %n %p %r %%)."""
    values = {
        "h": settings.get("hostname", endpoint.instance_id),
        "n": endpoint.instance_id,
        "p": str(endpoint.port),
        "r": endpoint.user,
        "%": "%",
    }
    pieces = command.split("%")
    text, index = pieces[0], 1
    while index < len(pieces):
        piece = pieces[index]
        if not piece and index + 1 < len(pieces):  # %% splits into an empty piece
            text, index = text + "%" + pieces[index + 1], index + 2
            continue
        text += values.get(piece[:1], "%" + piece[:1]) + piece[1:]
        index += 1
    return text


def _shell(command: str) -> list[str]:
    """ssh_config(5): the command is run by the user's shell, with exec so that no shell lingers."""
    if os.name == "nt":
        return shlex.split(command, posix=False)
    return [os.environ.get("SHELL", "/bin/sh"), "-c", f"exec {command}"]


class _Tail:
    """The last lines a child printed as errors."""

    def __init__(self) -> None:
        self._text = b""
        self._read = threading.Event()

    def read(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := stream.read(_CHUNK):
                self._text = (self._text + chunk)[-4096:]
        self._read.set()

    def last_line(self) -> str:
        self._read.wait(0.5)
        lines = self._text.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _start(work: object, *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type] # any callable


def _pump_in(source: socket.socket, sink: IO[bytes]) -> None:
    with suppress(OSError), sink:
        while data := source.recv(_CHUNK):
            sink.write(data)


def _pump_out(source: IO[bytes], sink: socket.socket) -> None:
    with suppress(OSError), source:
        while data := source.read(_CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
