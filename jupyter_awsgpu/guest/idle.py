"""Whether the machine is idle, and what follows: pure functions over samples, no clock, no host.

Busy is what consumes or moves something, or a kernel that executes. An open tab, an idle kernel, a
kernel that waits for its user, somebody looking at the GPU, a keep-alive: none of these is work.
"""

from __future__ import annotations

from typing import NamedTuple

CPU_CORES = 0.25
"""People's processes together: more than a quarter of one core is work; watching a GPU each second is less."""

WRITTEN_PER_S = 32 * 1024
READ_PER_S = 512 * 1024
"""Bytes a second by people's processes that count as files moving; tabs and keep-alives are far below."""

GPU_PERCENT = 5

GRACE_S = 300.0
"""After a pause of the machine or a jump of its clock, nothing is decided for five minutes."""

NOTICE_S = 300.0

SILENT_TICKS = 3


class Sample(NamedTuple):
    """What was seen since the sample before: `at` on the monotonic clock, the rest as rates."""

    at: float
    kernels: list
    gpu_percent: float
    cores: float
    worker: str
    read_per_s: float
    written_per_s: float
    paused: bool = False
    others: "str | None" = None
    """Why the rest of the cluster is busy, on its head."""


class Node(NamedTuple):
    """What a worker last told its head, `age_s` seconds ago; it speaks `every` so many. `heard` that all stop."""

    number: int
    busy_because: "str | None"
    age_s: float
    every: float
    heard: bool = False


class Word(NamedTuple):
    """What the head says to a worker: why the cluster is busy, when it stops for idleness, and whether that is now."""

    busy_because: "str | None"
    idle_stop_in_s: "float | None"
    stop: bool


class Limits(NamedTuple):
    """The configuration's limits in seconds; None for none."""

    idle_s: "float | None"
    cap_s: "float | None"


class Memory(NamedTuple):
    """What one tick leaves to the next."""

    idle_since: float
    grace_until: float


class Verdict(NamedTuple):
    """The outcome of a tick. `stop` names the reason to shut down now, or is None."""

    busy_because: "str | None"
    idle_stop_in_s: "float | None"
    cap_in_s: "float | None"
    stop: "str | None"
    notice: "str | None"
    memory: Memory


def busy(sample: Sample) -> "str | None":
    """Return why the machine is busy, or None."""
    if sample.kernels:
        count = len(sample.kernels)
        return "a kernel is executing" if count == 1 else "%d kernels are executing" % count
    if sample.gpu_percent >= GPU_PERCENT:
        return "the GPU is %d %% in use" % sample.gpu_percent
    if sample.cores >= CPU_CORES:
        return "%s is working (%.1f cores)" % (sample.worker or "a process", sample.cores)
    if sample.written_per_s >= WRITTEN_PER_S or sample.read_per_s >= READ_PER_S:
        return "files are moving (%d kB/s)" % (max(sample.written_per_s, sample.read_per_s) / 1000)
    return sample.others


def others(tasks: int, workers: list) -> "str | None":
    """Return why a cluster is busy beside its head: the engine has tasks, or a worker that still speaks is busy."""
    if tasks:
        return "a task is computing on the cluster" if tasks == 1 else "%d tasks are computing on the cluster" % tasks
    for one in sorted(workers):
        if one.busy_because and speaks(one):
            return "node %d: %s" % (one.number, one.busy_because)
    return None


def speaks(node: Node) -> bool:
    """Whether a worker has spoken lately: one that is silent for three ticks is gone, and keeps nobody waiting."""
    return node.age_s <= SILENT_TICKS * node.every


def said(sample: Sample, kept_for: float) -> "str | None":
    """Return what a worker tells its head: why it is busy, or that somebody wants it to stay."""
    return busy(sample) or ("somebody keeps it running" if kept_for > 0 else None)


def follow(verdict: Verdict, word: Word, at: float, limits: Limits) -> Verdict:
    """Return a worker's verdict as its head has it: for idleness all stop together; the cap stays its own.

    Its own idle time begins when the head falls silent.
    """
    return Verdict(
        verdict.busy_because or word.busy_because,
        word.idle_stop_in_s,
        verdict.cap_in_s,
        "cap" if verdict.stop == "cap" else "idle" if word.stop else None,
        _notice(word.idle_stop_in_s, verdict.cap_in_s, limits),
        verdict.memory._replace(idle_since=at),
    )


def judge(sample: Sample, memory: Memory, limits: Limits, uptime: float, kept_for: float) -> Verdict:
    """Decide: `uptime` and `kept_for` are seconds, the latter of a hold that is still on (0 for none)."""
    reason = busy(sample)
    if sample.paused:
        memory = Memory(sample.at, sample.at + GRACE_S)
    elif reason or kept_for > 0:
        memory = Memory(sample.at, memory.grace_until)
    idle_in = None
    if limits.idle_s is not None:
        idle_in = max(memory.idle_since + limits.idle_s, memory.grace_until) - sample.at
        if kept_for > 0:
            idle_in = kept_for + limits.idle_s
    cap_in = None if limits.cap_s is None else limits.cap_s - uptime
    stop = None
    if cap_in is not None and cap_in <= 0:
        stop = "cap"
    elif idle_in is not None and idle_in <= 0 and not reason:
        stop = "idle"
    return Verdict(reason, idle_in, cap_in, stop, _notice(idle_in, cap_in, limits), memory)


def _notice(idle_in: "float | None", cap_in: "float | None", limits: Limits) -> "str | None":
    ends = []
    if cap_in is not None and cap_in < NOTICE_S:
        ends.append((cap_in, "its time or budget is used up"))
    if idle_in is not None and limits.idle_s and idle_in < min(NOTICE_S, limits.idle_s / 2):
        ends.append((idle_in, "nothing is working on it"))
    if not ends:
        return None
    left, why = min(ends)
    return "This machine stops itself in %d min: %s." % (max(0, round(left / 60)), why)
