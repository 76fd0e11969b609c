"""What the GPUs of this machine do at the moment, as JSON lines: `gpus.py EVERY_S COUNT` (0: until nobody listens).

This text is sent over SSH and run by any Python from 3.8 on, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

CARD = ("index", "name", "uuid", "utilization.gpu", "memory.used", "memory.total", "temperature.gpu", "power.draw",
        "power.limit")  # fmt: skip
PROCESS = ("pid", "process_name", "used_gpu_memory", "gpu_uuid")
UNITS = "--format=csv,noheader,nounits"


class NoAnswer(Exception):
    """nvidia-smi does not answer; the text says why."""


def ask(query: str, fields: tuple[str, ...]) -> list[dict[str, str]]:
    """Return what nvidia-smi says, a row a thing."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-%s=%s" % (query, ",".join(fields)), UNITS],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
            check=False,
        )
    except FileNotFoundError:
        raise NoAnswer("it has no nvidia-smi") from None
    except subprocess.TimeoutExpired:
        raise NoAnswer("nvidia-smi does not answer within 30 s") from None
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise NoAnswer((text.strip().splitlines() or ["nvidia-smi failed"])[0][:300])
    rows = [[part.strip() for part in line.split(", ")] for line in text.splitlines() if line.strip()]
    return [dict(zip(fields, row)) for row in rows if len(row) == len(fields)]


def look() -> dict:
    """Return cards and processes of this moment."""
    cards = ask("gpu", CARD)
    try:
        processes = ask("compute-apps", PROCESS)
    except NoAnswer:  # some drivers keep who computes to themselves
        processes = []
    return {"at": time.time(), "cards": cards, "processes": processes}


def main() -> int:
    """Look, and look again."""
    every, count = float(sys.argv[1]), int(sys.argv[2])
    looked = 0
    while True:
        began = time.monotonic()
        try:
            found = look()
        except NoAnswer as exc:
            found = {"at": time.time(), "refused": str(exc)}
        try:
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()
        except OSError:  # nobody listens any more
            return 0
        looked += 1
        if looked == count or "refused" in found:
            return 0
        time.sleep(max(0.1, every - (time.monotonic() - began)))


if __name__ == "__main__":
    sys.exit(main())
