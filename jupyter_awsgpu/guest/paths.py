"""Where the guest keeps things, all below `$AWSGPU_ROOT`, and how it writes them durably."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time

MOUNT = "AWSGPU_ROOT"


def at(path: str) -> str:
    """Return an absolute path of the instance, moved below `$AWSGPU_ROOT`."""
    return os.path.join(os.environ.get(MOUNT) or "/", path.lstrip("/"))


def program(*parts: str) -> str:
    """Return a path below /opt/awsgpu, where the program lies."""
    return os.path.join(at("/opt/awsgpu"), *parts)


def state(*parts: str) -> str:
    """Return a path below /var/lib/awsgpu: what outlives a reboot."""
    return os.path.join(at("/var/lib/awsgpu"), *parts)


def run(*parts: str) -> str:
    """Return a path below /run/awsgpu: what does not outlive a reboot, or says which boot it is of."""
    return os.path.join(at("/run/awsgpu"), *parts)


def log(name: str) -> str:
    """Return the log file of a service or of the provisioning."""
    return os.path.join(at("/var/log/awsgpu"), name + ".log")


def config() -> dict:
    """Return /etc/awsgpu/config.json, or nothing where there is none yet."""
    return read_json(at("/etc/awsgpu/config.json"), {})


def mirrors() -> dict:
    """Return other addresses for downloads: the image's own (/etc/awsgpu/mirror.json), then the configuration's."""
    return dict(read_json(at("/etc/awsgpu/mirror.json"), {}), **(config().get("mirror") or {}))


def read_json(path: str, default: object) -> object:
    """Return the JSON of a file, or `default` where it is missing or damaged (a power cut)."""
    try:
        with open(path, encoding="utf-8") as stream:
            value = json.load(stream)
    except (OSError, ValueError):
        return default
    return value if isinstance(value, type(default)) else default


def read_text(path: str, default: str = "") -> str:
    """Return a small text file's content, or `default`."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return default


def write_json(path: str, value: object, mode: int = 0o644) -> None:
    """Write JSON atomically and durably."""
    write_text(path, json.dumps(value, sort_keys=True) + "\n", mode)


def note_json(path: str, value: object) -> None:
    """Write JSON where there is room; a disk that is full or read-only is no reason not to go on."""
    try:
        write_json(path, value)
    except OSError as exc:
        print("awsgpu: could not write: %s" % exc, file=sys.stderr)  # noqa: T201 - the service's log


def write_text(path: str, text: str, mode: int = 0o644, owner: tuple | None = None) -> bool:
    """Write a file atomically and durably, never for a moment with a wider mode; say whether it changed."""
    try:
        same = read_text(path) == text and os.stat(path).st_mode & 0o777 == mode
    except OSError:
        same = False
    if not same:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        new = "%s.%d.new" % (path, os.getpid())
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), mode)
                if owner:
                    os.fchown(stream.fileno(), *owner)
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(new, path)
        except OSError:
            remove(new)
            raise
    return not same


def remove(path: str) -> None:
    """Remove a file that may not be there."""
    if os.path.lexists(path):
        os.unlink(path)


def boot() -> dict:
    """Return this boot's record: "id", and "at" on the monotonic clock. Made where there is none.

    /run is empty after a start; where the kernel is shared with other hosts, the first process tells
    one start from another.
    """
    first = read_text("/proc/1/stat").rpartition(")")[2].split()[19:20]
    marks = " ".join([read_text("/proc/sys/kernel/random/boot_id").strip(), *first])
    record = read_json(run("boot.json"), {})
    if _of_this_boot(record, marks):
        return record
    os.makedirs(run(), exist_ok=True)
    with open(run("boot.lock"), "w", encoding="utf-8") as lock:  # two that name the boot at once agree on one name
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = read_json(run("boot.json"), {})
        if not _of_this_boot(record, marks):
            whole = os.environ.get(MOUNT, "/") == "/" and first
            at_s = int(first[0]) / os.sysconf("SC_CLK_TCK") if whole else time.monotonic()
            record = {"id": os.urandom(6).hex(), "marks": marks, "at": at_s}
            write_json(run("boot.json"), record)
    return record


def _of_this_boot(record: dict, marks: str) -> bool:
    return record.get("marks") == marks and record.get("at", 0) <= time.monotonic()


def boot_id() -> str:
    """Return the name of this boot."""
    return str(boot()["id"])


def now() -> float:
    """Return seconds since the epoch, for showing; nothing is decided by it."""
    return time.time()
