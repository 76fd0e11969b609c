"""A real OpenSSH server on loopback, with its own keys, configuration and port, for as long as a test runs."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil

from tests.ports import free_port

LAUNCH = "l-00000000000000aa"
"""The launch id under which its host key is pinned."""

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

LISTENS = "Server listening on"
"""What sshd writes into its log once it can be reached."""


class PrivateSshd:
    """`start`, `kill` (with every session), `freeze` and `thaw`; `host_keys` holds public lines by type."""

    def __init__(
        self, folder: Path, *, address: str = "127.0.0.1", port: int | None = None, prefix: tuple = ()
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        self.user = "root"
        self.prefix = prefix
        self.client_key = folder / "client.pem"
        self.host_keys: dict[str, str] = {}
        self.served = ["ecdsa", "ed25519"]
        self.options: dict[str, str] = {}
        self._process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for kind in self.served:
            self.new_host_key(kind)
        _keygen(self.client_key, "ed25519")
        shutil.copy(_public(self.client_key), folder / "authorized_keys")

    def new_host_key(self, kind: str) -> None:
        path = self.folder / f"host_{kind}"
        _keygen(path, kind)
        self.host_keys[kind] = " ".join(_public(path).read_text().split()[:2])

    def start(self) -> PrivateSshd:
        Path("/run/sshd").mkdir(exist_ok=True)
        for kind in self.served:
            if kind not in self.host_keys:
                self.new_host_key(kind)
        config = self.folder / "sshd_config"
        config.write_text("\n".join(f"{key} {value}" for key, value in self._config()) + "\n")
        log = self.folder / "log"
        log.touch()
        before = self.log().count(LISTENS)
        argv = [*self.prefix, SSHD, "-D", "-E", str(log), "-f", str(config)]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while self.log().count(LISTENS) == before:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log())
            time.sleep(0.01)
        return self

    def _config(self) -> list[tuple[str, str]]:
        return [
            ("Port", str(self.port)),
            ("ListenAddress", self.address),
            ("PidFile", "none"),
            ("AuthorizedKeysFile", str(self.folder / "authorized_keys")),
            ("StrictModes", "no"),
            ("UsePAM", "no"),
            ("PasswordAuthentication", "no"),
            ("PermitRootLogin", "prohibit-password"),
            ("MaxStartups", "1000"),
            ("MaxSessions", "1000"),
            *(("HostKey", str(self.folder / f"host_{kind}")) for kind in self.served),
            *self.options.items(),
        ]

    def processes(self) -> list[psutil.Process]:
        """Return the sessions and, last, the server."""
        if self._process is None or self._process.poll() is not None:
            return []
        server = psutil.Process(self._process.pid)
        return [*server.children(recursive=True), server]

    def kill(self) -> None:
        """End the server and its sessions without a goodbye."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> None:
        """End the server and its sessions by a signal; whoever does not obey within 10 s is killed.

        The server stands still first: who lost a session dials at once, and a session that the dying
        server still forks would outlive it.
        """
        self._stand_still()
        family = self.processes()
        for process in family:
            _signal(process, number)
            _signal(process, signal.SIGCONT)
        for process in psutil.wait_procs(family, timeout=10)[1]:
            _signal(process, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _stand_still(self) -> None:
        """Stop the server, and wait until it has stopped: until then it may fork once more."""
        if server := self.processes()[-1:]:
            _signal(server[0], signal.SIGSTOP)
            deadline = time.monotonic() + 10
            with contextlib.suppress(psutil.NoSuchProcess):
                while server[0].status() not in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE):
                    if time.monotonic() > deadline:
                        raise TimeoutError("sshd does not stand still")
                    time.sleep(0.001)

    def kill_sessions(self) -> None:
        """End the sessions; the server goes on."""
        for process in self.processes()[:-1]:
            _signal(process, signal.SIGKILL)

    def freeze(self) -> None:
        for process in self.processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.processes():
            _signal(process, signal.SIGCONT)

    def as_bastion(self, more: str) -> Path:
        """Write an ssh_config that knows this server as `bastion`, and whatever `more` says."""
        config = self.folder / "ssh_config"
        config.write_text(
            f"{more}\nHost bastion\n HostName {self.address}\n Port {self.port}\n User root\n"
            f" IdentityFile {self.client_key}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
            f" UserKnownHostsFile {self.folder / 'kh'}\n LogLevel ERROR\n"
        )
        return config

    def log(self) -> str:
        return (self.folder / "log").read_text()


def _signal(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _public(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def _keygen(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    bits = ["-b", "2048"] if kind == "rsa" else []
    argv = ["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
