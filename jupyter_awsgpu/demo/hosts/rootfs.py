"""The root folder of an isolated host: what it sees of this machine, and what is its own.

The host's disk is `<folder>/disk` (etc, var, opt, home, root, srv and what it changed in usr).
Of this machine it sees programs (/usr, copy-on-write) and the running interpreter (read-only);
no home folder, no credential and no temporary file. Linux only; runs inside the new namespaces.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from jupyter_awsgpu.demo.hosts import kernel, volumes

OWN = ("etc", "var", "opt", "home", "root", "srv")
"""Folders of the disk that hold nothing of this machine's."""

PROGRAMS = "usr"
"""The folder of the disk that holds what the host changed in this machine's programs."""

DISK = (*OWN, PROGRAMS)

_ETC_OF_THIS_MACHINE = (
    "alternatives", "bash.bashrc", "ca-certificates", "ca-certificates.conf", "debian_version", "gai.conf",
    "host.conf", "inputrc", "issue", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime",
    "login.defs", "lsb-release", "magic", "mime.types", "networks", "nsswitch.conf", "os-release", "pki/tls/certs",
    "profile", "protocols", "redhat-release", "rpc", "services", "shells", "skel", "ssl/certs", "ssl/openssl.cnf",
    "system-release", "terminfo", "timezone", "vim",
)  # fmt: skip
"""Entries of /etc that programs need and that hold no secret; nothing else of it is shown."""

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def lay_out(disk: Path) -> None:
    """Make the disk's folders, with what a fresh one has of this machine's /etc."""
    for name in DISK:
        (disk / name).mkdir(parents=True, exist_ok=True)
    for name in ("var/lib", "var/log", "var/cache", "var/spool", "etc/ssh", "usr/local/bin", "usr/local/sbin"):
        (disk / name).mkdir(parents=True, exist_ok=True)
    (disk / "var/tmp").mkdir(exist_ok=True)
    (disk / "var/tmp").chmod(0o1777)
    if not (disk / "var/run").is_symlink():
        (disk / "var/run").symlink_to("/run")
    (disk / "root").chmod(0o711 if any(path.is_relative_to("/root") for path in interpreter_folders()) else 0o700)
    for name in _ETC_OF_THIS_MACHINE:
        _copy_once(Path("/etc") / name, disk / "etc" / name)


def _copy_once(source: Path, target: Path) -> None:
    if target.is_symlink() or target.exists() or not (source.is_symlink() or source.exists()):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, ignore_dangling_symlinks=True, ignore=_unreadable)
    elif os.access(source, os.R_OK) or source.is_symlink():
        shutil.copy2(source, target, follow_symlinks=False)


def _unreadable(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not os.access(Path(folder) / name, os.R_OK, follow_symlinks=False)}


def interpreter_folders() -> tuple[Path, ...]:
    """Return the folders of this machine that the running interpreter and its packages lie in."""
    package = Path(__file__).resolve().parents[2]
    wanted = [Path(sys.prefix), Path(sys.base_prefix), package]
    wanted += [Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    kept: list[Path] = []
    for folder in sorted({path.resolve() for path in wanted if path.is_dir()} | {Path(sys.prefix)}):
        seen = folder.is_relative_to("/usr") or any(folder.is_relative_to(other) for other in kept)
        if not seen and folder != Path("/"):
            kept.append(folder)
    return tuple(kept)


def assemble(folder: Path) -> Path:
    """Mount the host's root at `<folder>/mount` and return it; the caller pivots there."""
    root, disk = folder / "mount", folder / "disk"
    root.mkdir(exist_ok=True)
    kernel.mount("none", Path("/"), "none", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("awsgpu", root, "tmpfs", kernel.MS_NODEV, "mode=755")
    for name in OWN:
        _bind_at(disk / name, root / name)
    _mount_programs(root, folder)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        _show_system_folder(name, root)
    for name in ("tmp", "run"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    for interpreter in interpreter_folders():
        _bind_at(interpreter, root / interpreter.relative_to("/"), read_only=True)
    _mount_devices(root)
    shelf = volumes.shelf(folder)
    shelf.mkdir(exist_ok=True)
    _bind_at(shelf, root / "dev/disk/by-id")
    (root / "proc").mkdir()
    kernel.mount("proc", root / "proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    (root / "sys").mkdir()
    return root


def _bind_at(source: Path, target: Path, *, read_only: bool = False) -> None:
    target.mkdir(parents=True, exist_ok=True)
    kernel.bind(source, target, read_only=read_only)


def _mount_programs(root: Path, folder: Path) -> None:
    """Mount /usr copy-on-write; without overlayfs read-only, with a /usr/local of its own."""
    (root / "usr").mkdir()
    upper, work = folder / "disk" / PROGRAMS, folder / "work"
    work.mkdir(exist_ok=True)
    options = f"lowerdir=/usr,upperdir={upper},workdir={work},userxattr"
    try:
        kernel.mount("overlay", root / "usr", "overlay", 0, options)
    except OSError:
        kernel.bind(Path("/usr"), root / "usr", read_only=True)
        kernel.bind(upper / "local", root / "usr/local")


def _show_system_folder(name: str, root: Path) -> None:
    """Show /bin and its like as they are here: links into /usr, or folders of their own."""
    here = Path("/") / name
    if here.is_symlink():
        (root / name).symlink_to(here.readlink())
    elif here.is_dir():
        _bind_at(here, root / name, read_only=True)


def _mount_devices(root: Path) -> None:
    """Give the host a /dev with the harmless devices and terminals of its own."""
    dev = root / "dev"
    dev.mkdir()
    kernel.mount("dev", dev, "tmpfs", kernel.MS_NOSUID, "mode=755")
    for name in _DEVICES:
        (dev / name).touch()
        kernel.bind(Path("/dev") / name, dev / name)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    kernel.mount("devpts", dev / "pts", "devpts", kernel.MS_NOSUID | kernel.MS_NOEXEC, "newinstance,ptmxmode=0666")
    kernel.mount("shm", dev / "shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")
    (dev / "ptmx").symlink_to("pts/ptmx")
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        (dev / name).symlink_to(f"/proc/self/{target}")
