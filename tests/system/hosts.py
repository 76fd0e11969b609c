"""A host with real systemd as its first process, real cloud-init and real sshd, in namespaces of its own.

Root file system: an overlay on `rootfs.base()`, with `layers` of a test's own between. Network: one veth pair to
this machine, and a place on a `Lan` where one is given; no route out. Power: `shutdown -h` inside ends it and
`shutdown -r` starts it again, as EC2 does; `cut_power` kills it.
"""

from __future__ import annotations

import contextlib
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
from tests.system.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.lan import Lan

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
    """One host. `folder` holds its disk; `instance_id` is what cloud-init sees.

    On a `lan` the other hosts there reach it at `private_address`. `layers` lie over the root, below its disk.
    """

    folder: Path
    user_data: bytes
    authorized_keys: tuple[str, ...] = ()
    instance_id: str = "i-0123456789abcdef0"
    prepare: Callable[[RealHost], None] | None = None
    lan: Lan | None = None
    private_address: str = ""
    layers: tuple[Path, ...] = ()
    boots: int = 0
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._wire = Wire()
        self.name = self._wire.name
        self._process: subprocess.Popen[bytes] | None = None
        self._cgroup = Path("/sys/fs/cgroup/unified" if Path("/sys/fs/cgroup/unified").is_dir() else "/sys/fs/cgroup")
        self._stopping = False
        self._down = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where this machine reaches it: its public address."""
        return self._wire.address

    @property
    def gateway(self) -> str:
        """This machine's end of the wire."""
        return self._wire.gateway

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
        self._wire.lay()
        if self.lan is not None:
            self.lan.join(self, self.private_address)
            self.lan.point(self)

    def move(self, private_address: str | None = None) -> None:
        """Give a host that is off another address, as EC2 does at a start; and another private one, if named."""
        self._wire.move()
        if self.lan is not None and private_address is not None:
            self.private_address = private_address
            self.lan.move(self, private_address)

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
            "LOWER": ":".join(map(str, (*self.layers, rootfs.base()))),
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
        self._wire.take_away()
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


def _remove_groups(group: Path) -> None:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            folder.rmdir()
    with contextlib.suppress(OSError):
        group.rmdir()
