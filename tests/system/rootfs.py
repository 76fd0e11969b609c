"""A Debian root with real systemd, cloud-init and sshd, built once and cached; hosts are overlays on it.

Needs root, debootstrap and a Debian mirror (the first time: about two minutes, 400 MB). The cache is
`$AWSGPU_TESTS_CACHE`, else the user's cache folder; `$AWSGPU_TESTS_MIRROR` names another mirror.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
TOOLS = ("debootstrap", "unshare", "ip", "chroot", "mount")
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "cloud-init", "sudo", "iproute2"),
    *("procps", "pciutils", "apt-utils", "curl", "kmod", "python3", "python3-venv", "python3-pip", "dpkg-dev", "tmux"),
)
WHEELS = ("jupyterlab>=4.2", "ipykernel", "pip", "setuptools", "wheel")

CLOUD_CFG = """datasource_list: [NoCloud, None]
locale: C.UTF-8
system_info:
  default_user:
    name: ubuntu
    lock_passwd: true
    gecos: Ubuntu
    groups: [adm, sudo]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
"""

PREPARE = """
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get -q update
apt-get -q -y install --no-install-recommends {packages}
apt-get clean
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
: > /etc/machine-id
systemctl mask getty.target console-getty.service systemd-udevd.service systemd-udev-trigger.service \
  systemd-networkd-wait-online.service systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer \
  systemd-networkd.service systemd-resolved.service e2scrub_reap.service systemd-logind-varlink.socket
python3 -m venv /opt/pytorch
/opt/pytorch/bin/pip install -q --no-index --find-links /wheels jupyterlab ipykernel
"""


class Unavailable(Exception):
    """This machine cannot run such hosts; the text says why."""


def require() -> None:
    """Raise `Unavailable` where root, namespaces or tools are missing."""
    if os.geteuid() != 0:
        raise Unavailable("real hosts need root")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise Unavailable("missing programs: " + ", ".join(missing))
    if subprocess.run(["unshare", "-m", "-p", "-n", "-f", "-C", "true"], check=False, capture_output=True).returncode:
        raise Unavailable("this machine lets nobody make namespaces")


def cache() -> Path:
    """Return the cache folder."""
    named = os.environ.get("AWSGPU_TESTS_CACHE") or os.environ.get("AWSGPU_TEST_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "awsgpu-tests"


def wheels() -> Path:
    """Return a folder of wheels for Debian's Python: JupyterLab and all it needs (a local package index)."""
    return cache() / "wheels"


def base() -> Path:
    """Return the root, building it if it is not there (one builder at a time)."""
    require()
    mark = hashlib.sha256(repr((SUITE, PACKAGES, WHEELS, CLOUD_CFG, PREPARE)).encode()).hexdigest()[:12]
    root = cache() / f"root-{mark}"
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "whole").exists():
            shutil.rmtree(root, ignore_errors=True)
            _build(root)
    return root / "root"


def _build(root: Path) -> None:
    target = root / "root"
    target.mkdir(parents=True)
    mirror = os.environ.get("AWSGPU_TESTS_MIRROR", MIRROR)
    with (cache() / "build.log").open("wb") as log:
        _do(["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(target), mirror], log)
        shutil.copy("/etc/resolv.conf", target / "etc/resolv.conf")
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if certificates.exists():
            shutil.copy(certificates, target / "etc/ssl/certs/ca-certificates.crt")
        _chroot(target, "apt-get -q update && apt-get -q -y install --no-install-recommends python3-pip", log)
        _fill_wheels(target, log)
        (target / "wheels").mkdir()
        _chroot(target, PREPARE.format(packages=" ".join(PACKAGES)), log, bind=(wheels(), "wheels"))
    (target / "wheels").rmdir()
    (target / "etc/cloud/cloud.cfg.d/90-test.cfg").write_text(CLOUD_CFG)
    (target / "etc/resolv.conf").unlink()
    (target / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (root / "whole").touch()


def _fill_wheels(target: Path, log: object) -> None:
    """Download what pip would, as Debian's own pip sees it; later pip on the hosts finds it on the test's index."""
    if any(wheels().glob("jupyterlab-*")):
        return
    wheels().mkdir(parents=True, exist_ok=True)
    (target / "wheels").mkdir()
    names = " ".join(f"'{name}'" for name in WHEELS)
    _chroot(target, f"python3 -m pip download -q -d /wheels {names}", log, bind=(wheels(), "wheels"))
    (target / "wheels").rmdir()


def _chroot(root: Path, script: str, log: object, bind: tuple[Path, str] | None = None) -> None:
    """Run a script inside, in mount and process namespaces of its own: nothing stays mounted."""
    mounts = f"mount -t proc proc {root}/proc; mount -t tmpfs tmp {root}/tmp; mount --bind /dev {root}/dev; "
    if bind:
        mounts += f"mount --bind {bind[0]} {root}/{bind[1]}; "
    command = f'set -e; {mounts} exec chroot {root} sh -ec "$1"'
    _do(["unshare", "-m", "-p", "-f", "--propagation", "private", "sh", "-c", command, "sh", script], log)


def ip(*words: str, check: bool = True) -> None:
    """Run iproute2's `ip`. Raises `Unavailable` where it refuses."""
    done = subprocess.run(["ip", *words], capture_output=True, check=False)
    if check and done.returncode:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.decode().strip()}")


def _do(argv: list[str], log: object) -> None:
    done = subprocess.run(argv, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        lines = (cache() / "build.log").read_text(errors="replace").splitlines()[-15:]
        raise Unavailable(f"{argv[0]} failed while building the root:\n" + "\n".join(lines))


if __name__ == "__main__":
    print(base())  # noqa: T201 - the answer
