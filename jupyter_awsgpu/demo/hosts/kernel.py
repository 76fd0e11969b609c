"""Linux system calls the standard library lacks, as thin functions: unshare, mount, pivot_root, prctl.

Only calls live here, no decision: what is mounted where is `rootfs`, who is isolated how is
`isolation`. Importing it is harmless anywhere; calling it works on Linux only. Constants are from
linux/sched.h, linux/mount.h, linux/prctl.h, linux/if.h and linux/if_tun.h.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
_MNT_DETACH = 2

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
CAP_SYS_ADMIN = 21

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _SIOCSIFMTU = 0x8913, 0x8914, 0x8916, 0x891C, 0x8922
_IFF_UP = 0x1
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x1, 0x1000
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "arm64": 41}


def _call(name: str, *arguments: object) -> None:
    """Call a libc function that returns -1 and sets errno; raise that as `OSError`."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Give this process namespaces of its own (it must have one thread)."""
    _call("unshare", ctypes.c_int(flags))


def mount(source: str, target: Path, kind: str, flags: int = 0, options: str = "") -> None:
    """Mount a file system."""
    _call("mount", source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode() or None)


def bind(source: Path, target: Path, *, read_only: bool = False) -> None:
    """Show `source` (with what is mounted below it) at `target` as well."""
    mount(str(source), target, "none", MS_BIND | MS_REC)
    if read_only:
        mount("none", target, "none", MS_BIND | MS_REMOUNT | MS_RDONLY | _locked_flags(target))


def _locked_flags(target: Path) -> int:
    """Return the flags of a mount that a user namespace may not take off, so a remount must name them."""
    flags = os.statvfs(target).f_flag
    pairs = ((os.ST_NOSUID, MS_NOSUID), (os.ST_NODEV, MS_NODEV), (os.ST_NOEXEC, MS_NOEXEC))
    return sum(ours for seen, ours in pairs if flags & seen) | (flags & 0x1C00 and _atime_flags(flags))


def _atime_flags(flags: int) -> int:
    """Translate statvfs' access-time flags into mount's (linux/statfs.h against linux/mount.h)."""
    pairs = ((0x400, 0x400), (0x800, 0x800), (0x1000, 0x200000))
    return sum(ours for seen, ours in pairs if flags & seen)


def pivot_root(new_root: Path) -> None:
    """Make `new_root` (a mount) this namespace's root and let go of the old one."""
    number = _SYS_PIVOT_ROOT[os.uname().machine]
    os.chdir(new_root)
    _call("syscall", ctypes.c_long(number), b".", b".")
    _call("umount2", b".", ctypes.c_int(_MNT_DETACH))
    os.chdir("/")


def end_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _call("prctl", ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal_number), 0, 0, 0)


def forbid_capability(capability: int) -> None:
    """Take a capability from everything this process will execute."""
    _call("prctl", ctypes.c_int(_PR_CAPBSET_DROP), ctypes.c_ulong(capability), 0, 0, 0)


def interface_up(name: str) -> None:
    """Switch a network interface on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack_from("H", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | _IFF_UP))


def add_address(label: str, address: str, netmask: str = "255.255.255.255") -> None:
    """Give an interface one more IPv4 address under a label such as `lo:1`."""

    def request(value: str) -> bytes:
        return struct.pack("16sHH4s8x", label.encode(), socket.AF_INET, 0, socket.inet_aton(value))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFADDR, request(address))
        fcntl.ioctl(control, _SIOCSIFNETMASK, request(netmask))


def open_tun(name: str, mtu: int) -> int:
    """Make a TUN device in this network namespace and return its descriptor: bare IP packets, one a read or write.

    Raises `OSError` where this machine has none to give.
    """
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFMTU, struct.pack("16si12x", name.encode(), mtu))
    except BaseException:
        os.close(device)
        raise
    return device
