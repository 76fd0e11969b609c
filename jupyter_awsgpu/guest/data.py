"""The data volume at ~/data: found, formatted only where it is blank, mounted by its UUID, the user's own.

What is attached is told by /etc/awsgpu/data.json, which names the instance: a copy of this machine has no
such volume. Where a folder stands in the place of a device (a simulated host), it is linked to, not mounted.
"""

from __future__ import annotations

import os
import shutil
import time

from . import accounts, commands, identity, jupyter, paths
from .progress import Step

BLANK = 2
"""blkid's exit status where it finds no signature of anything, and where it could not read the device (blkid(8))."""

FIRST_BYTES = 4 << 20
"""So much of a new EBS volume is read, and must be zeros, before it is formatted: no file system leaves them so."""

DEVICE_WITHIN_S = 60
OPTIONS = "defaults,nofail,x-systemd.device-timeout=30s,x-awsgpu.data"
"""The machine boots without the volume, too; the last option only marks the line as ours (mount(8), x-*)."""


def steps(config: dict) -> list:
    """Return the step that brings the volume to ~/data, if this very instance has one."""
    del config
    wish = paths.read_json(paths.at("/etc/awsgpu/data.json"), {})
    if not wish.get("volume") or wish.get("instance_id") != identity.instance_id():
        return []
    return [Step("data", "Mounting the data volume", lambda: right(wish), lambda say: mount(wish, say))]


def folder() -> str:
    """Return where the volume is mounted."""
    return os.path.join(accounts.home(accounts.name()), "data")


def device(wish: dict) -> str:
    """Return the device of the volume: NVMe's name carries its id, Xen's the letter asked for; "" before it is there.

    Names as in the EBS user guide: «Device names on Linux instances», «Amazon EBS volumes and NVMe».
    """
    letter = str(wish.get("device", "/dev/sdf"))[-1]
    serial = str(wish["volume"]).replace("-", "")
    names = ("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_" + serial, "/dev/xvd" + letter, "/dev/sd" + letter)
    return next((paths.at(name) for name in names if os.path.exists(paths.at(name))), "")


def right(wish: dict) -> bool:
    """Whether ~/data is this volume, its file system as large as the volume is."""
    found, where = device(wish), folder()
    if not found:
        return False
    if os.path.isdir(found):
        return os.path.realpath(where) == os.path.realpath(found)
    if _mounted() != os.path.realpath(found):
        return False
    return paths.read_json(paths.state("data.json"), {}) == {"volume": wish["volume"], "gb": wish.get("gb")}


def _mounted() -> str:
    done = commands.ask(["findmnt", "-rn", "-o", "SOURCE", "-M", folder()])
    return os.path.realpath(done.output.strip()) if done.status == 0 and done.output.strip() else ""


def mount(wish: dict, say) -> str:  # noqa: ANN001 - takes a sentence
    """Bring the volume to ~/data; return what a person should know of it."""
    found = _wait_for(wish)
    where = folder()
    if os.path.isdir(found):
        return _link(found, where)
    if not _mounted():
        _make_way(where)
        kind = _file_system(found, say)
        _remember(found, where, kind)
        commands.do(["mount", where])
        _give(where)
    _grow(found)
    _show(where)
    paths.write_json(paths.state("data.json"), {"volume": wish["volume"], "gb": wish.get("gb")})
    return "The data volume is at ~/data"


def _wait_for(wish: dict) -> str:
    deadline = time.monotonic() + DEVICE_WITHIN_S
    while not device(wish):
        if time.monotonic() > deadline:
            raise commands.Failed("The volume %s is attached, and no device of it has appeared." % wish["volume"])
        time.sleep(0.2)
    return device(wish)


def _link(found: str, where: str) -> str:
    if os.path.islink(where):
        os.unlink(where)
    _make_way(where)
    os.rmdir(where)
    os.symlink(found, where)
    _give(found)
    _show(where)
    return "SIMULATED: a folder stands for the data volume at ~/data"


