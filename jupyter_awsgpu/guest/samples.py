"""Look at what the machine does: kernels, GPU, people's processes; two looks make rates."""

from __future__ import annotations

import glob
import os
import re
import time

from . import accounts, commands, idle, jupyter, kernels, paths

TICKS = os.sysconf("SC_CLK_TCK")
FIRST_PERSON = 1000
NOBODY = 65534
NO_LOGIN = "4294967295"
LATE_FACTOR = 3


class Look:
    """The counters of one moment, as they are kept for the next."""

    def __init__(self, at: float, slept: float, counts: dict) -> None:
        self.at = at
        self.slept = slept
        self.counts = counts

    def plain(self) -> dict:
        """Return the look as JSON."""
        return {"at": self.at, "slept": self.slept, "counts": self.counts}


def sample(before: dict, every: float) -> tuple:
    """Return (idle.Sample, plain look) for now, given the plain look of the tick before (or nothing)."""
    look = take()
    seconds = max(1e-3, look.at - before["at"]) if before else 0.0
    paused = bool(before) and (before["at"] > look.at or seconds > LATE_FACTOR * every + 60)
    paused = paused or (bool(before) and abs(look.slept - before.get("slept", 0)) > 1)
    cores, worker, read, written = 0.0, "", 0.0, 0.0
    if before and not paused:
        cores, worker, read, written = rates(before["counts"], look.counts, seconds)
    executing = kernels_executing()
    gpu = 0.0 if executing else gpu_percent()
    return idle.Sample(look.at, executing, gpu, cores, worker, read, written, paused), look.plain()


def take() -> Look:
    """Read the counters of people's processes."""
    at = time.monotonic()
    boottime = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else at
    alone = accounts.identity(accounts.name()) is None
    counts = {}
    for folder in glob.glob("/proc/[0-9]*"):
        row = _process(folder, alone)
        if row:
            counts[row[0]] = row[1]
    return Look(at, boottime - at, counts)


def _process(folder: str, alone: bool) -> "tuple | None":
    stat = paths.read_text(folder + "/stat")
    name, _, rest = stat.partition(" (")[2].rpartition(") ")
    fields = rest.split()
    if len(fields) < 20 or not _counts(folder, alone):  # noqa: PLR2004 - proc(5)
        return None
    ticks = sum(int(part) for part in fields[11:15])
    io = dict(line.split(": ") for line in paths.read_text(folder + "/io").splitlines() if ": " in line)
    key = "%s.%s" % (os.path.basename(folder), fields[19])
    return key, [fields[1], name, ticks, int(io.get("rchar", 0)), int(io.get("wchar", 0))]


def _counts(folder: str, alone: bool) -> bool:
    """Whether a process is a person's: by its user, or by the login it came from (sudo keeps that)."""
    if paths.program() in paths.read_text(folder + "/cmdline"):
        return False
    if alone:
        return True
    try:
        uid = os.stat(folder).st_uid
    except OSError:
        return False
    login = paths.read_text(folder + "/loginuid", NO_LOGIN).strip()
    return FIRST_PERSON <= uid < NOBODY or login not in (NO_LOGIN, "0")


def rates(before: dict, after: dict, seconds: float) -> tuple:
    """Return (cores, the name of who works most, bytes read a second, bytes written a second): pure.

    A process that ended hands its counters to its parent: they were counted before and are taken off.
    """
    grown = {}
    for key, row in after.items():
        old = before.get(key, [0, "", 0, 0, 0])
        grown[key] = [now - then for now, then in zip(row[2:], old[2:])]
    by_pid = {key.partition(".")[0]: key for key in after}
    for key, row in before.items():
        parent = by_pid.get(row[0])
        if key not in after and parent:
            grown[parent] = [growth - gone for growth, gone in zip(grown[parent], row[2:])]
    grown = {key: [max(0, part) for part in parts] for key, parts in grown.items()}
    total = [sum(parts[index] for parts in grown.values()) for index in range(3)]
    most = max(grown, key=lambda key: grown[key][0], default="")
    worker = after[most][1] if most else ""
    return total[0] / TICKS / seconds, worker, total[1] / seconds, total[2] / seconds


def kernels_executing() -> list:
    """Return the ids of kernels, of any user's Jupyter server, that execute and do not wait for their user."""
    waiting = _waiting()
    found = []
    for home in sorted({accounts.home(accounts.name()), paths.at("/root"), *glob.glob(paths.at("/home/*"))}):
        for record in jupyter.records(home):
            listed = jupyter.ask(record, "api/kernels")
            for kernel in listed if isinstance(listed, list) else []:
                if kernel.get("execution_state") == "busy" and kernel.get("id") not in waiting:
                    found.append(kernel["id"])  # noqa: PERF401 - reads best as a loop
    return found


def _waiting() -> set:
    """Return the ids of kernels whose process says that it waits."""
    found = set()
    for mark in glob.glob(os.path.join(kernels.waiting_folder(), "[0-9]*")):
        command = paths.read_text("/proc/%s/cmdline" % os.path.basename(mark))
        found.update(re.findall(r"kernel-([\w-]+)\.json", command))
    return found


def gpu_percent() -> float:
    """Return the busiest GPU's use in percent, the most of three looks (0 without one)."""
    most = 0.0
    for look in range(3):
        done = commands.ask(["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"], timeout=30)
        if done.status:
            return most
        most = max([most, *map(float, re.findall(r"^\s*(\d+)\s*$", done.output, re.MULTILINE))])
        if most or look == 2:  # noqa: PLR2004 - the last look
            return most
        time.sleep(0.3)
    return most
