"""The watchdog: one tick looks, judges, writes the report, and shuts the machine down when it is time."""

from __future__ import annotations

import glob
import json
import os
import sys
import time

from . import cluster, commands, idle, kernels, ledger, nodes, paths, samples, seed, services
from .identity import metadata
from .progress import Step

NAME = "watch"
EVERY_S = 60
SPOT_EVERY_S = 15
"""A spot instance is told two minutes before its end; it is asked four times a minute."""


def steps(config: dict) -> list:
    """Return the step that starts the watchdog."""

    def right() -> bool:
        backend = services.seam()
        return not hurry() and not backend.install(service(config)) and backend.running(NAME)

    def start(say) -> None:  # noqa: ANN001 - takes a sentence
        del say
        backend = services.seam()
        backend.install(service(config))
        backend.restart(NAME)
        deadline = time.monotonic() + 10
        while not backend.running(NAME) and time.monotonic() < deadline:
            time.sleep(0.05)

    return [Step("watch", "Starting the watchdog", right, start)]


def hurry() -> bool:
    """Have a shutdown wait 30 s, not systemd's 90, for people's programs that will not go: they cost by the second.

    Return whether that was new.
    """
    if not os.path.isdir(paths.at(services.SYSTEMD)):
        return False
    new = False
    for unit, section in (("session-.scope", "Scope"), ("user@.service", "Service")):
        path = paths.at("/etc/systemd/system/%s.d/awsgpu.conf" % unit)
        new |= paths.write_text(path, "[%s]\nTimeoutStopSec=30\n" % section)
    if new:
        commands.ask(["systemctl", "daemon-reload"], timeout=60)
    return new


def service(config: dict) -> services.Service:
    """Return the timed service."""
    every = int(config.get("tick_seconds") or (SPOT_EVERY_S if is_spot() else EVERY_S))
    return services.Service(NAME, [sys.executable, "-sE", paths.program("main.py"), "tick"], every=every)


def is_spot() -> bool:
    """Whether this is a spot instance; asked once a boot."""
    record = paths.read_json(paths.run("spot.json"), {})
    if not record:
        life = metadata("meta-data/instance-life-cycle")
        record = {"spot": life == "spot"}
        if life:  # no answer is none: it is asked again
            paths.write_json(paths.run("spot.json"), record)
    return bool(record["spot"])


def tick() -> int:
    """Look once. Whatever goes wrong with looking or writing, idle stop and cap are kept."""
    config = paths.config()
    seed.arm(0, seed.LONELY)  # the seed may have armed it while the rest was arriving
    kept = paths.read_json(paths.run("watch.json"), {})
    every = service(config).every or EVERY_S
    try:
        sample, look = samples.sample(kept.get("look", {}), every)
    except Exception as exc:  # a broken look must not keep a machine running
        print("awsgpu: could not look: %r" % exc, file=sys.stderr)  # noqa: T201 - the service's log
        sample, look = idle.Sample(time.monotonic(), [], 0, 0, "", 0, 0, not kept), {}
    memory = idle.Memory(*kept.get("memory", (sample.at, 0.0)))
    ledger.update()
    verdict = judged(sample, memory, limits(config), every)
    notice = spot_notice() or verdict.notice
    if _matter(notice) != _matter(kept.get("notice")):
        tell(notice)
    paths.note_json(paths.run("watch.json"), {"look": look, "memory": list(verdict.memory), "notice": notice})
    report = {key: getattr(verdict, key) for key in ("busy_because", "idle_stop_in_s", "cap_in_s", "stop")}
    report.update(notice=notice, at=sample.at, boot=paths.boot_id())
    paths.note_json(paths.state("report.json"), report)
    if verdict.stop == "idle" and is_head() and not nodes.dismiss(wanted):
        paths.note_json(paths.state("report.json"), dict(report, stop=None))
    elif verdict.stop:
        print("awsgpu: stopping: " + verdict.stop, flush=True)  # noqa: T201 - the service's log
        commands.ask(["shutdown", "-h", "now"], timeout=60)
    return 0


def wanted() -> bool:
    """Whether somebody keeps this machine, or a kernel here executes."""
    return kept_for() > 0 or bool(samples.kernels_executing())


def is_head() -> bool:
    """Whether this is the head of a cluster."""
    return cluster.document().get("node") == 0


def judged(sample: idle.Sample, memory: idle.Memory, ends: idle.Limits, every: float) -> idle.Verdict:
    """Return the verdict; of a cluster's node, that of the whole cluster, as its head has it."""
    part = cluster.document()
    if part.get("node") == 0:
        sample = sample._replace(others=idle.others(nodes.tasks_since(every), nodes.workers()))
    verdict = idle.judge(sample, memory, ends, ledger.uptime(), kept_for())
    word = nodes.ask(part, idle.said(sample, kept_for()), every) if part.get("node") else None
    return idle.follow(verdict, word, sample.at, ends) if word else verdict


def _matter(notice: "str | None") -> str:
    """Return what a notice is about: one whose minutes alone have changed was told already."""
    return (notice or "").rpartition(": ")[2]


def tell(notice: "str | None") -> None:
    """Tell everybody here: each terminal, of SSH or Jupyter, and each kernel's output; or take the notice back."""
    paths.write_text(os.path.join(kernels.marks(), "notice"), notice or "")
    for terminal in glob.glob(paths.at("/dev/pts/[0-9]*")) if notice else []:
        try:
            handle = os.open(terminal, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            os.write(handle, ("\r\n\a%s\r\n" % notice).encode())
        except OSError:  # one that was halted by Ctrl-S must not halt us
            pass
        finally:
            os.close(handle)


def limits(config: dict) -> idle.Limits:
    """Return the limits a configuration sets."""
    minutes, cap = config.get("idle_stop_minutes"), seed.cap_minutes(config)
    # The plain shutdown's minutes are rounded up; the watchdog ends the machine before it, within a tick of the cap.
    return idle.Limits(float(minutes) * 60 if minutes else None, max(1, cap - 1) * 60.0 if cap else None)


def kept_for() -> float:
    """Return how many seconds a hold on the idle stop still lasts."""
    record = paths.read_json(paths.state("keep.json"), {})
    return max(0.0, record.get("until", 0) - time.monotonic()) if record.get("boot") == paths.boot_id() else 0.0


def keep(hours: float) -> None:
    """Hold the idle stop off for `hours` from now (0 takes a hold back); the cap stands."""
    until = time.monotonic() + hours * 3600
    paths.write_json(
        paths.state("keep.json"), {"until": until, "boot": paths.boot_id(), "wall": paths.now() + hours * 3600}
    )
    tick()


def spot_notice() -> "str | None":
    """Return word of the end AWS has set a spot instance."""
    if not is_spot():
        return None
    text = metadata("meta-data/spot/instance-action")
    try:
        action = json.loads(text)
    except ValueError:
        return None
    return "AWS takes this spot instance back (%s) at %s." % (
        action.get("action", "stop"),
        action.get("time", "any moment"),
    )
