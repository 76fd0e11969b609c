"""A host with real systemd as its first process, real cloud-init and real sshd, in namespaces of its own.

Root file system: an overlay on `rootfs.base()`. Network: one veth pair, no route out. Power: `shutdown
-h` inside ends it and `shutdown -r` starts it again, as EC2 does; `cut_power` kills it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system import rootfs

if TYPE_CHECKING:
    from collections.abc import Callable

_numbers = itertools.count(os.getpid() % 200 * 60)

INIT = """
set -e
mount --make-rprivate /
# Nobody needs these disks after a crash of this machine: a host's own fsync may cost nothing.
layers="lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK"
rm -rf "$WORK/work/incompat"
mount -t overlay overlay -o "$layers,volatile" "$ROOT" || mount -t overlay overlay -o "$layers" "$ROOT"
cd "$ROOT"
mount -t proc proc proc
mount -t sysfs -o ro sys sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do : > dev/$name; mount --bind /dev/$name dev/$name; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin; ln -s /proc/self/fd/1 dev/stdout; ln -s /proc/self/fd/2 dev/stderr
: > dev/console; mount --bind "$CONSOLE" dev/console
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
hostname "$NAME"
exec env -i container=awsgpu-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /sbin/init
"""


@dataclass
class RealHost:
    """One host. `folder` holds its disk; `instance_id` is what cloud-init sees."""

    folder: Path
    user_data: bytes
    authorized_keys: tuple[str, ...] = ()
    instance_id: str = "i-0123456789abcdef0"
    prepare: Callable[[RealHost], None] | None = None
    boots: int = 0
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        taken = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=False).stdout
        number, net = next((number, net) for number in _numbers if f" {(net := _network(number))}.1/" not in taken)
        self.name = f"ag{os.getpid() % 10000}x{number % 1000}"
        self.gateway, self.address = f"{net}.1", f"{net}.2"
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup = Path("/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").is_dir() else "/sys/fs/cgroup")
        self._stopping = False
        self._down = threading.Event()
        self._watcher: threading.Thread | None = None

    # ── power ──

    def start(self) -> None:
        """Lay out the disk (the first time) and power on; returns at once."""
        for part in ("upper", "work", "root"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "console.log").touch()
        if not self.boots:
            self._seed()
            self._connect()
            if self.prepare:
                self.prepare(self)
        self._down.clear()
        self._watcher = threading.Thread(target=self._live, daemon=True)
        self._watcher.start()

    def disk(self, inside: str) -> Path:
        """Return a file of the disk of a host that is off, its folder made."""
        path = self.folder / "upper" / inside.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _seed(self) -> None:
        """Write the NoCloud seed: what the metadata service would say."""
        seed = self.folder / "upper/var/lib/cloud/seed/nocloud"
        seed.mkdir(parents=True, exist_ok=True)
        keys = "".join(f"\n  - {key}" for key in self.authorized_keys)
        (seed / "meta-data").write_text(f"instance-id: {self.instance_id}\nlocal-hostname: gpu\npublic-keys:{keys}\n")
        (seed / "user-data").write_bytes(self.user_data)
        (seed / "network-config").write_text("version: 2\nethernets: {}\n")

    def _connect(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("addr", "add", f"{self.gateway}/30", "dev", self.name)
        _ip("link", "set", self.name, "up")
        _ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", "eth0")
        _ip("-n", self.name, "link", "set", "eth0", "up")
        _ip("-n", self.name, "link", "set", "lo", "up")

    def _live(self) -> None:
        """Run the machine until it is off; a reboot starts it again."""
        while True:
            self.boots += 1
            status = self._run_once()
            how = "reboot" if status == -signal.SIGHUP else "cut" if status == -signal.SIGKILL else "off"
            self.ended.append(how)
            if how != "reboot" or self._stopping:
                self._down.set()
                return

    def _run_once(self) -> int:
        group = self._cgroup / self.name
        group.mkdir(exist_ok=True)
        env = {
            "PATH": os.environ["PATH"],
            "LOWER": str(rootfs.base()),
            "UPPER": str(self.folder / "upper"),
            "WORK": str(self.folder / "work"),
            "ROOT": str(self.folder / "root"),
            "CONSOLE": str(self.folder / "console.log"),
            "NAME": self.name,
        }
        inner = ["unshare", "-m", "-p", "-u", "-i", "-C", "-f", "--kill-child=KILL", "sh", "-c", INIT]
        enter = 'echo $$ > "$0/cgroup.procs"; exec "$@"'
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-c", enter, str(group), "ip", "netns", "exec", self.name, *inner],  # ip hides /sys/fs/cgroup
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=env,
                start_new_session=True,
            )
        status = self._process.wait()
        _remove_groups(group)
        return status

    def wait_until_off(self, timeout_s: float) -> str:
        """Return how it ended ("off" or "cut")."""
        if not self._down.wait(timeout_s):
            raise TimeoutError(f"{self.name} is still on after {timeout_s:g} s\n{self.console()[-2000:]}")
        return self.ended[-1]

    def cut_power(self) -> None:
        """Kill everything at once, as a failing power supply does."""
        self._stopping = True
        deadline = time.monotonic() + 30
        while self._watcher and not self._down.is_set() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                for pid in self._inside():
                    os.kill(pid, signal.SIGKILL)
            if self._process:
                self._process.kill()  # it may just be another one: a reboot was under way
            self._down.wait(0.1)
        self._stopping = False

    def destroy(self) -> None:
        """Leave nothing of it."""
        self.cut_power()
        if self._watcher:
            self._watcher.join(20)
        _ip("netns", "del", self.name, check=False)
        _ip("link", "del", self.name, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ── looking ──

    def _inside(self) -> list[int]:
        """Return the host's first process, as this machine numbers it."""
        if not self._process:
            return []
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def run(self, *argv: str, check: bool = True, stdin: bytes = b"", timeout_s: float = 120) -> str:
        """Run a command as the host's root, not by SSH; return its output."""
        enter = ["nsenter", "-t", str(self._inside()[0]), "-a", "-r", "-w", *argv]
        done = subprocess.run(enter, input=stdin, capture_output=True, timeout=timeout_s, check=False)
        if check and done.returncode:
            raise AssertionError(f"{argv} ended with {done.returncode}: {(done.stdout + done.stderr).decode()[-3000:]}")
        return done.stdout.decode()

    def path(self, inside: str) -> Path:
        """Return a file of the running host's disk."""
        return Path(f"/proc/{self._inside()[0]}/root") / inside.lstrip("/")

    def console(self) -> str:
        """Return what it printed."""
        return (self.folder / "console.log").read_text(errors="replace")

    def wait_for_ssh(self, timeout_s: float = 60) -> None:
        """Return when sshd answers."""
        self.until(self._greets, timeout_s, "sshd does not answer")

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.address, 22), timeout=1) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False

    def until(self, condition: Callable[[], object], timeout_s: float, why: str) -> None:
        """Wait for a condition; fail with the console's end."""
        deadline = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(AssertionError, OSError, IndexError, subprocess.TimeoutExpired):
                if condition():
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"{why} within {timeout_s:g} s\n{self.console()[-3000:]}")
            time.sleep(0.1)


def _network(number: int) -> str:
    """Return the first three numbers of a network that another run's hosts are unlikely to have."""
    return f"10.{200 + number // 64 % 50}.{number % 64 * 4}"


def _remove_groups(group: Path) -> None:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()


def _ip(*words: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, check=False)
    if check and done.returncode:
        raise rootfs.Unavailable(f"ip {' '.join(words)}: {done.stderr.decode().strip()}")
