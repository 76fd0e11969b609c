"""The seed: the part of the guest that fits into user-data, and lets the rest in.

It settles whose machine this is, guards the bill, makes the instance's own host key, and takes the
whole program over the verified SSH connection. Until that has happened nobody can have begun to work
here, so the idle stop is a plain shutdown too: a machine nobody comes to ends by itself.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tarfile

from . import commands, hostkey, identity, paths

UPLOAD_LIMIT = 4 << 20
LONELY = "lonely"


def main(words: list) -> int:
    """Run one of the seed's verbs."""
    known = {
        "boot": lambda: boot(early="--early" in words),
        "status": lambda: answer(waiting()),
        "hostkey": lambda: answer(hostkey.offer() if words[1:] == ["offer"] else hostkey.confirm()),
        "update": update,
    }
    try:
        if not words or words[0] not in known:
            raise commands.Failed("the laptop has not brought this part of the program yet")
        known[words[0]]()
    except commands.Failed as exc:
        print("awsgpu-guest: %s" % exc, file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


def boot(early: bool) -> bool:
    """Settle whose machine this is and arm both guards; return whether it is another machine than before."""
    another = identity.settle(early)
    config = paths.config()
    arm(cap_minutes(config))
    if not os.path.exists(paths.program("guest", "verbs.py")):
        arm(int(config.get("idle_stop_minutes") or 0), LONELY)
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


def waiting() -> dict:
    """Return the report of a machine whose program is still on its way."""
    step = {"key": "program", "text": "Waiting for the rest of the guest program", "phase": "running"}
    return {"phase": "provisioning", "steps": [step], "version": "", "python": "", "program": "seed"}


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
