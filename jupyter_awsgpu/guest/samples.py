"""Look at what the machine does: kernels, GPU, people's processes; two looks make rates."""

from __future__ import annotations

import glob
import os
import re
import time

from . import accounts, cluster, commands, idle, jupyter, kernels, paths, processes

TICKS = os.sysconf("SC_CLK_TCK")
FIRST_PERSON = 1000
NOBODY = 65534
NO_LOGIN = "4294967295"
LATE_FACTOR = 3
HELD_MIB = 16
"""More memory than this of a GPU's is held by somebody: a CUDA context alone takes 60 MiB and more."""


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
    """Read the counters of people's processes.

    An engine's services and their children, many and never quite at rest, are none: it says itself whether it works.
    """
    at = time.monotonic()
    boottime = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else at
    alone = accounts.identity(accounts.name()) is None
    every = {}
    for folder in glob.glob("/proc/[0-9]*"):
        name, _, rest = paths.read_text(folder + "/stat").partition(" (")[2].rpartition(") ")
        fields = rest.split()
        if len(fields) > 19:  # noqa: PLR2004 - proc(5)
            every[os.path.basename(folder)] = (name, fields, whose(folder, alone))
    counts, engine = {}, cluster.engine_pids()
    for pid, (name, fields, _) in every.items():
        if not engine.intersection((pid, fields[1])) and _persons(every, pid):
            io = dict(line.split(": ") for line in paths.read_text("/proc/%s/io" % pid).splitlines() if ": " in line)
            ticks = sum(int(part) for part in fields[11:15])
            row = [fields[1], name, ticks, int(io.get("rchar", 0)), int(io.get("wchar", 0))]
            counts["%s.%s" % (pid, fields[19])] = row
    return Look(at, boottime - at, counts)


def _persons(every: dict, pid: str) -> bool:
    """Whether a process is a person's: its own, or a descendant's (`sudo` in a terminal of Jupyter's).

    What the guest itself asks is not, for whomever it asks; a service that it keeps has a session of its own.
    """
    persons = False
    session = every[pid][1][3]
    while pid in every:
        _, fields, kind = every[pid]
        if kind == "guest":
            return persons and fields[3] != session
        persons = persons or kind == "person"
        pid = fields[1]
    return persons


def whose(folder: str, alone: bool) -> str:
    """Return "person" by its user, the login it came from, or a container; "guest" for this program; else ""."""
    if paths.program() in paths.read_text(folder + "/cmdline"):
        return "guest"
    if alone:
        root = os.environ.get(paths.MOUNT)
        mine = not root or "%s=%s" % (paths.MOUNT, root) in paths.read_text(folder + "/environ").split("\0")
        return "person" if mine else ""
    try:
        uid = os.stat(folder).st_uid
        contained = os.readlink(folder + "/ns/pid") != os.readlink("/proc/1/ns/pid")
    except OSError:
        return ""
    login = paths.read_text(folder + "/loginuid", NO_LOGIN).strip()
    return "person" if FIRST_PERSON <= uid < NOBODY or login not in (NO_LOGIN, "0") or contained else ""


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
    """Return the kernels of any user that execute and do not wait for their user: by Jupyter's word and by their own.

    Their own word counts also where no Jupyter started them, or where theirs does not answer.
    """
    found = set(_saying("busy"))
    for home in {accounts.home(accounts.name()), paths.at("/root"), *glob.glob(paths.at("/home/*"))}:
        for record in jupyter.records(home):
            listed = jupyter.ask(record, "api/kernels")
            for kernel in listed if isinstance(listed, list) else []:
                if kernel.get("execution_state") == "busy":
                    found.add(kernel.get("id"))
        for file in glob.glob(os.path.join(home, ".awsgpu/kernels/*/status.json")):  # a notebook's elsewhere
            relayed = paths.read_json(file, {})
            pid = relayed.get("pid")
            if relayed.get("execution_state") == "busy" and isinstance(pid, int) and processes.started(pid):
                found.add("%d.%d" % (pid, processes.started(pid)))
    return sorted(found.difference(_saying("waiting")))


def _saying(state: str) -> list:
    """Return the kernels whose living process left a mark: by Jupyter's id, or by pid where it has none."""
    found = []
    for mark in glob.glob(os.path.join(kernels.marks(), state, "*")):
        name = os.path.basename(mark)
        pid, _, born = name.partition(".")
        if pid.isdigit() and born.isdigit() and processes.started(int(pid)) == int(born):
            known = re.search(r"kernel-([\w-]+)\.json", paths.read_text("/proc/%s/cmdline" % pid))
            found.append(known.group(1) if known else name)
    return found


def gpu_percent() -> float:
    """Return the busiest GPU's use in percent, the most of three looks (0 without one).

    Without persistence mode, the asking itself wakes a GPU and reads as use: one that holds nothing is not in use.
    """
    query = "--query-gpu=utilization.gpu,memory.used"
    for look in range(3):
        done = commands.ask(["nvidia-smi", query, "--format=csv,noheader,nounits"], timeout=30)
        if done.status:
            return 0.0
        rows = re.findall(r"^\s*(\d+), (\d+)", done.output, re.MULTILINE)
        most = max([float(use) for use, held in rows if int(held) > HELD_MIB], default=0.0)
        if most or look == 2:  # noqa: PLR2004 - the last look
            return most
        time.sleep(0.3)
    return 0.0