def _show(where: str) -> None:
    """Let Jupyter's file browser, which begins at the workplace, show the volume too."""
    place = jupyter.workplace(accounts.name())
    link = os.path.join(place, "data")
    if not os.path.isdir(place):
        os.makedirs(place)
        _give(place)
    if not os.path.lexists(link):
        os.symlink(where, link)


def _make_way(where: str) -> None:
    """Have an empty folder there: a volume mounted over files would hide them."""
    if not os.path.isdir(where):
        os.makedirs(where)
    if os.listdir(where):
        raise commands.Failed("~/data holds files of the root disk, which the volume would hide: move them away first.")


def _give(path: str) -> None:
    owner = accounts.identity(accounts.name())
    if owner:
        os.chown(path, *owner)


def _file_system(found: str, say) -> str:  # noqa: ANN001 - takes a sentence
    """Return the volume's file system, made where it is blank; anything unknown on it is left alone."""
    probe = commands.ask(["blkid", "-p", "-o", "export", found], timeout=60)
    if probe.status == BLANK and not probe.output.strip() and _is_zeros(found):
        say("Formatting the new data volume")
        commands.do(["mkfs.ext4", "-q", "-m", "0", "-L", "awsgpu-data", found])
        probe = commands.ask(["blkid", "-p", "-o", "export", found], timeout=60)
    kind = _field(probe.output, "TYPE")
    if probe.status or not kind:
        raise commands.Failed("What is on the data volume is no file system known here: it is left as it is.")
    return kind


def _is_zeros(found: str) -> bool:
    try:
        with open(found, "rb") as volume:
            return not any(volume.read(FIRST_BYTES))
    except OSError as exc:
        raise commands.Failed("The data volume cannot be read: %s." % exc) from exc


def _field(text: str, name: str) -> str:
    rows = (line.partition("=") for line in text.splitlines())
    return next((value.strip() for key, _, value in rows if key.strip() == name), "")


def _remember(found: str, where: str, kind: str) -> None:
    """Write the line of /etc/fstab by which every later boot mounts it; another volume's line of ours goes."""
    uuid = _field(commands.ask(["blkid", "-p", "-o", "export", found], timeout=60).output, "UUID")
    if not uuid:
        raise commands.Failed("The file system of the data volume has no UUID.")
    table = paths.at("/etc/fstab")
    others = [line for line in paths.read_text(table).splitlines() if "x-awsgpu.data" not in line]
    line = "UUID=%s %s %s %s 0 2" % (uuid, where, kind, OPTIONS)
    paths.write_text(table, "\n".join([*others, line]) + "\n")
    if shutil.which("systemctl"):
        commands.ask(["systemctl", "daemon-reload"])


def _grow(found: str) -> None:
    """Let the file system fill the volume; nothing happens where it does already."""
    kind = _field(commands.ask(["blkid", "-p", "-o", "export", found], timeout=60).output, "TYPE")
    if kind == "xfs":
        commands.do(["xfs_growfs", folder()])
    elif kind.startswith("ext"):
        commands.do(["resize2fs", found])


def grow_root() -> dict:
    """Let the root's partition and file system fill a disk that has grown; return what there is now."""
    source = os.path.realpath(commands.ask(["findmnt", "-rn", "-o", "SOURCE", "/"]).output.strip() or "/")
    parent = commands.ask(["lsblk", "-no", "PKNAME", source]).output.split()
    number = paths.read_text("/sys/class/block/%s/partition" % os.path.basename(source)).strip()
    if parent and number:
        done = commands.ask(["growpart", "/dev/" + parent[0], number], timeout=120)
        if done.status and "NOCHANGE" not in done.output:
            raise commands.Failed("growpart: " + done.output.strip())
    kind = commands.ask(["findmnt", "-rn", "-o", "FSTYPE", "/"]).output.strip()
    if kind == "xfs":
        commands.do(["xfs_growfs", "/"])
    elif kind.startswith("ext"):
        commands.do(["resize2fs", source])
    return {"disk_gb": round(shutil.disk_usage(paths.at("/")).total / 2**30, 1), "file_system": kind}
