"""Guards and growth: the plain shutdowns, and the program taking a newer one over the verified SSH connection.

Until the laptop has come nobody can have begun to work here, so user-data arms the idle stop as a plain
shutdown ("lonely"): a machine nobody comes to ends by itself. The watchdog then takes its place.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile

from . import commands, identity, paths

UPLOAD_LIMIT = 4 << 20
LONELY = "lonely"


def boot(early: bool) -> bool:
    """Settle whose machine this is and arm the cap; return whether it is another machine than before."""
    another = identity.settle(early)
    arm(cap_minutes(paths.config()))
    return another


def cap_minutes(config: dict) -> int:
    """Return after how many minutes the machine stops in any case; 0 for never. A budget is hours at the price."""
    hours = [float(config["max_hours"])] if config.get("max_hours") else []
    if config.get("budget") and config.get("price_per_hour"):
        hours.append(float(config["budget"]) / float(config["price_per_hour"]))
    return int(min(hours) * 60) + 1 if hours else 0


def arm(minutes: int, name: str = "deadline") -> None:
    """Arm a plain shutdown unless it is armed; 0 disarms it."""
    commands.ask(["sh", paths.program("guest", "arm.sh"), str(minutes), name])


def update() -> None:
    """Take the program, and what belongs to /etc/awsgpu, as a tar on stdin: whole or not at all."""
    fresh, old = paths.program("guest.new"), paths.program("guest.old")
    shutil.rmtree(fresh, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read(UPLOAD_LIMIT)), mode="r:*") as archive:
        for member in archive.getmembers():
            folder, _, name = member.name.partition("/")
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None or "/" in name or not name or name.startswith("."):
                continue
            if folder == "guest":
                paths.write_text(os.path.join(fresh, name), stream.read().decode())
            elif folder == "etc":
                paths.write_text(os.path.join(paths.at("/etc/awsgpu"), name), stream.read().decode(), 0o600)
    if os.path.isdir(fresh):
        shutil.rmtree(old, ignore_errors=True)
        if os.path.isdir(paths.program("guest")):
            os.rename(paths.program("guest"), old)
        os.rename(fresh, paths.program("guest"))
        shutil.rmtree(old, ignore_errors=True)
    arm(0, LONELY)


def answer(value: object) -> None:
    """Print a verb's answer."""
    print(json.dumps(value))  # noqa: T201 - a command's answer
